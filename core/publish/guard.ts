/**
 * Decides what becomes of each tag of a release, from what it points at now: nothing here asks a registry anything.
 */
import { formatPlatformFull, normalizePlatform, type Platform } from "../../platforms/platform.ts";
import type { Document } from "../oci/descriptor.ts";
import type { Digest } from "../oci/digest.ts";
import { formatReference, type TaggedReference } from "../oci/reference.ts";
import type { PlannedRelease, ReleaseTag, Variant } from "../plan/plan.ts";
import type { RegistryFailure } from "../registry/registry-failure.ts";
import { fail, ok, type Result } from "../result.ts";
import type { PublishedManifest } from "./confirm.ts";
import { revisionFacts, tellsRevision, type RevisionFacts, type TagNow } from "./tag-now.ts";
import { compareCores, compareVersions, parseVersion, type Version } from "../plan/version.ts";

/** What the user has allowed for this run. */
export interface Allowed {
  /** A tag may lose platforms. */
  readonly shrink: boolean;
  /** A tag may go back to an older revision. */
  readonly downgrade: boolean;
}

/** A release as the guard looks at it. */
export interface Candidate {
  readonly release: PlannedRelease;
  readonly index: Document;
  readonly manifests: readonly PublishedManifest[];
}

/** A tag, and what it points at now as far as it could be read. */
export type TagReading = Result<TagNow, RegistryFailure>;

/** What the tags of some releases point at, by whole reference. */
export type TagReadings = ReadonlyMap<string, TagReading>;

/**
 * What will become of a tag. `move`: it is written; `keep`: it is there and stays, as `if-exists: skip` asks; `unchanged`: it
 * names this very index already. `before` is null where nothing is there.
 */
export interface TagDecision {
  readonly release: string;
  readonly tag: ReleaseTag;
  readonly action: "move" | "keep" | "unchanged";
  readonly before: Digest | null;
}

/** Why a tag is not moved. All of a run are told together, and then none is moved. */
export type TagRefusal = { readonly release: string; readonly tag: TaggedReference } & TagObjection;

/** `older.by` says which comparison decided: its two sides are `now`, what the tag names, and `next`, what it would name. */
export type TagObjection =
  | { readonly why: "unreadable"; readonly cause: RegistryFailure }
  | { readonly why: "foreign"; readonly digest: Digest; readonly detail: string }
  /** `if-exists: fail`. */
  | { readonly why: "exists"; readonly digest: Digest }
  /** `lost`: platforms that it has now and would not have any more, in canonical text. */
  | { readonly why: "shrinks"; readonly digest: Digest; readonly lost: readonly string[] }
  | {
      readonly why: "older";
      readonly digest: Digest;
      readonly by: "created" | "version" | "tag";
      readonly now: string;
      readonly next: string;
    };

/**
 * Is there anything in this release to compare revisions with? If not, nothing has to be read of what its tags point at but
 * their platforms.
 */
export function isComparable(release: PlannedRelease): boolean {
  const images = release.variants.map(({ build }) => build.annotations.manifest);
  return [release.indexAnnotations, ...images].some(tellsRevision) || highestVersion(release) !== undefined;
}

/** Decides for all tags of a release, in order; or says all that stands against it. */
export function decideTags(
  candidate: Candidate,
  readings: TagReadings,
  allowed: Allowed,
): Result<readonly TagDecision[], readonly TagRefusal[]> {
  const { release } = candidate;
  const outlook = outlookOf(candidate);
  const refusals: TagRefusal[] = [];
  const decisions = release.tags.map((tag): TagDecision => {
    const about = { release: release.name, tag };
    const reading = readingOf(tag, readings);
    const found = objections(outlook, { tag, reading, allowed });
    refusals.push(...found.map((objection) => ({ ...about, ...objection })));
    const before = reading.ok && reading.value.kind !== "absent" ? reading.value.digest : null;
    return { ...about, before, action: actionFor(tag, before, outlook) };
  });
  return refusals.length === 0 ? ok(decisions) : fail(refusals);
}

/**
 * What would stand against the tags of a release if all that the plan asks for gets built. Its index is not known yet: a tag that
 * would turn out to name it already is objected to, too.
 */
export function foreseeRefusals(
  release: PlannedRelease,
  readings: TagReadings,
  allowed: Allowed,
): readonly TagRefusal[] {
  const platforms = release.variants.map(({ platform }) => platform);
  const outlook: Outlook = { release, platforms, first: release.variants[0] };
  return release.tags.flatMap((tag) =>
    objections(outlook, { tag, reading: readingOf(tag, readings), allowed }).map((objection) => ({
      release: release.name,
      tag,
      ...objection,
    })),
  );
}

/** What a release holds, or will hold, as far as the guard compares it. */
interface Outlook {
  readonly release: PlannedRelease;
  readonly platforms: readonly Platform[];
  /** Its annotations tell the revision where the index has none that do. */
  readonly first: Variant | undefined;
  /** Of the index, once it is there. */
  readonly digest?: Digest;
}

function outlookOf({ release, index, manifests }: Candidate): Outlook {
  return {
    release,
    platforms: manifests.map(({ manifest, platform }) => manifest.platform ?? platform),
    first: release.variants.find(({ id }) => id === manifests[0]?.variant),
    digest: index.descriptor.digest,
  };
}

function readingOf(tag: ReleaseTag, readings: TagReadings): TagReading {
  const reading = readings.get(formatReference(tag));
  if (reading === undefined) throw new Error("Internal error: a tag that nobody has read");
  return reading;
}

function actionFor(
  { ifExists }: ReleaseTag,
  before: Digest | null,
  { digest }: Outlook,
): TagDecision["action"] {
  if (before !== null && before === digest) return "unchanged";
  return before !== null && ifExists === "skip" ? "keep" : "move";
}

