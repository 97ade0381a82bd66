/** Is a character, as a code point, one of these? */
export type Characters = (code: number) => boolean;

const LINE_FEED = 0x0a;

/** What `.` takes. */
export const notLineFeed: Characters = (code) => code !== LINE_FEED;

/** A character of a word, for `\b`: ASCII only. */
export const isWord = inRanges("09AZ__az");

/** What a backslash and a letter stand for. */
const ESCAPED_SETS: Readonly<Record<string, Characters>> = {
  d: inRanges("09"),
  D: not(inRanges("09")),
  s: inRanges("\t\n\f\r  "),
  S: not(inRanges("\t\n\f\r  ")),
  w: isWord,
  W: not(isWord),
};

const ESCAPED: Readonly<Record<string, string>> = {
  a: "\u0007",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
  v: "\v",
};

/** `[:alpha:]` and its like, as pairs of first and last. */
const NAMED: Readonly<Record<string, string>> = {
  alnum: "09AZaz",
  alpha: "AZaz",
  ascii: "\u0000\u007f",
  blank: "\t\t  ",
  cntrl: "\u0000\u001f\u007f\u007f",
  digit: "09",
  graph: "!~",
  lower: "az",
  print: " ~",
  punct: "!/:@[`{~",
  space: "\t\r  ",
  upper: "AZ",
  word: "09AZaz__",
  xdigit: "09AFaf",
};

/** Characters, and where the text goes on behind what named them. */
export interface ReadCharacters {
  readonly characters: Characters;
  readonly next: number;
}

/** Reads `\x` outside of brackets, `at` the backslash; undefined where Go refuses it, or where it is one that nobody writes (`\p{Greek}`, `\x41`). */
export function readEscape(text: readonly string[], at: number): ReadCharacters | undefined {
  const set = ESCAPED_SETS[text[at + 1] ?? ""];
  if (set !== undefined) return { characters: set, next: at + 2 };
  const literal = escapedLiteral(text[at + 1]);
  return literal === undefined ? undefined : { characters: only(literal), next: at + 2 };
}

/**
 * Reads `[...]` as Go's regular expressions do, `at` the bracket; undefined where they refuse it.
 * @see https://github.com/golang/go/blob/master/src/regexp/syntax/parse.go (`parseClass`)
 */
export function readClass(text: readonly string[], at: number): ReadCharacters | undefined {
  const isNegated = text[at + 1] === "^";
  const sets: Characters[] = [];
  const start = at + (isNegated ? 2 : 1);
  let next = start;
  while (next === start || text[next] !== "]") {
    const item = readItem(text, next);
    if (item === undefined) return undefined;
    sets.push(item.characters);
    next = item.next;
  }
  const any: Characters = (code) => sets.some((set) => set(code));
  return { characters: isNegated ? not(any) : any, next: next + 1 };
}

function readItem(text: readonly string[], at: number): ReadCharacters | undefined {
  const named = text[at] === "[" && text[at + 1] === ":" ? readNamed(text, at) : "none";
  if (named !== "none") return named;
  const set = text[at] === "\\" ? ESCAPED_SETS[text[at + 1] ?? ""] : undefined;
  if (set !== undefined) return { characters: set, next: at + 2 };
  const first = readCharacter(text, at);
  if (first === undefined) return undefined;
  if (text[first.next] !== "-" || (text[first.next + 1] ?? "]") === "]")
    return { characters: only(first.code), next: first.next };
  const last = readCharacter(text, first.next + 1);
  if (last === undefined || last.code < first.code) return undefined;
  return { characters: (code) => code >= first.code && code <= last.code, next: last.next };
}

function readCharacter(
  text: readonly string[],
  at: number,
): { readonly code: number; readonly next: number } | undefined {
  const escaped = text[at] === "\\";
  const code = escaped ? escapedLiteral(text[at + 1]) : text[at]?.codePointAt(0);
  return code === undefined ? undefined : { code, next: at + (escaped ? 2 : 1) };
}

/** `[:alpha:]`, `[:^alpha:]`; `none` where there is no end of a name, so that the bracket is itself. */
function readNamed(text: readonly string[], at: number): ReadCharacters | undefined | "none" {
  const end = text.findIndex((each, index) => index >= at + 2 && each === ":" && text[index + 1] === "]");
  if (end === -1) return "none";
  const name = text.slice(at + 2, end).join("");
  const ranges = NAMED[name.replace(/^\^/, "")];
  if (ranges === undefined) return undefined;
  const characters = inRanges(ranges);
  return { characters: name.startsWith("^") ? not(characters) : characters, next: end + 2 };
}

function escapedLiteral(character: string | undefined): number | undefined {
  if (character === undefined) return undefined;
  const named = ESCAPED[character];
  const isPunctuation = /^[\0-\x7f]$/.test(character) && !/[0-9A-Za-z]/.test(character);
  return (named ?? (isPunctuation ? character : undefined))?.codePointAt(0);
}

/** One character, as it stands. */
export function only(wanted: number): Characters {
  return (code) => code === wanted;
}

function not(characters: Characters): Characters {
  return (code) => !characters(code);
}

/** `09az`: from 0 to 9, from a to z. ASCII. */
function inRanges(pairs: string): Characters {
  const codes = pairs.split("").map((each) => each.charCodeAt(0));
  return (code) =>
    codes.some((first, index) => index % 2 === 0 && code >= first && code <= (codes[index + 1] ?? first));
}
