import { spawn } from "node:child_process";
import { open, rename } from "node:fs/promises";
import type { Environment } from "../host/folders.ts";
import { identifyProcess, type ProcessIdentity } from "../host/process-identity.ts";

/** What is started, and where its output goes. */
export interface Launch {
  readonly command: readonly string[];
  readonly folder: string;
  readonly env: Environment;
  /** The log of the one before is kept beside it, as `.old`. */
  readonly log: string;
}

/** A process that we started and leave alone. */
export interface Launched {
  /** Undefined where it never ran, or ended at once. */
  readonly process: ProcessIdentity | undefined;
  /** Aborted when it has ended; the reason says how. */
  readonly ended: AbortSignal;
}

/** Starts a process in a session of its own: it outlives us, and a terminal's Ctrl-C does not reach it. */
export async function launchDaemon(launch: Launch): Promise<Launched> {
  await rename(launch.log, `${launch.log}.old`).catch(() => undefined);
  const log = await open(launch.log, "w", 0o600);
  try {
    const [program = "", ...argv] = launch.command;
    const child = spawn(program, argv, {
      cwd: launch.folder,
      env: launch.env,
      detached: true,
      stdio: ["ignore", log.fd, log.fd],
    });
    const ended = new AbortController();
    child.once("error", (error) => ended.abort(`${program} could not be started: ${error.message}`));
    child.once("exit", (status, signal) =>
      ended.abort(`BuildKit's daemon ended with ${signal ?? `status ${status}`}`),
    );
    child.unref();
    const process = child.pid === undefined ? undefined : await identifyProcess(child.pid);
    return { process, ended: ended.signal };
  } finally {
    await log.close();
  }
}
