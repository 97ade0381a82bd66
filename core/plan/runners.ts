import {
  formatPlatform,
  formatPlatformFull,
  normalizePlatform,
  samePlatform,
} from "../../platforms/platform.ts";
import type { Platform } from "../../platforms/platform.ts";
import { resolveTexts } from "./place.ts";
import type { Place } from "./place.ts";
import type { PlannedRelease, Runner } from "./plan.ts";
import { readPlatformAt } from "./platforms.ts";
import type { Problems } from "./problems.ts";
import type { SourceFile } from "./source.ts";
import type { WrittenRunner } from "./written.ts";

/** The key for all platforms that have no runner of their own. */
export const ANY_PLATFORM = "*";

/** Resolves which machine of the CI builds what; what names no platform, or one that was there before, is reported and left out. */
export function resolveRunners(
  runners: readonly WrittenRunner[],
  file: SourceFile,
  place: Place,
): readonly Runner[] {
  const seen = new Map<string, WrittenRunner>();
  return runners.flatMap((runner) => {
    const key = keyOf(runner, place.problems);
    if (key === undefined || !isFirst(runner, key.name, seen, place.problems)) return [];
    const labels = resolveTexts(runner.labels, place).map(({ value }) => value);
    if (labels.length === 0) return [];
    const { platform } = key;
    return [{ ...(platform && { platform }), labels, location: { file, range: runner.range } }];
  });
}

interface Key {
  readonly name: string;
  readonly platform?: Platform;
}

function keyOf({ platform: written, range }: WrittenRunner, problems: Problems): Key | undefined {
  if (written === ANY_PLATFORM) return { name: written };
  const read = readPlatformAt(written, range, problems);
  if (read === undefined) return undefined;
  const platform = normalizePlatform(read);
  return { name: formatPlatformFull(platform), platform };
}

function isFirst(
  runner: WrittenRunner,
  name: string,
  seen: Map<string, WrittenRunner>,
  problems: Problems,
): boolean {
  const first = seen.get(name);
  if (first === undefined) seen.set(name, runner);
  else {
    const related = { message: "First given here", range: first.range };
    problems.error(runner.range, `${runner.platform} and ${first.platform} are the same platform`, {
      hint: "Keep one of the two",
      related,
    });
  }
  return first === undefined;
}

/** Points out runners that no image of the plan has work for. */
export function warnIdle(
  runners: readonly Runner[],
  releases: readonly PlannedRelease[],
  problems: Problems,
): void {
  if (problems.failed()) return;
  const built = releases.flatMap(({ variants }) => variants.map(({ platform }) => platform));
  for (const { platform, location } of runners) {
    if (platform === undefined || built.some((each) => samePlatform(each, platform))) continue;
    problems.warning(location.range, `No image of this plan is built for ${formatPlatform(platform)}`, {
      hint: "Remove its runner, or add the platform to an image",
    });
  }
}
