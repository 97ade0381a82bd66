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
  readonly release: Pick<PlannedRelease, "name" | "tags">;
  readonly variant: Pick<Variant, "id" | "platform">;
  /** The plan's part of the variant, in canonical text: equal text, equal tag. */
  readonly planPart: string;
  /** Commit of the project, where git tells one. */
  readonly revision?: string | undefined;
}

/**
 * The tag that holds a finished variant until its release is there: computed from the plan alone, so that a later run or another machine
 * finds it without a list of tags. Its platform is for people; the digits decide.
 */
export function stagingTag({ release, variant, planPart, revision }: StagingSubject): string {
  const facts = [
    FORMAT,
    release.name,
    release.tags.map(({ registry, path, tag }) => [registry, path, tag]),
    variant.id,
    planPart,
    revision ?? null,
  ];
  const hex = createHash("sha256").update(JSON.stringify(facts)).digest("hex");
  return `${STAGING_PREFIX}${platformPart(variant.platform)}.${hex.slice(0, HEX_DIGITS)}`;
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
