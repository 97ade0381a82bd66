import { cleanPath, trimBlanks } from "./ignore-file.ts";
import { parseExpression } from "./ignore-expression.ts";

/** One line of a `.dockerignore`. */
export interface IgnorePattern {
  /** Without the `!`, in its shortest form. */
  readonly text: string;
  /** `!`: lets in again what earlier patterns keep out. */
  readonly isException: boolean;
  /** Of a path with slashes, relative to the context. */
  readonly matches: (path: string) => boolean;
}

/**
 * Reads a pattern exactly as BuildKit does, its oddities included: `a\d` takes a digit, `[*]` is no star. `none` where it is blank; undefined
 * where it is malformed, so that BuildKit refuses the build.
 * @see https://github.com/moby/patternmatcher/blob/v0.6.1/patternmatcher.go
 */
export function parsePattern(written: string): IgnorePattern | "none" | undefined {
  const trimmed = trimBlanks(written);
  if (trimmed === "") return "none";
  const clean = cleanPath(trimmed);
  if (clean === "!") return undefined;
  const isException = clean.startsWith("!");
  const text = isException ? clean.slice(1) : clean;
  const matches = isWellFormed(text) ? compile(text) : undefined;
  return matches === undefined ? undefined : { text, isException, matches };
}

/** What Go's `filepath.Match` takes for a pattern. */
const WELL_FORMED = /^(?:[^[\\]|\\.|\[\^?(?:(?:[^\]\\-]|\\.)(?:-(?:[^\]\\-]|\\.))?)+\])*$/su;

function isWellFormed(pattern: string): boolean {
  return WELL_FORMED.test(pattern);
}

/** How a pattern is compared: as it is, by its beginning, by its end, or as an expression. */
type Kind = "exact" | "prefix" | "suffix" | "expression";

function compile(pattern: string): ((path: string) => boolean) | undefined {
  const { kind, expression } = translate(Array.from(pattern));
  switch (kind) {
    case "exact":
      return (path) => path === pattern;
    case "prefix":
      return (path) => path.startsWith(pattern.slice(0, -2));
    case "suffix":
      return (path) => path.endsWith(pattern.slice(2)) || (pattern[2] === "/" && path === pattern.slice(3));
    case "expression":
      return parseExpression(expression);
    default:
      return kind satisfies never;
  }
}

interface Translated {
  readonly kind: Kind;
  readonly expression: string;
}

/** A pattern as a regular expression, step for step as BuildKit makes it. */
function translate(pattern: readonly string[]): Translated {
  let kind: Kind = "exact";
  let expression = "^";
  for (let at = 0; at < pattern.length; at += 1) {
    const character = pattern[at] ?? "";
    if (character === "*" && pattern[at + 1] === "*") {
      const isFirst = at === 0;
      at += pattern[at + 2] === "/" ? 2 : 1;
      const isLast = at + 1 >= pattern.length;
      const isPrefix: boolean = isLast && kind === "exact";
      if (!isPrefix) expression += isLast ? ".*" : "(.*/)?";
      kind = isFirst ? "suffix" : isPrefix ? "prefix" : "expression";
      continue;
    }
    const part = translateOne(character, pattern[at + 1]);
    if (character === "\\") at += 1;
    expression += part.expression;
    if (part.isSpecial) kind = "expression";
  }
  return { kind, expression: `${expression}$` };
}

function translateOne(
  character: string,
  following: string | undefined,
): { readonly expression: string; readonly isSpecial: boolean } {
  if (character === "*") return { expression: "[^/]*", isSpecial: true };
  if (character === "?") return { expression: "[^/]", isSpecial: true };
  if (character === "\\") return { expression: `\\${following ?? ""}`, isSpecial: true };
  if (character === "[" || character === "]") return { expression: character, isSpecial: true };
  // BuildKit means to escape `|`, `{` and `}` too, and does not: its table is too small for them.
  const isEscaped = ".+()$".includes(character);
  return { expression: (isEscaped ? "\\" : "") + character, isSpecial: false };
}
