/** A version as semantic versioning has it, build metadata left out. */
export interface Version {
  readonly core: readonly [major: number, minor: number, patch: number];
  /** Identifiers after the hyphen; none for a release proper. */
  readonly prerelease: readonly string[];
}

// Fifteen digits are still exact as numbers. Leading zeros are taken: dates such as 2026.01.15 are compared rightly all the same.
const VERSION =
  /^v?(\d{1,15})\.(\d{1,15})\.(\d{1,15})(?:-([0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?(?:\+[0-9A-Za-z.-]+)?$/;
const NUMERIC = /^\d{1,15}$/;

/** Reads `1.9.5`, `v1.9.5-rc.1`; undefined where it is no full version (`1`, `1.9`, `latest`). */
export function parseVersion(text: string): Version | undefined {
  const match = text.length > 256 ? null : VERSION.exec(text);
  if (match === null) return undefined;
  const [, major, minor, patch, prerelease] = match;
  return {
    core: [Number(major), Number(minor), Number(patch)],
    prerelease: prerelease === undefined ? [] : prerelease.split("."),
  };
}

/**
 * Negative where `one` comes before `other`, 0 where neither does.
 * @see https://semver.org/#spec-item-11
 */
export function compareVersions(one: Version, other: Version): number {
  return compareCores(one, other) || comparePrereleases(one.prerelease, other.prerelease);
}

/** Like {@link compareVersions}, by major, minor and patch alone. */
export function compareCores(one: Version, other: Version): number {
  return (
    one.core.map((number, at) => number - (other.core[at] ?? 0)).find((difference) => difference !== 0) ?? 0
  );
}

function comparePrereleases(one: readonly string[], other: readonly string[]): number {
  // A release proper comes after all of its prereleases.
  if (one.length === 0 || other.length === 0) return other.length - one.length;
  for (const [at, identifier] of one.entries()) {
    const difference = compareIdentifiers(identifier, other[at]);
    if (difference !== 0) return difference;
  }
  return one.length - other.length;
}

function compareIdentifiers(one: string, other: string | undefined): number {
  if (other === undefined) return 1;
  const isNumber = NUMERIC.test(one);
  if (isNumber !== NUMERIC.test(other)) return isNumber ? -1 : 1;
  if (isNumber) return Number(one) - Number(other);
  return one === other ? 0 : one < other ? -1 : 1;
}
