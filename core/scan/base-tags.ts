/** A tag that is a version and what stands behind it: `22.3-alpine`, `v1.2.3`. */
interface Version {
  readonly parts: readonly number[];
  /** What another tag must have in common with it. */
  readonly shape: string;
}

const MAX_TAGS = 100_000;

/**
 * The newest tag of the same shape: as many numbers, and the same text around them. One of the same major version is preferred,
 * since others may need changes. Undefined where there is none, or the tag is no version.
 */
export function newerTag(tag: string, tags: readonly string[]): string | undefined {
  const own = readVersion(tag);
  if (own === undefined) return undefined;
  const newer = tags.slice(0, MAX_TAGS).flatMap((name) => {
    const version = readVersion(name);
    return version?.shape === own.shape && compare(version.parts, own.parts) > 0
      ? [{ name, parts: version.parts }]
      : [];
  });
  const sameMajor = newer.filter(({ parts }) => parts[0] === own.parts[0]);
  const [first, ...rest] = sameMajor.length > 0 ? sameMajor : newer;
  if (first === undefined) return undefined;
  return rest.reduce((best, each) => (compare(each.parts, best.parts) > 0 ? each : best), first).name;
}

function readVersion(tag: string): Version | undefined {
  const [, letter = "", numbers = "", rest = ""] =
    /^(v?)(\d{1,12}(?:\.\d{1,12}){0,5})(|-.{1,120})$/.exec(tag) ?? [];
  if (numbers === "") return undefined;
  const parts = numbers.split(".");
  // A date beside a version (`3.19` and `20240329`) is no newer one of it.
  const kinds = parts.map((part) => (part.length >= 6 ? "date" : "number"));
  return { parts: parts.map(Number), shape: JSON.stringify([letter, kinds, rest]) };
}

function compare(one: readonly number[], other: readonly number[]): number {
  const at = one.findIndex((part, index) => part !== other[index]);
  return at === -1 ? 0 : (one[at] ?? 0) - (other[at] ?? 0);
}
