import { createHash } from "node:crypto";
import { normalizePlatform, type Platform } from "../../platforms/platform.ts";
import type { PlannedRelease, Variant } from "../plan/plan.ts";

/** What all staging tags begin with. */
export const STAGING_PREFIX = "buildx-plan-staging.";

/** Of what is hashed: raise it where the same facts are to give other tags. */
const FORMAT = 1;
const HEX_DIGITS = 24;
/** A tag has 128 characters at most: prefix, platform, dot and digits are fewer, however long a platform's names are. */
const MAX_PLATFORM = 80;
const STAGING_TAG = /^buildx-plan-staging\.[\w-]{1,80}\.[0-9a-f]{24}$/;

/** What a staging tag is named after. */
export interface StagingSubject {
  readonly release: Pick<PlannedRelease, "name">;
  readonly variant: Pick<Variant, "id" | "platform">;
  /** What is to keep runs apart that know nothing of each other; absent: each takes the place of the one before. */
  readonly scope?: string;
}

/**
 * The tag that holds a finished variant until its release is there: computed from the plan alone, so that a later run or another machine
 * finds it without a list of tags. Its platform is for people; the digits decide. Without a scope there is one for each variant, however often
 * it is released: many registries never remove a tag.
 */
export function stagingTag({ release, variant, scope }: StagingSubject): string {
  const facts = [FORMAT, release.name, variant.id, scope ?? null];
  return `${STAGING_PREFIX}${platformPart(variant.platform)}.${sha256(facts).slice(0, HEX_DIGITS)}`;
}

/** Names what the plan says of a variant, and which tags it is for: equal settings, equal text. `planPart` is in canonical text. */
export function planDigest({ name, tags }: Pick<PlannedRelease, "name" | "tags">, planPart: string): string {
  return sha256([name, tags.map(({ registry, path, tag }) => [registry, path, tag]), planPart]);
}

function sha256(facts: readonly unknown[]): string {
  return createHash("sha256").update(JSON.stringify(facts)).digest("hex");
}

/** Is it a tag that {@link stagingTag} could have made? */
export function isStagingTag(tag: string): boolean {
  return STAGING_TAG.test(tag);
}

function platformPart(platform: Platform): string {
  const { os, architecture, variant } = normalizePlatform(platform);
  const name = [os, architecture, ...(variant === undefined ? [] : [variant])].join("-");
  return name.replaceAll(/[^\w-]/g, "-").slice(0, MAX_PLATFORM);
}
