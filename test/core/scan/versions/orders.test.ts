import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { compareApk } from "../../../../core/scan/versions/apk.ts";
import { compareDpkg } from "../../../../core/scan/versions/dpkg.ts";
import type { CompareVersions } from "../../../../core/scan/versions/natural.ts";
import { compareDigits } from "../../../../core/scan/versions/natural.ts";
import { comparePep440 } from "../../../../core/scan/versions/pep440.ts";
import { compareSemver } from "../../../../core/scan/versions/semver.ts";

/** Pairs that are not ordered as the lines are: each is older than all that follow it, and the versions of one line are equal. */
function misplaced(compare: CompareVersions, ...lines: readonly string[]): readonly string[] {
  const ranks = lines.flatMap((line, rank) => line.split(" ").map((version) => ({ version, rank })));
  return ranks.flatMap((one) =>
    ranks
      .filter((other) => Math.sign(compare(one.version, other.version)) !== Math.sign(one.rank - other.rank))
      .map((other) => `${one.version} ${other.version}`),
  );
}

test("digits of any length are numbers", () => {
  const wrong = misplaced(
    compareDigits,
    "0",
    "1 01 0001",
    "9",
    "10",
    "99999999999999999999",
    "100000000000000000000",
  );
  expect(wrong).toEqual([]);
});

// https://semver.org/#spec-item-11, and what Go writes.
test("semver", () => {
  const wrong = misplaced(
    compareSemver,
    "0.9.9",
    "1.0.0-0",
    "1.0.0-9",
    "1.0.0-10",
    "1.0.0-alpha v1.0.0-alpha 1.0.0-alpha+x",
    "1.0.0-alpha.1",
    "1.0.0-alpha.beta",
    "1.0.0-beta",
    "1.0.0-beta.2",
    "1.0.0-beta.11",
    "1.0.0-rc.1",
    "1.0.0 v1.0.0 1.0 1 1.0.0+build.5",
    "1.0.1-0.20240101000000-abcdef012345",
    "1.0.1",
    "1.9.0",
    "1.10.0",
    "1.21rc2 go1.21rc2 1.21-rc.2",
    "1.21rc10",
    "1.21.0 go1.21",
  );
  expect(wrong).toEqual([]);
});

// https://packaging.python.org/en/latest/specifications/version-specifiers/#summary-of-permitted-suffixes-and-relative-ordering
test("PEP 440", () => {
  const wrong = misplaced(
    comparePep440,
    "not-a-version",
    "1.dev0 1.0.DEV",
    "1.0.dev456",
    "1.0a1.dev1",
    "1.0a1 1.0-alpha-1 v1.0.a1",
    "1.0a2.dev456",
    "1.0a12.dev456",
    "1.0a12",
    "1.0b1.dev456",
    "1.0b2 1.0.beta.2",
    "1.0b2.post345.dev456",
    "1.0b2.post345 1.0b2-345",
    "1.0rc1.dev456",
    "1.0rc1 1.0c1 1.0-preview1",
    "1.0 1 1.0.0 01.0",
    "1.0+abc.5",
    "1.0+abc.7",
    "1.0+5",
    "1.0.post456.dev34",
    "1.0.post456 1.0-456 1.0.rev456",
    "1.0.15",
    "1.1.dev1",
    "1.10",
    "1!0.1",
  );
  expect(wrong).toEqual([]);
});

// https://gitlab.alpinelinux.org/alpine/apk-tools/-/blob/master/doc/apk-package.5.scd
test("apk", () => {
  const wrong = misplaced(
    compareApk,
    "1.2_alpha",
    "1.2_alpha1",
    "1.2_beta2",
    "1.2_pre1",
    "1.2_rc1",
    "1.2_rc1_p1",
    "1.2",
    "1.2-r0",
    "1.2-r1",
    "1.2-r10",
    "1.2_cvs",
    "1.2_svn1",
    "1.2_git20240101",
    "1.2_hg",
    "1.2_p",
    "1.2_p0",
    "1.2_p1",
    "1.2_p1-r3",
    "1.2_p10",
    "1.2a",
    "1.2b-r1",
    "1.2.0",
    "1.2.01",
    "1.2.1",
    "1.2.1.1",
    "1.2.9",
    "1.2.10",
    "1.12",
    "3.0",
    "20240226-r0",
  );
  expect(wrong).toEqual([]);
});

const ORDERS: readonly [string, CompareVersions][] = [
  ["dpkg", compareDpkg],
  ["apk", compareApk],
  ["semver", compareSemver],
  ["pep440", comparePep440],
];

const piece = fc.oneof(
  fc.nat(12).map(String),
  fc.constantFrom(
    "0",
    "00",
    "01",
    "1",
    "a",
    "rc",
    "rc1",
    "_rc1",
    "_p",
    "-r0",
    "-r1",
    "-",
    ".",
    "+",
    "~",
    "!",
    ":",
  ),
  fc.constantFrom(".dev1", ".post1", "b2", "-alpha.1", "+local.1", "v", "-0", "é", "__proto__"),
);
const odd = fc.oneof(
  fc.array(piece, { maxLength: 7 }).map((pieces) => pieces.join("")),
  fc.array(piece, { maxLength: 4 }).map((pieces) => `1.${pieces.join("")}`),
  fc.string({ maxLength: 12 }),
);

describe.each(ORDERS)("%s", (_, compare) => {
  const isAtMost = (one: string, other: string): boolean => compare(one, other) <= 0;

  test("is a total order of whatever stands there", () => {
    fc.assert(
      fc.property(odd, odd, odd, (one, other, third) => {
        expect(compare(one, one)).toBe(0);
        expect(Math.sign(compare(one, other)) + Math.sign(compare(other, one))).toBe(0);
        const [low, middle, high] = [one, other, third].toSorted(compare);
        expect(isAtMost(low ?? "", middle ?? "")).toBe(true);
        expect(isAtMost(middle ?? "", high ?? "")).toBe(true);
        expect(isAtMost(low ?? "", high ?? "")).toBe(true);
        // Equal ones are equal beside every other.
        const twin = compare(one, other) === 0 ? other : one;
        expect(Math.sign(compare(one, third))).toBe(Math.sign(compare(twin, third)));
      }),
      { numRuns: 3000 },
    );
  });

  test.each(["1", "1.", "1-", "a", ".a", "~", "_p1", "-r", "+a.", "1.dev", "1rc"])(
    "ends on a hundred thousand times %s",
    (text) => {
      const long = text.repeat(100_000);
      expect(compare(long, long)).toBe(0);
      expect(Math.sign(compare(long, "1.0")) + Math.sign(compare("1.0", long))).toBe(0);
    },
  );
});
