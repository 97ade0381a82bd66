import type { Finding } from "../findings/finding.ts";
import { formatReference, formatRepository } from "../oci/reference.ts";
import type { PlannedRelease } from "../plan/plan.ts";
import { foreseeRefusals, type Allowed, type TagReadings, type TagRefusal } from "../publish/guard.ts";
import { readTags } from "../publish/release.ts";
import type { Registry } from "../registry/registry.ts";
import { whyNot } from "./registry-words.ts";

/** What was found, and how many tags were read. */
export interface TagReport {
  readonly findings: readonly Finding[];
  readonly looked: number;
}

/** What tags name, and what the guard will say of it when they are to move. Parts of a release move no tags. */
export interface TagState {
  readonly releases: readonly PlannedRelease[];
  readonly readings: TagReadings;
}

/** Reads what all tags name now, each once. */
export async function readTagState(
  releases: readonly PlannedRelease[],
  { registry, signal }: { readonly registry: Registry; readonly signal: AbortSignal },
): Promise<TagState> {
  const whole = releases.filter(({ omitted }) => omitted.length === 0);
  return { releases: whole, readings: await readTags(whole, registry, signal) };
}

/** Judges what tags name now. `refusing` are repositories of which it is told already that they cannot be used. */
export function judgeTags(
  { releases, readings }: TagState,
  { allowed, refusing }: { readonly allowed: Allowed; readonly refusing: ReadonlySet<string> },
): TagReport {
  const findings = releases.flatMap((release) => {
    const refusals = foreseeRefusals(release, readings, allowed).filter(
      ({ why, tag }) => why !== "unreadable" || !refusing.has(formatRepository(tag)),
    );
    return [...refusals.map((refusal) => findingOf(release, refusal)), ...staying(release, readings)];
  });
  return { findings, looked: readings.size };
}

/**
 * Reads only those tags whose being there is certain to stop the release, which is worth knowing before it is built: `if-exists: fail`, where
 * the new index cannot come out the same, since provenance tells when it was built.
 */
export async function findForbiddenTags(
  releases: readonly PlannedRelease[],
  world: { readonly registry: Registry; readonly signal: AbortSignal },
): Promise<TagReport> {
  const watched = releases.flatMap((release) => {
    const tags = release.tags.filter(({ ifExists }) => ifExists === "fail");
    return tags.length === 0 || release.omitted.length > 0 || mayComeOutTheSame(release)
      ? []
      : [{ release, tags }];
  });
  const asked = watched.flatMap(({ release, tags }) =>
    tags.map(async (tag) => {
      const { registry, signal } = world;
      const there = await registry.store(tag).resolve(tag.tag, signal);
      // What cannot be read is the guard's to tell, which reads all tags in the end.
      if (!there.ok || there.value === undefined) return [];
      return [findingOf(release, { release: release.name, tag, why: "exists", digest: there.value.digest })];
    }),
  );
  const findings = (await Promise.all(asked)).flat();
  return { findings, looked: asked.length };
}

/** Nothing in provenance is the same twice: it says when a build began and ended. */
function mayComeOutTheSame({ attestations, variants }: PlannedRelease): boolean {
  return attestations === "strip" || variants.every(({ build }) => build.attest.provenance === undefined);
}

function findingOf(release: PlannedRelease, refusal: TagRefusal): Finding {
  const reference = formatReference(refusal.tag);
  const about = { location: release.location, image: { reference } };
  switch (refusal.why) {
    case "exists":
      return {
        ...about,
        rule: "tag-exists",
        severity: mayComeOutTheSame(release) ? "warning" : "error",
        message: `${reference} is there already, and the plan says \`if-exists: fail\``,
        facts: [`it names ${refusal.digest}`],
        fix: "Release under another tag, or say `if-exists: skip` to leave the tag as it is",
      };
    case "foreign":
      return {
        ...about,
        rule: "tag-exists",
        severity: "warning",
        message: `${reference} names something that is no image: ${refusal.detail}`,
        facts: [`it names ${refusal.digest}`],
        fix: "Choose another tag, or build with --allow-shrink --allow-downgrade to let it go",
      };
    case "shrinks":
      return {
        ...about,
        rule: "tag-shrinks",
        severity: "warning",
        message: `${reference} has ${refusal.lost.join(", ")} now, and the plan builds nothing for it`,
        facts: [`it names ${refusal.digest}`],
        fix: "Add what is missing to the plan, or build with --allow-shrink",
      };
    case "older":
      return {
        ...about,
        rule: "tag-older",
        severity: "warning",
        message: `${reference} names a newer revision than this one: ${refusal.now}, and this is ${refusal.next}`,
        facts: [`it names ${refusal.digest}`],
        fix: "Build the newer revision, or build with --allow-downgrade",
      };
    case "unreadable":
      return {
        ...about,
        rule: "tag-unreadable",
        severity: "warning",
        message: `what ${reference} names cannot be read: ${whyNot(refusal.cause)}`,
      };
    default:
      return refusal satisfies never;
  }
}

/** `if-exists: skip`, and there. */
function staying({ tags, location }: PlannedRelease, readings: TagReadings): readonly Finding[] {
  return tags.flatMap((tag) => {
    const reference = formatReference(tag);
    const reading = readings.get(reference);
    if (tag.ifExists !== "skip" || reading?.ok !== true || reading.value.kind === "absent") return [];
    return [
      {
        rule: "tag-exists",
        severity: "note",
        message: `${reference} is there already and stays as it is, as the plan says with \`if-exists: skip\``,
        location,
        image: { reference },
        facts: [`it names ${reading.value.digest}`],
      } as const,
    ];
  });
}
