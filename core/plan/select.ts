import { formatPlatform, parsePlatform, samePlatform } from "../../platforms/platform.ts";
import type { Platform } from "../../platforms/platform.ts";
import { fail, ok } from "../result.ts";
import type { Result } from "../result.ts";
import { hintFor } from "./nearest.ts";
import type { LoadOptions, PlanFailure, PlannedRelease, Variant } from "./plan.ts";

/** An option of the command line that does not fit the plan. */
export type OverrideInvalid = Extract<PlanFailure, { readonly kind: "override-invalid" }>;

/** Reads `--set name=value`; names are checked against the plan's variables. The last of a name counts. */
export function readOverrides(
  set: readonly string[],
  names: readonly string[],
): Result<ReadonlyMap<string, string>, OverrideInvalid> {
  const overrides = new Map<string, string>();
  for (const option of set) {
    const at = option.indexOf("=");
    const name = at === -1 ? option : option.slice(0, at);
    // What stands behind the `=` may be a secret, and is not repeated.
    if (at === -1) return refuse("--set", name, "it has no value", "Write --set name=value");
    if (!names.includes(name)) {
      const known = names.length === 0 ? "The plan has no variables" : hintFor(name, names);
      return refuse("--set", name, "the plan has no such variable", known);
    }
    overrides.set(name, option.slice(at + 1));
  }
  return ok(overrides);
}

/**
 * Keeps what `--image` and `--only` ask for; each must find something. What a kept image needs is kept with it, as bake builds the targets
 * that a target is linked to. (It needs the same platforms of it, so `--only` parts nothing that belongs together.)
 */
export function selectReleases(
  releases: readonly PlannedRelease[],
  { images, only }: Pick<LoadOptions, "images" | "only">,
): Result<readonly PlannedRelease[], OverrideInvalid> {
  const named = selectImages(releases, images);
  return named.ok ? selectPlatforms(named.value, only) : named;
}

function selectImages(
  releases: readonly PlannedRelease[],
  images: readonly string[],
): Result<readonly PlannedRelease[], OverrideInvalid> {
  if (images.length === 0) return ok(releases);
  const names = new Set(releases.flatMap(({ image, name }) => [image, name]));
  const unknown = images.find((name) => !names.has(name));
  if (unknown !== undefined) {
    return refuse("--image", unknown, "the plan has no such image", hintFor(unknown, [...names]));
  }
  const asked = releases.filter(({ image, name }) => images.includes(image) || images.includes(name));
  return ok(withNeeded(asked, releases));
}

function withNeeded(
  asked: readonly PlannedRelease[],
  all: readonly PlannedRelease[],
): readonly PlannedRelease[] {
  const owners = new Map(all.flatMap((release) => release.variants.map(({ id }) => [id, release] as const)));
  const kept = new Set(asked);
  // A set that grows while it is walked through: what is needed comes to its turn, too.
  for (const { variants } of kept) {
    for (const id of variants.flatMap(({ needs = [] }) => needs)) {
      const owner = owners.get(id);
      if (owner !== undefined) kept.add(owner);
    }
  }
  return all.filter((release) => kept.has(release));
}

function selectPlatforms(
  releases: readonly PlannedRelease[],
  only: readonly string[],
): Result<readonly PlannedRelease[], OverrideInvalid> {
  const wanted: Platform[] = [];
  const there = platformsOf(releases);
  const listed = there.map(formatPlatform).join(", ");
  for (const text of only) {
    const parsed = parsePlatform(text);
    if (!parsed.ok) {
      const { suggestion } = parsed.error;
      const hint = suggestion === undefined ? `There is ${listed}` : `Did you mean ${suggestion}?`;
      return refuse("--only", text, "this is no platform", hint);
    }
    if (!there.some((platform) => samePlatform(platform, parsed.value))) {
      return refuse("--only", text, "no image is built for it", `There is ${listed}`);
    }
    wanted.push(parsed.value);
  }
  if (wanted.length === 0) return ok(releases);
  const isWanted = ({ platform }: Variant): boolean => wanted.some((each) => samePlatform(each, platform));
  const kept = releases.map((release) => ({
    ...release,
    variants: release.variants.filter(isWanted),
    omitted: release.variants.filter((variant) => !isWanted(variant)).map(({ id }) => id),
  }));
  return ok(kept.filter(({ variants }) => variants.length > 0));
}

function platformsOf(releases: readonly PlannedRelease[]): readonly Platform[] {
  const all = releases.flatMap(({ variants }) => variants.map(({ platform }) => platform));
  return [...new Map(all.map((platform) => [formatPlatform(platform), platform])).values()];
}

function refuse(option: string, value: string, detail: string, hint: string) {
  return fail<OverrideInvalid>({ kind: "override-invalid", option, value, detail, hint });
}
