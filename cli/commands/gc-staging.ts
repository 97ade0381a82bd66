import { listStaging, stagedBefore, type StagingTag } from "../../core/images/gc-staging.ts";
import type { GcPlace } from "../../core/images/gc.ts";
import type { Failure } from "../../core/failure.ts";
import { parseDuration } from "../../core/plan/duration.ts";
import { fail, ok, type Result } from "../../core/result.ts";
import type { Shell } from "../shell.ts";

/** The options of `gc` that are about staging tags. */
export interface StagingOptions {
  readonly staging?: boolean;
  readonly olderThan?: string;
}

/** The staging tags of a repository, and those of them that are to go. */
export interface PickedStaging {
  readonly all: readonly StagingTag[];
  readonly going: readonly StagingTag[];
}

/** Lists staging tags where that is asked for, and picks those that are old enough. */
export async function pickStaging(
  { store, layout }: GcPlace,
  { staging, olderThan }: StagingOptions,
  shell: Shell,
): Promise<Result<PickedStaging | undefined, Failure>> {
  if (staging !== true)
    return olderThan === undefined ? ok(undefined) : fail(usage("--older-than", olderThan, NOT_STAGING));
  if (layout !== undefined) return fail(usage("--staging", store.name, IN_LAYOUT));
  const ageMs = olderThan === undefined ? undefined : parseAge(olderThan);
  if (olderThan !== undefined && ageMs === undefined) return fail(usage("--older-than", olderThan, NO_AGE));
  const all = await listStaging(store, shell.signal);
  if (!all.ok) return all;
  return ok({
    all: all.value,
    going: stagedBefore(all.value, ageMs === undefined ? undefined : shell.now() - ageMs),
  });
}

const DAY_MS = 86_400_000;

/** Milliseconds of `7d`, `12h` or `1d12h`; undefined for other text. */
export function parseAge(text: string): number | undefined {
  const [, days, rest = ""] = /^(?:(\d{1,6})d)?(.*)$/s.exec(text) ?? [];
  if (days === undefined) return parseDuration(text);
  const more = rest === "" ? 0 : parseDuration(rest);
  return more === undefined ? undefined : Number(days) * DAY_MS + more;
}

interface Wrong {
  readonly detail: string;
  readonly hint: string;
}

const NOT_STAGING: Wrong = {
  detail: "only staging tags have an age",
  hint: "Say --staging as well.",
};
const IN_LAYOUT: Wrong = {
  detail: "a layout has no staging tags",
  hint: "Name the repository that the plan's first tag is in.",
};
const NO_AGE: Wrong = { detail: "it is no age", hint: "Ages look like 7d, 12h or 1d12h." };

function usage(option: string, value: string, wrong: Wrong): Failure {
  return { kind: "override-invalid", option, value, ...wrong };
}
