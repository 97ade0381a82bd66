import type { Checkout } from "./checkout.ts";
import { renderTemplate } from "./tag-template.ts";
import { compareVersions, parseVersion } from "./version.ts";
import type { Version } from "./version.ts";

/** What of a tag's name counts; undefined where it is a name of another kind. */
export type Take = (tag: string) => string | undefined;

/** All of it. */
export const whole: Take = (tag) => tag;

/** How a version becomes a tag; `tags` are those of the repository. */
export interface VersionRule {
  readonly take: Take;
  readonly pattern: string;
  readonly tags: readonly string[];
}

/** A prerelease gives its whole version only, whatever the pattern; and no release takes what belongs to a higher one. */
export function versionText(
  tag: string,
  { take, pattern, tags }: VersionRule,
): { readonly text: string } | { readonly why: string } {
  const taken = take(tag);
  const version = parseVersion(taken ?? "");
  if (taken === undefined || version === undefined) return { why: `the tag ${tag} is no semantic version` };
  if (version.prerelease.length > 0)
    return { text: textOf(taken, /^\{\{\s*raw\s*\}\}$/.test(pattern) ? pattern : "{{version}}") };
  const text = textOf(taken, pattern);
  const rivals = tags.filter((other) => textOf(take(other) ?? "", pattern) === text);
  const higher = findHigher(version, rivals, take);
  return higher === undefined ? { text } : { why: `\`${text}\` belongs to ${higher}, which is higher` };
}

function textOf(tag: string, pattern: string): string {
  const rendered = renderVersion(tag, pattern);
  return rendered.ok ? rendered.value : "";
}

/** Puts the parts of a version into a pattern. Numbers stay as they are written: a date keeps its zeros. */
export function renderVersion(tag: string, pattern: string): ReturnType<typeof renderTemplate> {
  const version = tag.replace(/^v/, "").replace(/\+.*$/s, "");
  const [core = ""] = version.split("-", 1);
  const [major = "", minor = "", patch = ""] = core.split(".");
  return renderTemplate(pattern, new Map(Object.entries({ raw: tag, version, major, minor, patch })));
}

/**
 * May `latest` go with this tag? Not a prerelease's, and not where the repository has a higher version; a tag that is no version has none
 * above it.
 */
export function mayBeLatest(tag: string, take: Take, { tags }: Pick<Checkout, "tags">): true | string {
  const version = parseVersion(take(tag) ?? "");
  if (version === undefined) return true;
  if (version.prerelease.length > 0) return `${tag} is a prerelease`;
  const higher = findHigher(version, tags, take);
  return higher === undefined ? true : `${higher} is a higher version`;
}

/** A tag of a release that is higher, of those that count. */
function findHigher(version: Version, tags: readonly string[], take: Take): string | undefined {
  return tags.find((tag) => {
    const other = parseVersion(take(tag) ?? "");
    return other !== undefined && other.prerelease.length === 0 && compareVersions(other, version) > 0;
  });
}
