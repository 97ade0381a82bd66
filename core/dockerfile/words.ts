/** A part of a text: half-open offsets, and what they hold as the reader of it takes it. */
export interface Part {
  readonly text: string;
  readonly start: number;
  readonly end: number;
}

const SPACE = /\s/;

/** Parts between blanks, nothing else being special: the arguments of FROM, COPY and ADD. */
export function splitAtBlanks(text: string): readonly Part[] {
  return [...text.matchAll(/\S+/g)].map(({ 0: part, index }) => ({
    text: part,
    start: index,
    end: index + part.length,
  }));
}

/**
 * Words with their quotes and escape characters kept: what ARG, ENV and LABEL are split into.
 * @see https://github.com/moby/buildkit/blob/v0.33.1/frontend/dockerfile/parser/line_parsers.go (parseWords)
 */
export function splitWords(text: string, escape: string): readonly Part[] {
  const words: Part[] = [];
  let start: number | undefined;
  let quote: string | undefined;
  for (let at = 0; at <= text.length; at += 1) {
    const char = text[at];
    const isBlank = char === undefined || (quote === undefined && SPACE.test(char));
    if (isBlank && start !== undefined) {
      words.push({ text: text.slice(start, at), start, end: at });
      start = undefined;
    }
    if (isBlank) continue;
    start ??= at;
    if (char === escape && quote !== "'") at += 1;
    else if (char === quote) quote = undefined;
    else if (quote === undefined && (char === "'" || char === '"')) quote = char;
  }
  // An escape character at the very end steps over it.
  if (start !== undefined) words.push({ text: text.slice(start), start, end: text.length });
  return words;
}

/** The flags at the beginning of arguments, quotes and escape characters removed, and where the rest begins. */
export interface SplitFlags {
  readonly flags: readonly Part[];
  readonly rest: number;
}

/** @see https://github.com/moby/buildkit/blob/v0.33.1/frontend/dockerfile/parser/split_command.go (extractBuilderFlags) */
export function splitFlags(text: string, from: number, escape: string): SplitFlags {
  const flags: Part[] = [];
  let at = skipBlanks(text, from);
  while (text.startsWith("--", at)) {
    const flag = readFlag(text, at, escape);
    at = skipBlanks(text, flag.end);
    if (flag.text === "--") break;
    flags.push(flag);
  }
  return { flags, rest: at };
}

function readFlag(text: string, start: number, escape: string): Part {
  let value = "";
  let quote: string | undefined;
  let at = start;
  for (; at < text.length; at += 1) {
    const char = text[at] ?? "";
    if (quote === undefined && SPACE.test(char)) break;
    if (char === quote) quote = undefined;
    else if (quote === undefined && (char === "'" || char === '"')) quote = char;
    else if (char === escape) {
      at += 1;
      value += text[at] ?? "";
    } else value += char;
  }
  return { text: value, start, end: Math.min(at, text.length) };
}

function skipBlanks(text: string, from: number): number {
  let at = from;
  while (at < text.length && SPACE.test(text[at] ?? "")) at += 1;
  return at;
}
