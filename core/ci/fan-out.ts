import { formatPlatformFull, samePlatform } from "../../platforms/platform.ts";
import type { Platform } from "../../platforms/platform.ts";
import type { Plan, PlannedRelease, Runner, Variant } from "../plan/plan.ts";

/** What has a job of its own: each platform with all images of the plan, or each variant. */
export type Each = "platform" | "variant";

/** What one machine of a pipeline builds. */
export interface FanOutJob {
  /** As `--only` takes it. */
  readonly platform: string;
  /** Labels of the runner, all of which it must have; empty where the plan leaves it to the CI. */
  readonly runner: readonly string[];
  /** Releases that it builds for this platform, as `--image` takes them, in the plan's order. */
  readonly images: readonly string[];
  /** The image of the plan, and the values of its matrix, where each variant has a job of its own. */
  readonly image?: string;
  readonly cell?: Readonly<Record<string, string>>;
  /**
   * Is an emulator wanted there? As the plan's `emulation` says; where it allows either, for a platform that has no runner of its own: what
   * CPU is behind a label nobody knows but the plan.
   */
  readonly emulated: boolean;
}

/** The jobs of a plan, in the order in which it first names what each of them builds. */
export function fanOut(
  plan: Pick<Plan, "releases" | "runners">,
  each: Each = "platform",
): readonly FanOutJob[] {
  const { releases, runners = [] } = plan;
  if (each === "variant")
    return releases.flatMap((release) =>
      release.variants.map((variant) => ({
        ...jobOf(variant.platform, { runners, builds: [{ release, variant }] }),
        image: release.image,
        cell: release.cell,
      })),
    );
  return platformsOf(releases).map((platform) => {
    const builds = releases.flatMap((release) =>
      release.variants
        .filter((variant) => samePlatform(variant.platform, platform))
        .map((variant) => ({ release, variant })),
    );
    return jobOf(platform, { runners, builds });
  });
}

interface ToBuild {
  readonly release: PlannedRelease;
  readonly variant: Variant;
}

function jobOf(
  platform: Platform,
  { runners, builds }: { readonly runners: readonly Runner[]; readonly builds: readonly ToBuild[] },
): FanOutJob {
  const own = ownRunner(platform, runners);
  const others = runners.find((runner) => runner.platform === undefined);
  return {
    platform: formatPlatformFull(platform),
    runner: (own ?? others)?.labels ?? [],
    images: [...new Set(builds.map(({ release }) => release.name))],
    emulated: isEmulated(
      builds.map(({ variant }) => variant),
      own,
    ),
  };
}

/** What the jobs are called: `linux/arm64`, or `app[node=22] linux/arm64`. */
export function nameOfJob({ platform, images, image }: FanOutJob): string {
  return image === undefined ? platform : `${images[0] ?? image} ${platform}`;
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

/** A job's name as part of another one: `linux-arm-v7`. */
export function slugOf(job: FanOutJob): string {
  return nameOfJob(job).replaceAll(/[^A-Za-z0-9]+/g, "-");
}
