import { readdir, readFile } from "node:fs/promises";
import { kill } from "node:process";
import { setTimeout as sleep } from "node:timers/promises";
import { identifyProcess, isRunning, type ProcessIdentity } from "./process-identity.ts";

const POLL_MS = 20;

/** All processes that descend from one, nearest first. */
export async function descendants(pid: number): Promise<ProcessIdentity[]> {
  const children = await childrenByParent();
  const found: number[] = [];
  for (let level = children.get(pid) ?? []; level.length > 0;) {
    found.push(...level);
    level = level.flatMap((child) => children.get(child) ?? []);
  }
  const identities = await Promise.all(found.map(identifyProcess));
  return identities.filter((identity) => identity !== undefined);
}

/** Field 4 of /proc/PID/stat is the parent. */
async function childrenByParent(): Promise<Map<number, number[]>> {
  const pids = (await readdir("/proc")).map(Number).filter(Number.isInteger);
  const children = new Map<number, number[]>();
  for (const pid of pids) {
    const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "");
    const parent = Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]);
    children.set(parent, [...(children.get(parent) ?? []), pid]);
  }
  return children;
}

/** Sends a signal to this very process, not to another that has its number by now. */
export async function signalProcess(identity: ProcessIdentity, signal: NodeJS.Signals): Promise<void> {
  if ((await isRunning(identity)) !== true) return;
  try {
    kill(identity.pid, signal);
  } catch {
    // It ended in between, or is not ours: the caller looks whether it still runs.
  }
}

/** Waits until a process is gone; answers whether it is. */
export async function waitUntilGone(identity: ProcessIdentity, timeoutMs: number): Promise<boolean> {
  for (let waited = 0; waited < timeoutMs; waited += POLL_MS) {
    if ((await isRunning(identity)) !== true) return true;
    await sleep(POLL_MS);
  }
  return (await isRunning(identity)) !== true;
}
