import { chmod, mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { packageFamily } from "../host/distribution.ts";
import { withLock } from "../host/lock.ts";
import type { CachePaths } from "../host/paths.ts";
import type { ProcessIdentity } from "../host/process-identity.ts";
import { descendants, signalProcess, waitUntilGone } from "../host/processes.ts";
import type { RegistrySettings } from "../plan/plan.ts";
import { fail, ok, type Result } from "../result.ts";
import type { ToolFailure } from "./buildkit.ts";
import { remedyFor } from "./daemon-diagnosis.ts";
import { daemonNeeds, type DaemonHost } from "./daemon-needs.ts";
import { launchDaemon } from "./daemon-launch.ts";
import { findDaemon, forgetDaemon, recordDaemon, type DaemonRecord } from "./daemon-record.ts";
import {
  daemonCommand,
  daemonConfiguration,
  daemonEnvironment,
  daemonFiles,
  rootlessEnvironment,
  settingsDigest,
  type DaemonFiles,
} from "./daemon-settings.ts";
import { countClients, isServing } from "./daemon-socket.ts";

export interface StartOptions extends DaemonHost {
  /** Path of the daemon's program, and its version. */
  readonly buildkitd: string;
  readonly version: string;
  /** What the plan says of registries. */
  readonly registries?: readonly RegistrySettings[];
  readonly signal: AbortSignal;
}

/** A daemon that answers. */
export interface ManagedDaemon {
  /** `unix:///...` */
  readonly address: string;
  readonly version: string;
  /** Was it started just now, or running already? */
  readonly isNew: boolean;
}

const READY_MS = 15_000;
const ANSWER_MS = 2_000;
const POLL_MS = 20;
const IDLE_MS = 500;
const CALM_STOP_MS = 1_000;
const STOP_MS = 5_000;
const LOG_LINES = 20;

/**
 * Makes the managed BuildKit available: takes the one that runs, or starts it in a session of its own, so that it
 * outlives this process and does not hear its Ctrl-C. Of two that start at once, one starts it and both use it.
 * A daemon of another version or with other settings is replaced when nobody is using it.
 */
export async function startManaged(options: StartOptions): Promise<Result<ManagedDaemon, ToolFailure>> {
  const needs = await daemonNeeds(options, dirname(options.buildkitd));
  if (!needs.ok) return needs;
  const files = daemonFiles(options.paths, needs.value.socket);
  const configuration = daemonConfiguration(files, options.version, options.registries);
  const command = daemonCommand(options.buildkitd, files, needs.value.rootlesskit);
  const start: Start = {
    options,
    files,
    configuration,
    command,
    settings: settingsDigest(configuration, command),
  };
  const running = await findUsable(start);
  if (running !== undefined) return ok(running);
  try {
    return await withLock(files.lock, { signal: options.signal }, () => startOrReuse(start));
  } catch (error) {
    return refuse(options.signal.aborted ? "it was cancelled" : String(error), []);
  }
}

/**
 * Ends the managed BuildKit with all that it runs, and says whether there was one. Its cache stays.
 * The error names a process that could not be ended.
 */
export async function stopManaged(
  paths: CachePaths,
): Promise<Result<{ readonly wasRunning: boolean }, ToolFailure>> {
  if (paths.socket === undefined) return ok({ wasRunning: false });
  const files = daemonFiles(paths, paths.socket);
  return await withLock(files.lock, {}, async () => {
    const found = await findDaemon(files);
    if (found === undefined) return ok({ wasRunning: false });
    return (await end(files, found.process))
      ? ok({ wasRunning: true })
      : refuse(`process ${found.process.pid} does not end`, []);
  });
}

/** Looks whether the managed BuildKit runs and answers, without starting it. */
export async function managedState(paths: CachePaths): Promise<{
  readonly state: "stopped" | "running" | "silent";
  readonly pid?: number;
  readonly version?: string;
}> {
  if (paths.socket === undefined) return { state: "stopped" };
  const files = daemonFiles(paths, paths.socket);
  const found = await findDaemon(files);
  if (found === undefined) return { state: "stopped" };
  const state = (await isServing(files.socket, ANSWER_MS)) ? "running" : "silent";
  return { state, pid: found.process.pid, version: found.version };
}

interface Start {
  readonly options: StartOptions;
  readonly files: DaemonFiles;
  readonly configuration: string;
  readonly command: readonly string[];
  readonly settings: string;
}

/** Runs under the lock: what another process has done meanwhile is looked at first. */
async function startOrReuse(start: Start): Promise<Result<ManagedDaemon, ToolFailure>> {
  const running = await findUsable(start);
  if (running !== undefined) return ok(running);
  const found = await findDaemon(start.files);
  if (found !== undefined && !(await end(start.files, found.process)))
    return refuse(
      `process ${found.process.pid} does not answer and does not end`,
      await logTail(start.files),
    );
  await forgetDaemon(start.files);
  return await launch(start);
}

/** A daemon that answers, and that is either as wanted or in use by somebody. */
async function findUsable(start: Start): Promise<ManagedDaemon | undefined> {
  const { files } = start;
  const found = await findDaemon(files);
  if (found === undefined || !(await isServing(files.socket, ANSWER_MS))) return undefined;
  const isUsable = isAsWanted(start, found) || (await isInUse(files, found));
  return isUsable ? { address: `unix://${files.socket}`, version: found.version, isNew: false } : undefined;
}

/** Our own connection, to see whether it answers, takes a moment to be gone. */
async function isInUse(files: DaemonFiles, found: DaemonRecord): Promise<boolean> {
  for (let waited = 0; waited < IDLE_MS; waited += POLL_MS) {
    if ((await countClients(found.process.pid, files.socket)) === 0) return false;
    await sleep(POLL_MS);
  }
  return true;
}

function isAsWanted(start: Start, found: DaemonRecord): boolean {
  return found.version === start.options.version && found.settings === start.settings;
}

async function launch(start: Start): Promise<Result<ManagedDaemon, ToolFailure>> {
  const { files, options } = start;
  for (const folder of [options.paths.buildkit, dirname(files.socket), files.runtime])
    await mkdir(folder, { recursive: true, mode: 0o700 });
  await writeFile(files.configuration, start.configuration, { mode: 0o600 });
  const child = await launchDaemon({
    command: start.command,
    folder: options.paths.buildkit,
    env: {
      ...daemonEnvironment(options.env, dirname(options.buildkitd), options.filesFrom),
      ...(options.user.uid === 0 ? {} : rootlessEnvironment(files, options.user.name)),
    },
    log: files.log,
  });
  const { process } = child;
  if (process !== undefined)
    await recordDaemon(files, { process, version: options.version, settings: start.settings });
  const outcome = await waitUntilServing(files, child.ended, options.signal);
  if (outcome !== "serving") {
    if (process !== undefined) await end(files, process);
    const log = await logTail(files);
    return refuse(outcome, log, remedyFor(log, packageFamily(options.osRelease)));
  }
  await chmod(files.socket, 0o600);
  return ok({ address: `unix://${files.socket}`, version: options.version, isNew: true });
}

async function waitUntilServing(
  files: DaemonFiles,
  ended: AbortSignal,
  signal: AbortSignal,
): Promise<string> {
  const deadline = Date.now() + READY_MS;
  while (Date.now() < deadline) {
    if (ended.aborted) return String(ended.reason);
    if (signal.aborted) return "it was cancelled";
    if (await isServing(files.socket, ANSWER_MS)) return "serving";
    await sleep(POLL_MS);
  }
  return `BuildKit's daemon did not answer within ${READY_MS / 1000} s`;
}

/**
 * Ends a daemon and everything that it started; what it leaves behind is removed. Asked to stop, the daemon waits for
 * its builds: they are killed next, so that it can still unmount their file systems; itself only if that does not help.
 */
async function end(files: DaemonFiles, daemon: ProcessIdentity): Promise<boolean> {
  const family = await descendants(daemon.pid);
  await signalProcess(daemon, "SIGTERM");
  if (!(await waitUntilGone(daemon, CALM_STOP_MS))) family.push(...(await descendants(daemon.pid)));
  for (const member of family) await signalProcess(member, "SIGKILL");
  if (!(await waitUntilGone(daemon, STOP_MS))) await signalProcess(daemon, "SIGKILL");
  const gone = await Promise.all([daemon, ...family].map((member) => waitUntilGone(member, STOP_MS)));
  const isGone = gone.every(Boolean);
  if (isGone) await forgetDaemon(files);
  return isGone;
}

async function logTail(files: DaemonFiles): Promise<readonly string[]> {
  const text = await readFile(files.log, "utf8").catch(() => "");
  // Go's error traces follow the message, one indented line and one plain one for each frame.
  const lines = text.split("\n").filter((line) => /^(time=|\S+: )|\s(error|fatal)/.test(line));
  return lines.slice(-LOG_LINES);
}

function refuse(
  detail: string,
  log: readonly string[],
  mend = "buildx-plan doctor",
): Result<never, ToolFailure> {
  return fail({ kind: "managed-not-started", detail, log, mend });
}
