const SPACE = /\s/;

/** The words of a text while it is read: characters part them where they are blanks, what was quoted does not. */
export class WordList {
  readonly all: string[] = [];
  #word = "";
  #inWord = false;

  char(char: string): void {
    if (!SPACE.test(char)) this.raw(char);
    else if (this.#inWord && this.#word !== "") this.end();
  }

  raw(text: string): void {
    this.#word += text;
    this.#inWord = true;
  }

  end(): void {
    if (this.#word !== "") this.all.push(this.#word);
    this.#word = "";
    this.#inWord = false;
  }
}
