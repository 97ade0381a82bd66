import { spawn } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Platform } from "../../platforms/platform.ts";
import type { Environment } from "./folders.ts";
import { PROBE_EXIT_STATUS, probeProgram } from "./probe-program.ts";

/** How a program of one platform fared when this host really ran it. */
export type ProbeOutcome =
  /** It ran: `inside` a root folder of its own too, as build steps are run, or that was not tried. */
  | { readonly kind: "runs"; readonly inside: "yes" | "not-tried" }
  /** It runs on the host only: the emulator is not found from within another root folder (binfmt_misc flag F is missing). */
  | { readonly kind: "runs-outside-only" }
  /** The kernel refused to execute it: `ENOEXEC` (nothing runs such programs), `ENOENT` (the emulator is not there), ... */
  | { readonly kind: "refused"; readonly code: string }
  /** It started, and ended in another way than it must. */
  | { readonly kind: "crashed"; readonly status?: number; readonly signal?: string }
  /** No program can be made for this platform. */
  | { readonly kind: "unknown-platform" };

export interface ProbeOptions {
  /** Where the programs are written: a folder that allows execution. Made where it is missing. */
  readonly folder: string;
  /** Also run inside a root folder of its own, as BuildKit does. Only root may. */
  readonly isRoot: boolean;
  readonly env: Environment;
}

const PROBE_TIMEOUT_MS = 10_000;

/**
 * Runs a tiny program of each platform for real, because a binfmt_misc entry alone proves nothing: its interpreter may
 * be missing, broken, or out of reach of a container.
 */
export async function probePlatforms(
  platforms: readonly Platform[],
  options: ProbeOptions,
): Promise<ProbeOutcome[]> {
  await mkdir(options.folder, { recursive: true, mode: 0o700 });
  const folder = await mkdtemp(join(options.folder, "probe-"));
  try {
    // All are written before the first one runs: a file that a forked child still holds open for writing is refused.
    await Promise.all(platforms.map((platform, index) => writeProgram(platform, join(folder, `${index}`))));
    return await Promise.all(
      platforms.map(async (platform, index) =>
        probeProgram(platform) === undefined
          ? ({ kind: "unknown-platform" } as const)
          : await probeFile(`${index}`, { ...options, folder }),
      ),
    );
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function writeProgram(platform: Platform, path: string): Promise<void> {
  const program = probeProgram(platform);
  if (program !== undefined) await writeFile(path, program, { mode: 0o700 });
}

/** Runs one program that must end with the probe's status; `name` is its file in the options' folder. */
export async function probeFile(name: string, options: ProbeOptions): Promise<ProbeOutcome> {
  const outside = await run(join(options.folder, name), [], options.env);
  if (outside.status !== PROBE_EXIT_STATUS) return failed(outside);
  if (!options.isRoot) return { kind: "runs", inside: "not-tried" };
  const inside = await run("chroot", [options.folder, `/${name}`], options.env);
  if (inside.code !== undefined) return { kind: "runs", inside: "not-tried" };
  return inside.status === PROBE_EXIT_STATUS
    ? { kind: "runs", inside: "yes" }
    : { kind: "runs-outside-only" };
}

function failed(run: Run): ProbeOutcome {
  if (run.code !== undefined) return { kind: "refused", code: run.code };
  if (run.signal !== undefined) return { kind: "crashed", signal: run.signal };
  // Where the kernel answers ENOEXEC, the C library hands the file to a shell, which ends with one of these.
  if (run.status === 2 || run.status === 126 || run.status === 127)
    return { kind: "refused", code: "ENOEXEC" };
  return { kind: "crashed", ...(run.status === undefined ? {} : { status: run.status }) };
}

interface Run {
  readonly status?: number;
  readonly signal?: string;
  readonly code?: string;
}

async function run(path: string, argv: readonly string[], env: Environment): Promise<Run> {
  return await new Promise((resolve) => {
    const child = spawn(path, argv, { env, stdio: "ignore", timeout: PROBE_TIMEOUT_MS });
    child.once("error", (error) => resolve({ code: "code" in error ? String(error.code) : error.message }));
    child.once("exit", (status, signal) => resolve(status === null ? { signal: signal ?? "?" } : { status }));
  });
}
