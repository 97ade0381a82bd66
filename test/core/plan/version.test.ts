import * as fc from "fast-check";
import { expect, test } from "vitest";
import { compareCores, compareVersions, parseVersion, type Version } from "../../../core/plan/version.ts";

function version(text: string): Version {
  const parsed = parseVersion(text);
  if (parsed === undefined) throw new Error(`not a version: ${text}`);
  return parsed;
}

// The specification's own example, and some more.
const ASCENDING = [
  "0.9.9",
  "1.0.0-alpha",
  "1.0.0-alpha.1",
  "1.0.0-alpha.beta",
  "1.0.0-beta",
  "1.0.0-beta.2",
  "1.0.0-beta.11",
  "1.0.0-rc.1",
  "1.0.0",
  "1.0.10",
  "1.2.0",
  "v2.0.0",
  "10.0.0",
  "2026.01.15",
];

test("orders versions as semantic versioning does", () => {
  fc.assert(
    fc.property(fc.shuffledSubarray(ASCENDING, { minLength: ASCENDING.length }), (shuffled) => {
      const sorted = shuffled.toSorted((one, other) => compareVersions(version(one), version(other)));
      expect(sorted).toEqual(ASCENDING);
    }),
  );
});

test("build metadata and a leading v make no difference", () => {
  expect(compareVersions(version("v1.2.3+build.7"), version("1.2.3"))).toBe(0);
});

test("cores are compared without prereleases", () => {
  expect(compareCores(version("1.9.5-alpine"), version("1.9.5"))).toBe(0);
  expect(compareCores(version("1.9.4-alpine"), version("1.9.5"))).toBeLessThan(0);
});

test.each([
  "",
  "1",
  "1.9",
  "latest",
  "1.2.3.4",
  "1.2.x",
  "1.2.3-",
  "sha-1.2.3",
  `1.2.${"9".repeat(16)}`,
  "9".repeat(9_999),
])("%j is no full version", (text) => {
  expect(parseVersion(text)).toBeUndefined();
});
