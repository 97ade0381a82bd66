import { readFile, readlink } from "node:fs/promises";

/**
 * Names one process for as long as the machine runs: a number alone is given to another process later.
 * `started` is field 22 of /proc/PID/stat (clock ticks since boot), `boot` the kernel's boot id, `namespace` the
 * PID namespace that the number belongs to.
 * @see https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html
 */
export interface ProcessIdentity {
  readonly pid: number;
  readonly started: string;
  readonly boot: string;
  readonly namespace: string;
}

/**
 * Identifies a running process, or this one. Undefined where there is none with this number (a zombie counts as none),
 * and where the system has no /proc.
 */
export async function identifyProcess(pid: number | "self"): Promise<ProcessIdentity | undefined> {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => undefined);
  const fields = stat?.slice(stat.lastIndexOf(")") + 2).split(" ");
  const [state, started] = [fields?.[0], fields?.[19]];
  if (state === undefined || started === undefined || state === "Z" || state === "X") return undefined;
  const boot = await readFile("/proc/sys/kernel/random/boot_id", "utf8").catch(() => "");
  return {
    pid: Number.parseInt(stat ?? "", 10),
    started,
    boot: boot.trim(),
    namespace: await pidNamespace(),
  };
}

/** Is this very process still running? Undefined where it belongs to another PID namespace and cannot be seen. */
export async function isRunning(identity: ProcessIdentity): Promise<boolean | undefined> {
  if (identity.namespace !== (await pidNamespace())) return undefined;
  const now = await identifyProcess(identity.pid);
  return now !== undefined && now.started === identity.started && now.boot === identity.boot;
}

async function pidNamespace(): Promise<string> {
  return await readlink("/proc/self/ns/pid").catch(() => "");
}
