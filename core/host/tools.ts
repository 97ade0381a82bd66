import { accessSync, constants } from "node:fs";
import { statfs } from "node:fs/promises";
import { delimiter, dirname, isAbsolute, join } from "node:path";
import { readTool } from "../buildkit/tool.ts";
import type { Environment } from "./folders.ts";

/** Finds a program on the PATH of an environment: its absolute path, or undefined. Relative PATH entries do not count. */
export function findTool(name: string, env: Environment): string | undefined {
  return (env["PATH"] ?? "")
    .split(delimiter)
    .filter((folder) => isAbsolute(folder))
    .map((folder) => join(folder, name))
    .find((path) => isExecutable(path));
}

/** May this file be executed by us? */
export function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** A version, major first. */
export type Version = readonly [major: number, minor: number, patch: number];

/** Finds the first version in a text: `v0.33.1`, `1.1.5+ds1`, `go1.26.8`. Undefined for none and for BuildKit's own `0.0.0`. */
export function parseVersion(text: string): Version | undefined {
  const match = /(\d+)\.(\d+)(?:\.(\d+))?/.exec(text);
  if (match === null) return undefined;
  const version: Version = [Number(match[1]), Number(match[2]), Number(match[3] ?? 0)];
  return version.every((part) => part === 0) ? undefined : version;
}

/** Is this version the wanted one or a later one? */
export function isAtLeast(version: Version, wanted: Version): boolean {
  const different = version.findIndex((part, index) => part !== wanted[index]);
  return different === -1 || (version[different] ?? 0) > (wanted[different] ?? 0);
}

/** `0.33.1` */
export function formatVersion(version: Version): string {
  return version.join(".");
}

export interface VersionQuery {
  /** Path of the program. */
  readonly path: string;
  readonly argv: readonly string[];
  readonly env: Environment;
  readonly signal: AbortSignal;
}

/** Asks a program for its version. Undefined where it does not start, fails, takes longer than 10 s, or tells none. */
export async function toolVersion(query: VersionQuery): Promise<Version | undefined> {
  const { ended, stdout } = await readTool({
    tool: query.path,
    argv: query.argv,
    env: query.env,
    signal: AbortSignal.any([query.signal, AbortSignal.timeout(10_000)]),
  });
  return ended.kind === "exited" && ended.exitCode === 0 ? parseVersion(stdout) : undefined;
}

/** Room on the file system that a folder is on, or will be on, in bytes. */
export async function diskSpace(
  folder: string,
): Promise<{ readonly freeBytes: number; readonly totalBytes: number } | undefined> {
  const found = await statfs(folder).catch(() => undefined);
  if (found !== undefined)
    return { freeBytes: found.bavail * found.bsize, totalBytes: found.blocks * found.bsize };
  return dirname(folder) === folder ? undefined : await diskSpace(dirname(folder));
}
