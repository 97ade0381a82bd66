import { readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import * as z from "zod/mini";
import { identifyProcess, isRunning, type ProcessIdentity } from "../host/process-identity.ts";
import type { DaemonFiles } from "./daemon-settings.ts";

const recordSchema = z.object({
  process: z.object({
    pid: z.int().check(z.positive()),
    started: z.string(),
    boot: z.string(),
    namespace: z.string(),
  }),
  version: z.string(),
  settings: z.string(),
});

/** What we know of the daemon that we started: which process it is, its version, and how it was set up. */
export type DaemonRecord = z.infer<typeof recordSchema>;

/** Finds the daemon that runs for this folder, by our own record, or where that is lost by its command line. */
export async function findDaemon(files: DaemonFiles): Promise<DaemonRecord | undefined> {
  const text = await readFile(files.record, "utf8").catch(() => "");
  const record = recordSchema.safeParse(parseJson(text)).data;
  if (record !== undefined && (await isRunning(record.process)) === true) return record;
  const process = await searchProcesses(files.configuration);
  return process === undefined ? undefined : { process, version: "", settings: "" };
}

/** Writes the record whole or not at all. */
export async function recordDaemon(files: DaemonFiles, record: DaemonRecord): Promise<void> {
  await writeFile(`${files.record}.new`, JSON.stringify(record), { mode: 0o600 });
  await rename(`${files.record}.new`, files.record);
}

/** Removes what a daemon that is gone leaves behind. */
export async function forgetDaemon(files: DaemonFiles): Promise<void> {
  for (const path of [files.record, files.socket, files.otelSocket]) await rm(path, { force: true });
}

/** The outermost process that was given our configuration file: rootlesskit before the buildkitd in it. */
async function searchProcesses(configuration: string): Promise<ProcessIdentity | undefined> {
  const names = await readdir("/proc").catch((): string[] => []);
  const pids = names.map(Number).filter(Number.isInteger);
  for (const pid of pids.toSorted((one, other) => one - other)) {
    const argv = (await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "")).split("\0");
    if (argv.includes("--config") && argv.includes(configuration)) return await identifyProcess(pid);
  }
  return undefined;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
