import { fail, ok, type Result } from "../result.ts";
import { parsePattern, type IgnorePattern } from "./ignore-pattern.ts";

/** A malformed pattern, as it is written. */
export interface PatternInvalid {
  readonly pattern: string;
}

/** What keeps files out of a context. */
export interface Ignore {
  readonly patterns: readonly IgnorePattern[];
  /** Exceptions have no wildcards, so that a folder which none of them names need not be walked. */
  readonly hasPlainExceptions: boolean;
}

/** What is known of a path: is it kept out, and which patterns match it or a folder above it? */
export interface Judged {
  readonly isIgnored: boolean;
  readonly matched: readonly boolean[];
}

/** Reads patterns as {@link import("./ignore-file.ts").readIgnoreFile} gives them. */
export function createIgnore(written: readonly string[]): Result<Ignore, PatternInvalid> {
  const patterns: IgnorePattern[] = [];
  for (const text of written) {
    const pattern = parsePattern(text);
    if (pattern === undefined) return fail({ pattern: text });
    if (pattern !== "none") patterns.push(pattern);
  }
  const hasPlainExceptions = patterns.every(
    (each) => !each.isException || !/[*[\]?^\\]/.test(withoutGlob(each)),
  );
  return ok({ patterns, hasPlainExceptions });
}

const LET_IN: Judged = { isIgnored: false, matched: [] };

/**
 * Is a path kept out? Later patterns win, and what matches a folder matches everything in it. `above` is what was found for the folder
 * that holds it; absent in the context itself.
 */
export function judge({ patterns }: Ignore, path: string, above?: Judged): Judged {
  if (patterns.length === 0) return LET_IN;
  let isIgnored = false;
  const matched = patterns.map(({ isException, matches }, index) => {
    const inherited = above?.matched[index] === true;
    // As BuildKit has it, a pattern that would change nothing is not looked at, and counts as not matching.
    if (!inherited && (isException !== isIgnored || !matches(path))) return false;
    isIgnored = !isException;
    return true;
  });
  return { isIgnored, matched };
}

/** May something in this folder, which is kept out itself, be let in by an exception? */
export function mayHoldExceptions({ patterns, hasPlainExceptions }: Ignore, folder: string): boolean {
  if (!hasPlainExceptions) return true;
  return patterns.some((each) => each.isException && `${withoutGlob(each)}/`.startsWith(`${folder}/`));
}

function withoutGlob({ text }: IgnorePattern): string {
  return text.replace(/\/\*\*$/, "").replace(/\/\*$/, "");
}