interface Question {
  readonly tag: ReleaseTag;
  readonly reading: TagReading;
  readonly allowed: Allowed;
}

function objections(outlook: Outlook, { tag, reading, allowed }: Question): readonly TagObjection[] {
  if (!reading.ok) return [{ why: "unreadable", cause: reading.error }];
  const now = reading.value;
  if (now.kind === "absent") return [];
  const { digest } = now;
  if (actionFor(tag, digest, outlook) !== "move") return [];
  if (tag.ifExists === "fail") return [{ why: "exists", digest }];
  if (now.kind === "foreign")
    return allowed.shrink && allowed.downgrade ? [] : [{ why: "foreign", digest, detail: now.detail }];
  const lost = allowed.shrink ? [] : lostPlatforms(now.platforms, outlook);
  const older = allowed.downgrade ? undefined : findOlder(revisionFacts(now.annotations), { outlook, tag });
  return [
    ...(lost.length === 0 ? [] : [{ why: "shrinks", digest, lost } as const]),
    ...(older === undefined ? [] : [{ why: "older", digest, ...older } as const]),
  ];
}

/** A variant that the plan lets the release go without is not missed: `required: false` has said so already. */
function lostPlatforms(now: readonly Platform[], { release, platforms }: Outlook): readonly string[] {
  const optional = release.variants.filter(({ required }) => !required).map((variant) => variant.platform);
  const next = new Set([...platforms, ...optional].map(placeOf));
  // An entry without a name cannot be missed: no client asks for it.
  const lost = now.filter(({ os }) => os !== "unknown" && os !== "").map(placeOf);
  return [...new Set(lost)].filter((place) => !next.has(place));
}

// Of a version of Windows the first three numbers say what it runs on; the fourth counts its monthly updates.
// https://learn.microsoft.com/virtualization/windowscontainers/deploy-containers/version-compatibility
function placeOf(platform: Platform): string {
  const { os, architecture, variant, osVersion } = normalizePlatform(platform);
  const build = osVersion?.split(".").slice(0, 3).join(".");
  return formatPlatformFull({
    os,
    architecture,
    ...(variant === undefined ? {} : { variant }),
    ...(build === undefined ? {} : { osVersion: build }),
  });
}

type Older = Pick<Extract<TagObjection, { readonly why: "older" }>, "by" | "now" | "next">;

/** Whichever comparison is possible and says that the new one is older; nothing to compare is allowed. */
function findOlder(
  now: RevisionFacts,
  { outlook, tag }: { readonly outlook: Outlook; readonly tag: TaggedReference },
): Older | undefined {
  const next = nextFacts(outlook);
  if (now.revision !== undefined && now.revision === next.revision) return undefined;
  return olderByTime(now, next) ?? olderByVersion(now, next) ?? olderByTag(now, outlook.release, tag);
}

/**
 * Does a tag, once this release has moved it, name something older? Then a run that had looked before has overtaken it: see
 * core/publish/put-back.ts.
 */
export function isOlderThan(now: TagNow, candidate: Candidate): boolean {
  if (now.kind !== "present") return false;
  const [own, found] = [nextFacts(outlookOf(candidate)), revisionFacts(now.annotations)];
  if (own.revision !== undefined && own.revision === found.revision) return false;
  return (olderByTime(own, found) ?? olderByVersion(own, found)) !== undefined;
}

function nextFacts({ release, first }: Outlook): RevisionFacts {
  if (tellsRevision(release.indexAnnotations)) return revisionFacts(release.indexAnnotations);
  return revisionFacts(first?.build.annotations.manifest ?? {});
}

function olderByTime(now: RevisionFacts, next: RevisionFacts): Older | undefined {
  const [nowMs, nextMs] = [timeOf(now.created), timeOf(next.created)];
  if (nowMs === undefined || nextMs === undefined || nextMs >= nowMs) return undefined;
  return { by: "created", now: now.created ?? "", next: next.created ?? "" };
}

function olderByVersion(now: RevisionFacts, next: RevisionFacts): Older | undefined {
  const [nowVersion, nextVersion] = [parseVersion(now.version ?? ""), parseVersion(next.version ?? "")];
  if (nowVersion === undefined || nextVersion === undefined) return undefined;
  if (compareVersions(nextVersion, nowVersion) >= 0) return undefined;
  return { by: "version", now: now.version ?? "", next: next.version ?? "" };
}

// What follows the numbers of a tag may be a flavour (`1.9.5-alpine`) as well as a prerelease: only numbers are compared.
function olderByTag(
  now: RevisionFacts,
  release: PlannedRelease,
  { tag }: TaggedReference,
): Older | undefined {
  const highest = highestVersion(release);
  const version = parseVersion(now.version ?? "");
  if (parseVersion(tag) !== undefined || highest === undefined || version === undefined) return undefined;
  if (compareCores(highest.version, version) >= 0) return undefined;
  return { by: "tag", now: now.version ?? "", next: highest.tag };
}

function highestVersion({
  tags,
}: PlannedRelease): { readonly tag: string; readonly version: Version } | undefined {
  const versions = tags.flatMap(({ tag }) => {
    const version = parseVersion(tag);
    return version === undefined ? [] : [{ tag, version }];
  });
  return versions.toSorted((one, other) => compareCores(one.version, other.version)).at(-1);
}

// RFC 3339, as the annotation has it; Date.parse would take nearly anything for a date.
function timeOf(text: string | undefined): number | undefined {
  const isTime =
    text !== undefined && /^\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)$/.test(text);
  const ms = isTime ? Date.parse(text.replace(" ", "T").toUpperCase()) : Number.NaN;
  return Number.isNaN(ms) ? undefined : ms;
}
