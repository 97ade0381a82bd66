import { compareDigits, compareLists, firstOf } from "./natural.ts";

/**
 * Orders versions of npm, Go and Rust packages by precedence; build metadata does not count. Loose in what it takes: a `v` or `go`
 * before it, fewer or more than three numbers, a pre-release without a hyphen (`1.21rc2`).
 * @see https://semver.org/#spec-item-11
 */
export function compareSemver(one: string, other: string): number {
  const [a, b] = [read(one), read(other)];
  return firstOf(
    () => compareLists(a.numbers, b.numbers, compareDigits, "0"),
    () => Number(a.pre.length === 0) - Number(b.pre.length === 0),
    () => compareLists(a.pre, b.pre, compareIdentifiers, ""),
  );
}

function read(version: string): { readonly numbers: readonly string[]; readonly pre: readonly string[] } {
  const text = version.trim().replace(/^(?:go|[vV=])/, "");
  const [withoutBuild = ""] = text.split("+", 1);
  const numbers = /^\d{1,64}(?:\.\d{1,64}){0,15}/.exec(withoutBuild)?.[0] ?? "";
  const rest = withoutBuild.slice(numbers.length);
  const pre = /^[-.]/.test(rest) ? rest.slice(1) : rest.replace(/^([a-z]{1,16})(?=\d)/i, "$1.");
  return { numbers: numbers.split("."), pre: pre === "" ? [] : pre.split(".") };
}

/** Numbers before text; the shorter list before the longer one. */
function compareIdentifiers(one: string, other: string): number {
  if (one === other) return 0;
  if (one === "") return -1;
  if (other === "") return 1;
  const [isNumber, isOtherNumber] = [/^\d+$/.test(one), /^\d+$/.test(other)];
  if (isNumber && isOtherNumber) return compareDigits(one, other);
  if (isNumber !== isOtherNumber) return isNumber ? -1 : 1;
  return one < other ? -1 : 1;
}
