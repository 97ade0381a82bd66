import { compareDigits, compareLists, firstOf } from "./natural.ts";

/** Suffixes in their order; those before the empty one come before the release. */
const SUFFIXES = ["alpha", "beta", "pre", "rc", "", "cvs", "svn", "git", "hg", "p"];

interface Suffix {
  readonly name: string;
  readonly number: string;
}

/**
 * Orders versions of Alpine packages, `1.2.3b_rc1_p2-r4`, as apk does: numbers, a letter, suffixes, the revision.
 * @see https://git.alpinelinux.org/apk-tools/tree/doc/apk-package.5.scd
 */
export function compareApk(one: string, other: string): number {
  const [a, b] = [read(one), read(other)];
  return firstOf(
    () => compareNumbers(a.numbers, b.numbers),
    () => (a.letter < b.letter ? -1 : a.letter > b.letter ? 1 : 0),
    () => compareLists(a.suffixes, b.suffixes, compareSuffixes, { name: "", number: "" }),
    () => compareMaybe(a.revision, b.revision),
  );
}

function read(version: string): {
  readonly numbers: readonly string[];
  readonly letter: string;
  readonly suffixes: readonly Suffix[];
  readonly revision: string;
} {
  const numbers = /^\d{1,64}(?:\.\d{1,64}){0,31}/.exec(version)?.[0] ?? "";
  const rest = version.slice(numbers.length);
  const letter = /^[a-z](?![a-z])/.exec(rest)?.[0] ?? "";
  const found = rest.slice(0, 512).matchAll(/_(alpha|beta|pre|rc|cvs|svn|git|hg|p)(\d{0,64})/g);
  return {
    numbers: numbers.split("."),
    letter,
    suffixes: [...found].map(([, name = "", number = ""]) => ({ name, number })),
    revision: /-r(\d{1,64})$/.exec(rest)?.[1] ?? "",
  };
}

function compareNumbers([first = "", ...one]: readonly string[], [second = "", ...other]: readonly string[]) {
  return firstOf(
    () => compareDigits(first, second),
    () => compareLists(one, other, compareFractions, ""),
  );
}

// After the first number, leading zeros make a fraction: the more of them, the older.
function compareFractions(one: string, other: string): number {
  const zeros = one === "" || other === "" ? 0 : leadingZeros(other) - leadingZeros(one);
  return zeros === 0 ? compareMaybe(one, other) : zeros;
}

function leadingZeros(digits: string): number {
  return /^0*/.exec(digits)?.[0].length ?? 0;
}

function compareSuffixes(one: Suffix, other: Suffix): number {
  const order = SUFFIXES.indexOf(one.name) - SUFFIXES.indexOf(other.name);
  return order === 0 ? compareMaybe(one.number, other.number) : order;
}

/** A number that is left out comes before every other, 0 too. */
function compareMaybe(one: string, other: string): number {
  return one === "" || other === "" ? one.length - other.length : compareDigits(one, other);
}
