import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Platform } from "../../platforms/platform.ts";
import { daemonNeeds, type DaemonHost } from "../buildkit/daemon-needs.ts";
import { daemonEnvironment } from "../buildkit/daemon-settings.ts";
import { findBuildKit, type InstalledBuildKit, type InstallFailure } from "../buildkit/install.ts";
import { managedState } from "../buildkit/managed.ts";
import { OLDEST_BUILDX } from "../buildkit/pins.ts";
import type { Result } from "../result.ts";
import { BINFMT_FOLDER, readBinfmt } from "./binfmt.ts";
import { DOCKER_EMULATION_COMMAND, installCommand, packageFamily } from "./distribution.ts";
import { emulationFinding } from "./emulation-finding.ts";
import type { Finding } from "./finding.ts";
import { probePlatforms } from "./probe.ts";
import {
  diskSpace,
  findTool,
  formatVersion,
  isAtLeast,
  parseVersion,
  toolVersion,
  type Version,
} from "./tools.ts";

export interface DoctorOptions extends DaemonHost {
  /** This host's own platform. */
  readonly host: Platform;
  /** `24.21.0` */
  readonly nodeVersion: string;
  /** Platforms that the plan builds on this host. */
  readonly platforms: readonly Platform[];
  /** Registries that the plan pushes to. */
  readonly registries: readonly string[];
  /** Answers what is wrong with a registry and what mends it, in words, or undefined where it and our credentials are fine. */
  readonly ping: (
    registry: string,
    signal: AbortSignal,
  ) => Promise<Pick<Finding, "detail" | "mend"> | undefined>;
  /** Does the plan build on the managed BuildKit? If not, what it lacks is no problem. */
  readonly usesManaged: boolean;
  /** Does the plan sign what it releases? */
  readonly signs?: boolean;
  readonly signal: AbortSignal;
  /** Where the kernel shows its entries, if not in the usual place. */
  readonly binfmtFolder?: string;
}

const OLDEST_NODE: Version = [22, 19, 0];
const [SCARCE_BYTES, LOW_BYTES] = [1_000_000_000, 5_000_000_000];

/** Looks at everything that a build needs, all at once, and reports in a fixed order. Nothing is changed. */
export async function examine(options: DoctorOptions): Promise<readonly Finding[]> {
  const { paths, env, os, host, signal } = options;
  const buildkit = await findBuildKit({ paths, env, os, architecture: host.architecture, signal });
  const programs = buildkit.ok ? dirname(buildkit.value.buildctl) : paths.bin;
  const groups = await Promise.all([
    checkManaged(options, programs),
    checkRunc(options, programs),
    checkBuildx(options),
    checkPlatforms(options),
    Promise.all(options.registries.map((registry) => checkRegistry(registry, options))),
    checkCosign(options),
    checkDisk(options),
  ]);
  return [checkNode(options.nodeVersion), buildKitFinding(buildkit), ...groups.flat()];
}

function checkNode(nodeVersion: string): Finding {
  const version = parseVersion(nodeVersion);
  return version !== undefined && isAtLeast(version, OLDEST_NODE)
    ? { check: "node", state: "ok", detail: `Node ${nodeVersion}` }
    : {
        check: "node",
        state: "problem",
        detail: `Node ${nodeVersion} is older than ${formatVersion(OLDEST_NODE)}`,
        mend: "npm install node@24",
      };
}

function buildKitFinding(found: Result<InstalledBuildKit, InstallFailure>): Finding {
  if (found.ok) {
    const where = found.value.buildkitd ?? found.value.buildctl;
    return { check: "buildkit", state: "ok", detail: `BuildKit ${found.value.version} (${where})` };
  }
  const reasons = found.error.kind === "install-failed" ? found.error.attempts : [];
  return {
    check: "buildkit",
    state: "problem",
    detail: `no BuildKit: ${reasons.map(({ reason }) => reason).join("; ")}`,
    mend: "buildx-plan setup",
  };
}

async function checkManaged(options: DoctorOptions, programs: string): Promise<readonly Finding[]> {
  const state = options.usesManaged ? "problem" : "warning";
  const needs = await daemonNeeds(options, programs);
  if (!needs.ok) {
    const { error } = needs;
    return error.kind === "managed-not-started"
      ? [{ check: "managed", state, detail: error.detail, mend: error.mend }]
      : [{ check: "managed", state, detail: error.kind }];
  }
  const found = await managedState(options.paths);
  if (found.state === "silent")
    return [
      {
        check: "managed",
        state,
        detail: `process ${found.pid} runs but does not answer`,
        mend: "buildx-plan setup --stop",
      },
    ];
  const detail =
    found.state === "running"
      ? `BuildKit ${found.version} runs as process ${found.pid}`
      : "it is not running; the next build starts it";
  return [{ check: "managed", state: "ok", detail }];
}

/** BuildKit's release archive brings a runc of its own, which goes before the host's. */
async function checkRunc(options: DoctorOptions, programs: string): Promise<readonly Finding[]> {
  if (options.os !== "linux") return [];
  const env = daemonEnvironment(options.env, programs, options.filesFrom);
  const path = findTool("buildkit-runc", env) ?? findTool("runc", env);
  const query = { argv: ["--version"], env, signal: options.signal };
  const version = path === undefined ? undefined : await toolVersion({ path, ...query });
  if (version !== undefined)
    return [{ check: "runc", state: "ok", detail: `runc ${formatVersion(version)} (${path})` }];
  return [
    {
      check: "runc",
      state: options.usesManaged ? "problem" : "warning",
      detail: path === undefined ? "runc is not installed" : `${path} does not tell its version`,
      mend: installCommand("runc", packageFamily(options.osRelease)),
    },
  ];
}

