import { runsOn } from "./compatibility.ts";
import { normalizePlatform } from "./platform.ts";
import type { Platform } from "./platform.ts";

/** What a BuildKit daemon finds when it starts: its own CPU, and the architectures whose probe program ran. */
export interface WorkerProbe {
  readonly native: Platform;
  /** Highest level of an amd64 CPU, `v1` to `v4`; v1 where it is not said. */
  readonly nativeAmd64Level?: string;
  /** In the order of the probes, the native one left out: `["arm64", "386", "arm"]`. */
  readonly emulated: readonly string[];
  /** Highest level that an emulated amd64 offers; v1 where it is not said. */
  readonly emulatedAmd64Level?: string;
}

/**
 * The platforms that a BuildKit worker reports after such a probe, in its order (native first), in canonical form.
 * A worker whose configuration lists platforms reports that list instead.
 * @see https://github.com/moby/buildkit/blob/master/util/archutil/detect.go
 */
export function workerPlatforms(probe: WorkerProbe): readonly Platform[] {
  const native = normalizePlatform(probe.native);
  return [
    ...(native.architecture === "amd64" ? amd64Levels(probe.nativeAmd64Level) : [native]),
    ...probe.emulated.flatMap((architecture) => withVariants(architecture, probe.emulatedAmd64Level)),
  ];
}

function withVariants(architecture: string, amd64Level: string | undefined): readonly Platform[] {
  if (architecture === "amd64") return amd64Levels(amd64Level);
  if (architecture === "arm") return ["v7", "v6"].map((variant) => ({ os: "linux", architecture, variant }));
  return [normalizePlatform({ os: "linux", architecture })];
}

/** Every level up to the highest, lowest first. */
function amd64Levels(highest = "v1"): readonly Platform[] {
  return runsOn({ os: "linux", architecture: "amd64", variant: highest })
    .filter((platform) => platform.architecture === "amd64")
    .toReversed();
}
