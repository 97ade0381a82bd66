/** A line of a shell may be so long before it is no longer looked at. */
const MOST_CHARACTERS = 16_384;

/** One command of a line: its words, quotes taken away. `simple` where nothing in it is made at run time (`$APP`, `*`). */
export interface SimpleCommand {
  readonly words: readonly string[];
}

/**
 * The simple commands of a shell line, as far as they can be told without running it: what stands between `&&`, `;`, `|` and
 * the like. A command ends early at a word that only the shell can make: `$VARIABLE`, a glob, a substitution.
 */
export function splitShellLine(line: string): readonly SimpleCommand[] {
  const commands: string[][] = [[]];
  let ended = false;
  for (const token of tokens(line.slice(0, MOST_CHARACTERS))) {
    if (token.kind === "end") {
      commands.push([]);
      ended = false;
    } else if (token.kind === "unknown") ended = true;
    else if (!ended) commands.at(-1)?.push(token.text);
  }
  return commands.filter((words) => words.length > 0).map((words) => ({ words }));
}

/** The words of `env -S`: split at blanks, quotes taken away. */
export function splitWords(text: string): readonly string[] {
  return tokens(text.slice(0, MOST_CHARACTERS)).flatMap((token) =>
    token.kind === "word" ? [token.text] : [],
  );
}

type Token =
  | { readonly kind: "word"; readonly text: string }
  | { readonly kind: "unknown" }
  | { readonly kind: "end" };

// A word is made of pieces without a blank between them: quoted in either way, escaped, or plain.
const PIECE = /'([^']*)'|"((?:[^"\\]|\\[^])*)"|\\([^])|([^\s'"\\;&|()<>]+)/y;
const SEPARATOR = /[;&|()\n]+/y;
const BLANK = /[^\S\n]+/y;

function tokens(line: string): readonly Token[] {
  const found: Token[] = [];
  for (let at = 0; at < line.length;) {
    const blank = matchAt(BLANK, line, at);
    const separator = matchAt(SEPARATOR, line, at);
    if (blank !== undefined) at += blank.length;
    else if (separator !== undefined) {
      found.push({ kind: "end" });
      at += separator.length;
    } else {
      const word = wordAt(line, at);
      found.push(word.known ? { kind: "word", text: word.text } : { kind: "unknown" });
      at = word.end;
    }
  }
  return found;
}

interface Word {
  readonly text: string;
  readonly known: boolean;
  readonly end: number;
}

function wordAt(line: string, start: number): Word {
  let text = "";
  let known = true;
  let at = start;
  while (at < line.length) {
    PIECE.lastIndex = at;
    const piece = PIECE.exec(line);
    if (piece === null) break;
    const [whole, single, double, escaped, plain] = piece;
    text += single ?? double?.replaceAll(/\\(["\\$`])/g, "$1") ?? escaped ?? plain ?? "";
    known &&= !/[$`]/.test(double ?? plain ?? "") && !/[*?[\]{}]/.test(plain ?? "");
    at += whole.length;
  }
  // A redirection, or a quote without its end: nothing after it is understood.
  return at > start ? { text, known, end: at } : { text, known: false, end: start + 1 };
}

function matchAt(pattern: RegExp, text: string, at: number): string | undefined {
  pattern.lastIndex = at;
  return pattern.exec(text)?.[0];
}
