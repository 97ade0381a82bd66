import { formatPlatformFull, type Platform } from "../../platforms/platform.ts";
import type { Finding } from "../findings/finding.ts";
import type { Finding as HostFinding } from "../host/finding.ts";
import type { Route } from "../route/route.ts";

/** This host, as far as it builds something itself. */
export interface PreflightHost {
  /** Runs a program of each platform: one finding for each, or one alone about the cache folder where none could be tried. */
  readonly tryPlatforms: (
    platforms: readonly Platform[],
    signal: AbortSignal,
  ) => Promise<readonly HostFinding[]>;
  /** Room for the managed BuildKit's cache. */
  readonly tryDisk: () => Promise<readonly HostFinding[]>;
}

/** What was found, how many platforms were tried, and why none was where that is so. */
export interface HostReport {
  readonly findings: readonly Finding[];
  readonly looked: number;
  readonly leftOut: readonly string[];
}

/**
 * Runs a tiny program of each platform that will be emulated on this very host, which a registered emulator alone does not prove, and
 * looks at the disk of the managed BuildKit. Of other hosts nothing is known but what their daemons say.
 */
export async function checkHost(
  routes: readonly Route[],
  host: PreflightHost,
  signal: AbortSignal,
): Promise<HostReport> {
  const [emulators, disk] = await Promise.all([
    checkEmulators(routes, host, signal),
    checkRoom(routes, host),
  ]);
  return { ...emulators, findings: [...emulators.findings, ...disk] };
}

async function checkEmulators(
  routes: readonly Route[],
  host: PreflightHost,
  signal: AbortSignal,
): Promise<HostReport> {
  const emulated = routes.filter(({ execution, node }) => execution === "emulated" && node.local);
  const byPlatform = Map.groupBy(emulated, ({ variant }) => formatPlatformFull(variant.platform));
  const groups = [...byPlatform.values()];
  const platforms = groups.flatMap(([first]) => (first === undefined ? [] : [first.variant.platform]));
  const looked = platforms.length === 0 ? [] : await host.tryPlatforms(platforms, signal);
  const [first] = looked;
  if (first?.check === "cache")
    return { findings: [], looked: 0, leftOut: [`emulators were not tried: ${first.detail}`] };
  const findings = looked.flatMap(({ state, detail, mend }, index) => {
    const group = groups[index] ?? [];
    const [route] = group;
    if (state !== "problem" || route === undefined) return [];
    const { variant, node } = route;
    const platform = formatPlatformFull(variant.platform);
    const finding: Finding = {
      rule: "emulator-missing",
      severity: group.some((each) => each.variant.required) ? "error" : "warning",
      message: `programs for ${platform} do not run on this machine, where ${node.name} is to build it under emulation: ${detail}`,
      location: variant.location,
      ...(mend === undefined ? {} : { fix: `Run: ${mend}` }),
    };
    return [finding];
  });
  return { findings, looked: platforms.length, leftOut: [] };
}

async function checkRoom(routes: readonly Route[], host: PreflightHost): Promise<readonly Finding[]> {
  if (!routes.some(({ node }) => node.builder === "managed" && node.local)) return [];
  const looked = await host.tryDisk();
  return looked.flatMap(({ state, detail, mend }) =>
    state === "ok"
      ? []
      : [
          {
            rule: "disk-low",
            severity: "warning",
            message: `the managed BuildKit has little room: ${detail}`,
            ...(mend === undefined ? {} : { fix: `Run: ${mend}` }),
          } as const,
        ],
  );
}
