import { VARIANTS } from "./names.ts";
import { normalizePlatform } from "./platform.ts";
import type { Platform } from "./platform.ts";

/**
 * What a CPU runs without an emulator, best first; the first is `cpu` itself, and all are in canonical form.
 *
 *     amd64/v3       amd64/v3, amd64/v2, amd64, 386
 *     arm/v7         arm/v7, arm/v6, arm/v5
 *     arm64/v8.2     arm64/v8.2, arm64/v8.1, arm64, arm/v8, arm/v7, arm/v6, arm/v5
 *     arm64/v9.1     arm64/v9.1, arm64/v9, arm64/v8.6, ..., arm64, arm/v8, ...
 *     ppc64le/power9 ppc64le/power9, ppc64le/power8, ppc64le
 *
 * Some arm64 CPUs have no 32-bit mode: only a probe, or the plan, knows.
 * @see https://github.com/containerd/platforms/blob/main/compare.go
 */
export function runsOn(cpu: Platform): readonly Platform[] {
  const own = normalizePlatform(cpu);
  return compatible(own.architecture, own.variant ?? "").map((name) => withCpu(own, name));
}

/** Does `target` run on `cpu` without an emulator, and on its version of Windows? */
export function runsNatively(cpu: Platform, target: Platform): boolean {
  return nativeRank(cpu, target) !== undefined;
}

/** Position of `target` among what `cpu` runs, 0 being the CPU's very own platform; undefined where it does not run. */
export function nativeRank(cpu: Platform, target: Platform): number | undefined {
  const rank = runsOn(cpu).findIndex((runnable) => matchesExactly(runnable, target));
  return rank === -1 ? undefined : rank;
}

/**
 * Is `candidate` for the very platform `host`, not just one that it happens to run? Spelling does not matter (arm64 and
 * arm64/v8); features that the candidate needs must be there; on Windows the versions must go together, where both are said.
 */
export function matchesExactly(host: Platform, candidate: Platform): boolean {
  const [wanted, offered] = [normalizePlatform(host), normalizePlatform(candidate)];
  return (
    wanted.os === offered.os &&
    wanted.architecture === offered.architecture &&
    wanted.variant === offered.variant &&
    (offered.osFeatures ?? []).every((feature) => wanted.osFeatures?.includes(feature) === true) &&
    (wanted.os !== "windows" || windowsRuns(wanted.osVersion, offered.osVersion))
  );
}

type Cpu = readonly [architecture: string, variant: string];

function withCpu(platform: Platform, [architecture, variant]: Cpu): Platform {
  return normalizePlatform({ ...platform, architecture, variant });
}

function compatible(architecture: string, variant: string): readonly Cpu[] {
  const same = [variant, ...lower(architecture, variant)].map((name): Cpu => [architecture, name]);
  if (architecture === "amd64") return [...same, ["386", ""]];
  if (architecture === "arm64") return [...same, ...compatible("arm", "v8")];
  return same;
}

/** Lower variants of the same architecture, best first, in canonical form. */
function lower(architecture: string, variant: string): readonly string[] {
  if (variant === "") return [];
  const ladder = (VARIANTS.get(architecture) ?? []).map((name) => canonical(architecture, name));
  const below =
    architecture === "arm64" ? arm64Below(variant, ladder) : ladder.slice(0, ladder.indexOf(variant));
  // A bare arm is arm/v7, and a bare amd64 or arm64 the lowest rung; for all others it means: any.
  const bare = ["amd64", "arm", "arm64"].includes(architecture) ? [] : [""];
  return [...(ladder.includes(variant) ? below : []).toReversed(), ...bare];
}

/** Armv9.N includes Armv8.(N+5), as far as there is one. */
function arm64Below(variant: string, ladder: readonly string[]): readonly string[] {
  const [generation, minor = "0"] = variant.split(".");
  const below = ladder.slice(0, ladder.indexOf(variant));
  if (generation !== "v9") return below;
  const reach = Number(minor) + 5;
  return below.filter((name) => !name.startsWith("v8.") || Number(name.slice(3)) <= reach);
}

function canonical(architecture: string, variant: string): string {
  return normalizePlatform({ os: "", architecture, variant }).variant ?? "";
}

interface WindowsVersion {
  readonly branch: string;
  readonly build: number;
}

// Windows Server 2022: the first release whose kernel runs containers of another build, back to itself.
const FIRST_STABLE_BUILD = 20348;

/** @see https://learn.microsoft.com/en-us/virtualization/windowscontainers/deploy-containers/version-compatibility */
function windowsRuns(host: string | undefined, image: string | undefined): boolean {
  const hostVersion = parseWindowsVersion(host);
  if (hostVersion === undefined || image === undefined) return true;
  const imageVersion = parseWindowsVersion(image);
  if (imageVersion === undefined || imageVersion.branch !== hostVersion.branch) return false;
  if (hostVersion.build < FIRST_STABLE_BUILD) return hostVersion.build === imageVersion.build;
  return imageVersion.build >= FIRST_STABLE_BUILD && imageVersion.build <= hostVersion.build;
}

/** `10.0.17763.1935` -> branch 10.0, build 17763; the revision never matters. */
function parseWindowsVersion(text: string | undefined): WindowsVersion | undefined {
  const [, branch, build] = /^(\d{1,3}\.\d{1,3})\.(\d{1,5})(?:\.|$)/.exec(text ?? "") ?? [];
  return branch === undefined || build === undefined ? undefined : { branch, build: Number(build) };
}
