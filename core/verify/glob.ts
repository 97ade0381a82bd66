/**
 * Globs of absolute paths in an image: `*` and `?` within one part of a path, `**` for any number of parts, `{a,b}` for either.
 * Everything else stands for itself. A pattern that ends with `/` means all below that folder.
 *
 * Paths come out of images that anybody may have made: matching takes time in proportion to pattern times path at worst, which
 * a glob that is turned into a regular expression does not promise.
 */

/** So many spellings `{a,b}` may stand for in one pattern; the rest is left out. */
const MOST_ALTERNATIVES = 64;

type Pattern = readonly string[];

/** Makes of globs a test for paths. */
export function matchGlobs(globs: readonly string[]): (path: string) => boolean {
  const patterns = globs.flatMap((glob) => expandBraces(glob)).map(toParts);
  if (patterns.length === 0) return () => false;
  return (path) => {
    const parts = path.split("/").filter(Boolean);
    return patterns.some((pattern) => matchesParts(pattern, parts));
  };
}

function toParts(glob: string): Pattern {
  const whole = glob.endsWith("/") ? `${glob}**` : glob;
  return whole.split("/").filter((part) => part !== "" && part !== ".");
}

/** The innermost braces first, so that braces in braces need no grammar. */
function expandBraces(glob: string): readonly string[] {
  const done: string[] = [];
  const open = [glob];
  for (let pattern = open.pop(); pattern !== undefined; pattern = open.pop()) {
    const close = pattern.indexOf("}");
    const start = close === -1 ? -1 : pattern.lastIndexOf("{", close);
    if (start === -1) done.push(pattern);
    else if (open.length + done.length < MOST_ALTERNATIVES) {
      const [before, after] = [pattern.slice(0, start), pattern.slice(close + 1)];
      const choices = pattern.slice(start + 1, close).split(",", MOST_ALTERNATIVES);
      open.push(...choices.map((choice) => before + choice + after));
    }
  }
  return done.slice(0, MOST_ALTERNATIVES);
}

function matchesParts(pattern: Pattern, parts: readonly string[]): boolean {
  return walk(pattern.length, parts.length, {
    isStar: (at) => pattern[at] === "**",
    fits: (at, of) => matchesPart(pattern[at] ?? "", parts[of] ?? ""),
  });
}

function matchesPart(pattern: string, text: string): boolean {
  return walk(pattern.length, text.length, {
    isStar: (at) => pattern[at] === "*",
    fits: (at, of) => pattern[at] === "?" || pattern[at] === text[of],
  });
}

interface Step {
  readonly isStar: (at: number) => boolean;
  readonly fits: (at: number, of: number) => boolean;
}

/** Only the last star needs to be taken up again: what an earlier one could take more of, the last one can too. */
function walk(patternLength: number, textLength: number, { isStar, fits }: Step): boolean {
  let at = 0;
  let star = -1;
  let taken = 0;
  for (let of = 0; of < textLength;) {
    if (at < patternLength && isStar(at)) {
      star = at++;
      taken = of;
    } else if (at < patternLength && fits(at, of)) {
      at += 1;
      of += 1;
    } else if (star === -1) return false;
    else {
      at = star + 1;
      of = ++taken;
    }
  }
  while (at < patternLength && isStar(at)) at += 1;
  return at === patternLength;
}
