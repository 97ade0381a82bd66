import type { MetadataFact, TagOrigin } from "../core/plan/origins.ts";
import type { Plan, PlannedRelease, Variant } from "../core/plan/plan.ts";
import { formatPlatformFull } from "../platforms/platform.ts";

/** A release as `tags` shows it. */
export interface TagsView {
  readonly name: string;
  readonly tags: readonly TagOrigin[];
  readonly texts: readonly TextView[];
}

/** A label or annotation: where it stands, and who says so. */
export interface TextView {
  readonly key: string;
  readonly value: string;
  /** `plan`, or what the repository's value came from. */
  readonly from: string;
  readonly on: readonly TextPlace[];
}

/** `labels` are those of the config; `platforms` is there where not all images have it. */
export interface TextPlace {
  readonly level: "labels" | "manifest" | "index";
  readonly platforms?: readonly string[];
}

/** What `tags` shows: all that a plan's releases are called, and what they say of themselves. */
export function tagsView({ releases }: Plan): readonly TagsView[] {
  return releases.map((release) => ({
    name: release.name,
    tags: release.origins?.tags ?? [],
    texts: textsOf(release),
  }));
}

interface Found {
  readonly key: string;
  readonly value: string;
  readonly level: TextPlace["level"];
  /** None for the index. */
  readonly platform?: string;
}

function textsOf(release: PlannedRelease): readonly TextView[] {
  const found = [
    ...release.variants.flatMap(({ build, platform }) => [
      ...located(build.labels, { level: "labels", platform: formatPlatformFull(platform) }),
      ...located(build.annotations.manifest, { level: "manifest", platform: formatPlatformFull(platform) }),
    ]),
    ...located(release.indexAnnotations, { level: "index" }),
  ];
  const groups = Map.groupBy(found, ({ key, value }) => JSON.stringify([key, value]));
  const facts = release.origins?.metadata ?? [];
  return [...groups.values()].flatMap((group) => {
    const [first] = group;
    return first === undefined ? [] : [viewOf(first, group, { facts, variants: release.variants })];
  });
}

function located(
  texts: Readonly<Record<string, string>>,
  place: Pick<Found, "level" | "platform">,
): readonly Found[] {
  return Object.entries(texts).map(([key, value]) => ({ key, value, ...place }));
}

interface Around {
  readonly facts: readonly MetadataFact[];
  readonly variants: readonly Variant[];
}

function viewOf({ key, value }: Found, group: readonly Found[], { facts, variants }: Around): TextView {
  const fact = facts.find((each) => each.key === key && each.value === value);
  const levels = Map.groupBy(group, ({ level }) => level);
  const on = [...levels].map(([level, those]): TextPlace => {
    const platforms = those.flatMap(({ platform }) => platform ?? []);
    return level === "index" || platforms.length === variants.length ? { level } : { level, platforms };
  });
  return { key, value, from: fact?.from ?? "plan", on };
}
