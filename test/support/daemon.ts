import { spawn, type ChildProcess } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { TestProject } from "vitest/node";
import { findBuildKit } from "../../core/buildkit/install.ts";
import { readTool } from "../../core/buildkit/tool.ts";
import { cachePaths } from "../../core/host/paths.ts";

declare module "vitest" {
  interface ProvidedContext {
    readonly buildkit: { readonly address: string; readonly buildctl: string; readonly buildkitd: string };
  }
}

/** A real buildkitd, with a state folder of its own. */
export interface Daemon {
  readonly address: string;
  readonly buildctl: string;
  readonly buildkitd: string;
  /** Ends it and removes its state. */
  readonly stop: () => Promise<void>;
}

/** Runs one daemon for all end-to-end tests. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const { stop, ...daemon } = await startDaemon();
  project.provide("buildkit", daemon);
  return stop;
}

/**
 * Starts a daemon and waits until it answers.
 * @throws where BuildKit is not installed: a test run without it must fail, not skip
 */
export async function startDaemon(): Promise<Daemon> {
  const { buildctl, buildkitd } = await programs();
  const directory = await mkdtemp(join(tmpdir(), "buildkit-"));
  const address = `unix://${join(directory, "buildkitd.sock")}`;
  const flags = ["--root", join(directory, "state"), "--addr", address, ...ownTraces(directory)];
  const child = spawn(buildkitd, flags, { stdio: ["ignore", "ignore", "pipe"] });
  await awaitWorkers(child, buildctl, ["--addr", address]);
  const stop = async (): Promise<void> => {
    const ended = new Promise((resolve) => child.once("close", resolve));
    child.kill("SIGTERM");
    await ended;
    await rm(directory, { recursive: true, force: true, maxRetries: 5 });
  };
  return { address, buildctl, buildkitd, stop };
}

/** Daemons share the socket for traces otherwise: of two that start at once, one ends with "address already in use". */
export function ownTraces(folder: string): readonly string[] {
  return ["--otel-socket-path", join(folder, "otel.sock")];
}

/** BuildKit's programs. @throws where they are not installed */
export async function programs(): Promise<{ buildctl: string; buildkitd: string }> {
  const found = await findBuildKit({
    paths: cachePaths(process.env, homedir()),
    env: process.env,
    os: "linux",
    architecture: process.arch === "arm64" ? "arm64" : "amd64",
    signal: AbortSignal.timeout(30_000),
  });
  if (!found.ok || found.value.buildkitd === undefined) {
    throw new Error(
      "The end-to-end tests need BuildKit: run `npm test`, or `node bin/buildx-plan.js setup`.",
    );
  }
  return { buildctl: found.value.buildctl, buildkitd: found.value.buildkitd };
}

/** So much of what a daemon said last is kept, in characters. */
const LAST_WORDS = 2_000;

/** Waits until a daemon answers. `reach`: the flags of `buildctl` that lead to it. @throws where it ends, or takes too long */
export async function awaitWorkers(
  child: ChildProcess,
  buildctl: string,
  reach: readonly string[],
): Promise<void> {
  let said = "";
  child.stderr?.on("data", (part) => {
    said = `${said}${part}`.slice(-LAST_WORDS);
  });
  for (let attempt = 0; attempt < 100; attempt += 1) {
    if (child.exitCode !== null)
      throw new Error(`buildkitd ended with ${child.exitCode}; it needs root and runc. It said: ${said}`);
    const { ended } = await readTool({
      tool: buildctl,
      argv: [...reach, "debug", "workers"],
      env: process.env,
      signal: AbortSignal.timeout(5_000),
    });
    if (ended.kind === "exited" && ended.exitCode === 0) return;
    await sleep(100);
  }
  throw new Error("buildkitd did not answer within 10 s");
}
