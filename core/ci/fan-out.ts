import { formatPlatformFull, samePlatform } from "../../platforms/platform.ts";
import type { Platform } from "../../platforms/platform.ts";
import type { Plan, PlannedRelease, Runner, Variant } from "../plan/plan.ts";

/** What one machine of a pipeline builds: all images of a plan for one platform. */
export interface FanOutJob {
  /** As `--only` takes it. */
  readonly platform: string;
  /** Labels of the runner, all of which it must have; empty where the plan leaves it to the CI. */
  readonly runner: readonly string[];
  /** Releases that have this platform, in the plan's order. */
  readonly images: readonly string[];
  /**
   * Is an emulator wanted there? As the plan's `emulation` says; where it allows either, for a platform that has no runner of its own: what
   * CPU is behind a label nobody knows but the plan.
   */
  readonly emulated: boolean;
}

/** The jobs of a plan, one for each platform, in the order in which the plan first names them. */
export function fanOut({ releases, runners = [] }: Pick<Plan, "releases" | "runners">): readonly FanOutJob[] {
  const others = runners.find(({ platform }) => platform === undefined);
  return platformsOf(releases).map((platform) => {
    const own = ownRunner(platform, runners);
    const ofPlatform = ({ variants }: PlannedRelease): readonly Variant[] =>
      variants.filter((variant) => samePlatform(variant.platform, platform));
    const images = releases.filter((release) => ofPlatform(release).length > 0);
    return {
      platform: formatPlatformFull(platform),
      runner: (own ?? others)?.labels ?? [],
      images: images.map(({ name }) => name),
      emulated: isEmulated(images.flatMap(ofPlatform), own),
    };
  });
}

function isEmulated(variants: readonly Variant[], own: Runner | undefined): boolean {
  const asked = new Set(variants.map(({ emulation }) => emulation));
  return asked.has("only") || (asked.has("allow") && own === undefined);
}

function ownRunner(wanted: Platform, runners: readonly Runner[]): Runner | undefined {
  return runners.find(({ platform }) => platform !== undefined && samePlatform(platform, wanted));
}

function platformsOf(releases: readonly PlannedRelease[]): readonly Platform[] {
  const all = releases.flatMap(({ variants }) => variants.map(({ platform }) => platform));
  return [...new Map(all.map((platform) => [formatPlatformFull(platform), platform])).values()];
}

/** A platform as part of a name: `linux-arm-v7`. */
export function platformSlug(platform: string): string {
  return platform.replaceAll(/[^A-Za-z0-9]+/g, "-");
}
