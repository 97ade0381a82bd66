import { dirname, join } from "node:path";
import type { CacheFolders, Environment } from "../host/folders.ts";
import { findTool, formatVersion, isAtLeast, isExecutable, toolVersion } from "../host/tools.ts";
import { fail, ok, type Result } from "../result.ts";
import type { Fetch } from "./archive.ts";
import type { Installable } from "./installable.ts";

/** Where a tool can come from, in the order in which it is tried. */
export type InstallSource = "path" | "installed" | "archive" | "go";

export interface InstallOptions {
  readonly paths: CacheFolders;
  readonly env: Environment;
  /** This host, in OCI's words. */
  readonly os: string;
  readonly architecture: string;
  /** Text of the go.mod and go.sum that pin what is built from source; they come with this program. */
  readonly moduleFile: (name: "go.mod" | "go.sum") => Promise<string>;
  /** Lines for people, a few per minute while something takes long. */
  readonly onProgress: (line: string) => void;
  readonly signal: AbortSignal;
  /** All sources where it is left out. */
  readonly sources?: readonly InstallSource[];
  /** The client for the release archive, one that knows the user's proxies; Node's own where it is left out. */
  readonly fetch?: Fetch;
  /** Another place for release archives, with their sums by architecture. */
  readonly releases?: { readonly url: string; readonly sha256: Readonly<Record<string, string>> };
}

/** Where a tool was found, or one sentence of why this source does not have it. */
export type Attempt = Promise<Result<Found, string>>;

/** A folder with all the programs of a tool. */
export interface Found {
  readonly folder: string;
  readonly version: string;
  readonly source: InstallSource;
}

/** Looks for a tool of the user's own: all its programs in one folder of the PATH, and new enough. */
export async function onPath(tool: Installable, options: InstallOptions): Attempt {
  const paths = tool.programs.map((program) => findTool(program, options.env));
  const missing = tool.programs.filter((_, index) => paths[index] === undefined);
  if (missing.length > 0) return fail(`not on the PATH: ${missing.join(", ")}`);
  const folders = new Set(paths.map((path) => dirname(path ?? "")));
  const [folder] = folders;
  if (folder === undefined || folders.size > 1) return fail(`found in several folders of the PATH`);
  if (folder === installFolder(tool, options)) return ok(pinned(tool, folder, "installed"));
  const { env, signal } = options;
  const versions = await Promise.all(
    tool.programs.map((program) =>
      toolVersion({ path: join(folder, program), argv: tool.versionArgv, env, signal }),
    ),
  );
  const [version] = versions;
  if (version === undefined || versions.includes(undefined))
    return fail(`the programs in ${folder} do not tell their version`);
  const tooOld = versions.find((found) => found !== undefined && !isAtLeast(found, tool.oldest));
  if (tooOld !== undefined)
    return fail(`${folder} has ${formatVersion(tooOld)}, older than ${formatVersion(tool.oldest)}`);
  return ok({ folder, version: formatVersion(version), source: "path" });
}

function pinned(tool: Installable, folder: string, source: InstallSource): Found {
  return { folder, version: formatVersion(tool.pin), source };
}

/** Where we install a tool. The folder comes into being by one rename, so that being there means being complete. */
export function installFolder(tool: Installable, { paths, os, architecture }: InstallOptions): string {
  return join(paths.bin, `${tool.name}-v${formatVersion(tool.pin)}-${os}-${architecture}`);
}

/** Looks for a tool that was installed before. */
export async function inFolder(tool: Installable, options: InstallOptions): Attempt {
  const folder = installFolder(tool, options);
  return tool.programs.every((program) => isExecutable(join(folder, program)))
    ? ok(pinned(tool, folder, "installed"))
    : fail(`not installed yet in ${folder}`);
}
