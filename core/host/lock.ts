import { randomUUID } from "node:crypto";
import { mkdir, readFile, rename, rm, stat, utimes, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import * as z from "zod/mini";
import { identifyProcess, isRunning } from "./process-identity.ts";

/** The holder touches its lock this often, and a lock untouched for `STALE_MS` has lost its holder. In milliseconds. */
const TOUCH_MS = 2_000;
const STALE_MS = 20_000;
const RETRY_MS = 50;

const ownerSchema = z.object({
  token: z.string(),
  process: z.optional(
    z.object({ pid: z.number(), started: z.string(), boot: z.string(), namespace: z.string() }),
  ),
});

type Owner = z.infer<typeof ownerSchema>;

export interface LockOptions {
  readonly signal?: AbortSignal;
  /** Called once if another process holds the lock. */
  readonly onWait?: () => void;
}

/**
 * Runs a task while no other process runs one under the same lock file. A lock whose holder has died is taken over.
 * Rejects with the signal's reason when cancelled while waiting.
 */
export async function withLock<T>(file: string, options: LockOptions, task: () => Promise<T>): Promise<T> {
  const owner = { token: randomUUID(), process: await identifyProcess("self") };
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  await acquire(file, owner, options);
  return await holding(file, owner.token, task);
}

async function acquire(file: string, owner: Owner, options: LockOptions): Promise<void> {
  let hasWaited = false;
  while (!(await createNew(file, owner)) && !(await takeOver(file, owner))) {
    if (!hasWaited) options.onWait?.();
    hasWaited = true;
    await sleep(RETRY_MS, undefined, options.signal === undefined ? {} : { signal: options.signal });
  }
}

/** The system lets one process only create a file of this name. */
async function createNew(file: string, owner: Owner): Promise<boolean> {
  try {
    await writeFile(file, JSON.stringify(owner), { flag: "wx", mode: 0o600 });
    return true;
  } catch (error) {
    if (isTaken(error)) return false;
    throw error;
  }
}

/** Of several that find a holder dead, one gets the turn, and looks again before it replaces the lock. */
async function takeOver(file: string, owner: Owner): Promise<boolean> {
  if (!(await isAbandoned(file))) return false;
  const turn = `${file}.turn`;
  if (!(await createNew(turn, owner))) {
    if (await isOld(turn)) await rm(turn, { force: true });
    return false;
  }
  try {
    if (!(await isAbandoned(file))) return false;
    await writeFile(`${turn}.next`, JSON.stringify(owner), { mode: 0o600 });
    await rename(`${turn}.next`, file);
    return true;
  } finally {
    await rm(turn, { force: true });
  }
}

async function isAbandoned(file: string): Promise<boolean> {
  const text = await readFile(file, "utf8").catch(() => undefined);
  if (text === undefined) return false;
  const owner = ownerSchema.safeParse(parseJson(text)).data;
  const runs = owner?.process === undefined ? undefined : await isRunning(owner.process);
  return runs === undefined ? await isOld(file) : !runs;
}

async function isOld(file: string): Promise<boolean> {
  const found = await stat(file).catch(() => undefined);
  return found !== undefined && Date.now() - found.mtimeMs > STALE_MS;
}

async function holding<T>(file: string, token: string, task: () => Promise<T>): Promise<T> {
  const touch = setInterval(() => void utimes(file, new Date(), new Date()).catch(() => undefined), TOUCH_MS);
  touch.unref();
  try {
    return await task();
  } finally {
    clearInterval(touch);
    const owner = ownerSchema.safeParse(parseJson(await readFile(file, "utf8").catch(() => ""))).data;
    if (owner?.token === token) await rm(file, { force: true });
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isTaken(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "EEXIST";
}