/** Needed only for builders of docker buildx, so never more than a warning. */
async function checkBuildx(options: DoctorOptions): Promise<readonly Finding[]> {
  const { env, signal } = options;
  const check = "buildx";
  const mend = "buildx-plan setup --buildx";
  const docker = findTool("docker", env);
  const alone = findTool("buildx", env);
  const candidates = [
    ...(docker === undefined ? [] : [{ path: docker, argv: ["buildx", "version"] }]),
    ...(alone === undefined ? [] : [{ path: alone, argv: ["version"] }]),
  ];
  for (const candidate of candidates) {
    const version = await toolVersion({ ...candidate, env, signal });
    if (version === undefined) continue;
    const detail = `docker buildx ${formatVersion(version)} (${candidate.path})`;
    if (isAtLeast(version, OLDEST_BUILDX)) return [{ check, state: "ok", detail }];
    return [
      { check, state: "warning", detail: `${detail} is older than ${formatVersion(OLDEST_BUILDX)}`, mend },
    ];
  }
  return [{ check, state: "warning", detail: "no docker buildx, so no builders of its can be used", mend }];
}

async function checkCosign({ signs, env, signal }: DoctorOptions): Promise<readonly Finding[]> {
  if (signs !== true) return [];
  const check = "cosign";
  const mend = "https://docs.sigstore.dev/cosign/system_config/installation";
  const path = findTool("cosign", env);
  if (path === undefined)
    return [{ check, state: "problem", detail: "cosign is not installed, and the plan signs with it", mend }];
  const version = await toolVersion({ path, argv: ["version", "--json"], env, signal });
  // One that somebody has built without a version is taken for a new one, as a build does.
  const detail = `cosign ${version === undefined ? "of no version" : formatVersion(version)} (${path})`;
  return version === undefined || isAtLeast(version, OLDEST_COSIGN)
    ? [{ check, state: "ok", detail }]
    : [{ check, state: "problem", detail: `${detail} is older than ${formatVersion(OLDEST_COSIGN)}`, mend }];
}

const OLDEST_COSIGN: Version = [2, 0, 0];

/** What trying programs of several platforms needs. */
export type PlatformsOptions = Pick<
  DoctorOptions,
  "platforms" | "host" | "os" | "osRelease" | "user" | "env" | "paths" | "signal" | "binfmtFolder"
>;

/** Tries a program of each platform on this host; one finding for each, or one alone where none could be tried. */
export async function checkPlatforms(options: PlatformsOptions): Promise<readonly Finding[]> {
  const { platforms, host, env, user, paths } = options;
  if (options.os !== "linux" || platforms.length === 0) return [];
  const folder = join(paths.root, "probe");
  const binfmt = readBinfmt(options.binfmtFolder ?? BINFMT_FOLDER);
  const [outcomes, install] = await Promise.all([
    probePlatforms(platforms, { folder, isRoot: user.uid === 0, env }).catch(String),
    emulationCommand(options),
  ]);
  if (typeof outcomes === "string") return [unwritable(paths.root, outcomes)];
  const mount = installCommand("mount-binfmt", packageFamily(options.osRelease));
  return platforms.flatMap((platform, index) => {
    const outcome = outcomes[index];
    return outcome === undefined
      ? []
      : [emulationFinding({ platform, host, outcome, binfmt, exists: existsSync, install, mount })];
  });
}

function unwritable(folder: string, error: string): Finding {
  return {
    check: "cache",
    state: "problem",
    detail: `nothing can be written below ${folder}, so no platform was tried (${error})`,
    mend: "export XDG_CACHE_HOME=/a/folder/of/this/user",
  };
}

/** A Docker Engine that answers registers emulators with one command, whatever the distribution. */
async function emulationCommand({ env, signal, osRelease }: PlatformsOptions): Promise<string> {
  const docker = findTool("docker", env);
  const argv = ["version", "--format", "{{.Server.Version}}"];
  const engine = docker === undefined ? undefined : await toolVersion({ path: docker, argv, env, signal });
  return engine === undefined
    ? installCommand("emulation", packageFamily(osRelease))
    : DOCKER_EMULATION_COMMAND;
}

async function checkRegistry(registry: string, { ping, signal }: DoctorOptions): Promise<Finding> {
  const problem = await ping(registry, signal);
  const check = `registry ${registry}`;
  return problem === undefined
    ? { check, state: "ok", detail: "it answers, and takes our credentials" }
    : { check, state: "problem", ...problem };
}

/** Looks at the room for the managed BuildKit's cache. */
export async function checkDisk({ paths }: Pick<DoctorOptions, "paths">): Promise<readonly Finding[]> {
  const space = await diskSpace(paths.root);
  if (space === undefined) return [];
  const detail = `${(space.freeBytes / 1e9).toFixed(1)} GB free for ${paths.root}`;
  if (space.freeBytes >= LOW_BYTES) return [{ check: "disk", state: "ok", detail }];
  const state = space.freeBytes < SCARCE_BYTES ? "problem" : "warning";
  const prune = `buildctl --addr unix://${paths.socket ?? ""} prune`;
  return [{ check: "disk", state, detail, mend: prune }];
}
