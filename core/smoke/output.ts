import { LONGEST_LINE } from "../buildkit/log-lines.ts";

/** So many of the last lines are kept to be shown, each cut to so many characters. */
const SHOWN_LINES = 20;
const SHOWN_CHARACTERS = 2_000;

/** Listens to what a test prints: looks for a text in all of it, and keeps no more than the end. */
export class Output {
  readonly #wanted: string;
  #isFound: boolean;
  #isCut = false;
  /** The end of what was printed, long enough that a text which goes on in the next line is found. */
  #tail = "";
  readonly #last: string[] = [];

  constructor(wanted: string | undefined) {
    this.#wanted = wanted ?? "";
    this.#isFound = this.#wanted === "";
  }

  /** Takes in one line as the progress of a solve gives it. */
  line(text: string): void {
    this.#last.push(text.slice(0, SHOWN_CHARACTERS));
    if (this.#last.length > SHOWN_LINES) this.#last.shift();
    this.#isCut ||= isClipping(text);
    if (this.#isFound) return;
    // A line that long was cut there, and goes on in the next.
    const printed = this.#tail + text + (text.length > LONGEST_LINE ? "" : "\n");
    this.#isFound = printed.includes(this.#wanted);
    this.#tail = printed.slice(Math.max(0, printed.length - this.#wanted.length));
  }

  /** Was the wanted text printed? True where none is wanted. */
  isFound(): boolean {
    return this.#isFound;
  }

  /** Did BuildKit leave out a part of the output? */
  isCut(): boolean {
    return this.#isCut;
  }

  /** The last lines. */
  last(): readonly string[] {
    return [...this.#last];
  }
}

/** BuildKit stops to pass on what a step prints after 2 MiB, or where it prints too fast (util/progress/logs/logs.go). */
function isClipping(line: string): boolean {
  return /^\[output clipped, log limit \S+ reached\]/.test(line);
}
