import { chmod, mkdir, mkdtemp, readdir, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { withLock } from "../host/lock.ts";
import type { CachePaths, Environment } from "../host/paths.ts";
import { findTool, formatVersion, isAtLeast, isExecutable, toolVersion } from "../host/tools.ts";
import { fail, ok, type Result } from "../result.ts";
import { downloadVerified } from "./archive.ts";
import { goBuild } from "./go-build.ts";
import type { Installable } from "./installable.ts";
import { BUILDKIT_ARCHIVES, BUILDKIT_RELEASES } from "./pins.ts";
import { extractPrograms } from "./tarball.ts";

/** Where a tool can come from, in the order in which it is tried. */
export type InstallSource = "path" | "installed" | "archive" | "go";

export interface InstallOptions {
  readonly paths: CachePaths;
  readonly env: Environment;
  /** This host, in OCI's words. */
  readonly os: string;
  readonly architecture: string;
  /** Folder of the package that holds the pinned go.mod and go.sum. */
  readonly toolsModule: string;
  /** Lines for people, a few per minute while something takes long. */
  readonly onProgress: (line: string) => void;
  readonly signal: AbortSignal;
  /** All sources where it is left out. */
  readonly sources?: readonly InstallSource[];
  /** The client for the release archive, one that knows the user's proxies; Node's own where it is left out. */
  readonly fetch?: typeof fetch;
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

const MAX_ARCHIVE_BYTES = 512 * 1024 * 1024;

/** Tries one source. May reject where the system refuses something: that too is a reason to go on to the next. */
export async function trySource(source: InstallSource, tool: Installable, options: InstallOptions): Attempt {
  switch (source) {
    case "path":
      return await onPath(tool, options);
    case "installed":
      return await inFolder(tool, options);
    case "archive":
      return await exclusively({ tool, source, options }, (folder) => fromArchive(tool, options, folder));
    case "go":
      return await exclusively({ tool, source, options }, (folder) => fromGo(tool, options, folder));
    default:
      return source satisfies never;
  }
}

async function onPath(tool: Installable, options: InstallOptions): Attempt {
  const paths = await Promise.all(tool.programs.map((program) => findTool(program, options.env)));
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

/** The folder comes into being by one rename, so that being there means being complete. */
function installFolder(tool: Installable, { paths, os, architecture }: InstallOptions): string {
  return join(paths.bin, `${tool.name}-v${formatVersion(tool.pin)}-${os}-${architecture}`);
}

async function inFolder(tool: Installable, options: InstallOptions): Attempt {
  const folder = installFolder(tool, options);
  const complete = await Promise.all(tool.programs.map((program) => isExecutable(join(folder, program))));
  return complete.every(Boolean)
    ? ok(pinned(tool, folder, "installed"))
    : fail(`not installed yet in ${folder}`);
}

interface Making {
  readonly tool: Installable;
  readonly source: InstallSource;
  readonly options: InstallOptions;
}

/** One process installs; others wait for it and find the result. `make` answers the folder with the programs. */
async function exclusively(
  making: Making,
  make: (folder: string) => Promise<Result<string, string>>,
): Attempt {
  const { tool, options } = making;
  const target = installFolder(tool, options);
  const onWait = (): void => options.onProgress(`another process is installing ${tool.name}; waiting for it`);
  return await withLock(`${target}.lock`, { signal: options.signal, onWait }, async () => {
    const found = await inFolder(tool, options);
    if (found.ok) return found;
    await removeLeftovers(options.paths.bin, tool);
    const work = await mkdtemp(join(options.paths.bin, `${workPrefix(tool)}-`));
    try {
      const made = await make(work);
      return made.ok ? await settle(making, made.value) : made;
    } finally {
      await rm(work, { recursive: true, force: true });
    }
  });
}

function workPrefix(tool: Installable): string {
  return `.work-${tool.name}`;
}

/** A killed process leaves its work behind; under the lock nobody else can be using it. */
async function removeLeftovers(bin: string, tool: Installable): Promise<void> {
  for (const name of await readdir(bin))
    if (name.startsWith(workPrefix(tool))) await rm(join(bin, name), { recursive: true, force: true });
}

/** Looks at what was made before it takes the final name. */
async function settle(making: Making, made: string): Attempt {
  const { tool, source, options } = making;
  const { env, signal } = options;
  for (const program of tool.programs) {
    await chmod(join(made, program), 0o755);
    const version = await toolVersion({ path: join(made, program), argv: tool.versionArgv, env, signal });
    if (version === undefined || formatVersion(version) !== formatVersion(tool.pin))
      return fail(`${program} does not run, or is not version ${formatVersion(tool.pin)}`);
  }
  const target = installFolder(tool, options);
  await rm(target, { recursive: true, force: true });
  await rename(made, target);
  return ok(pinned(tool, target, source));
}

async function fromArchive(
  tool: Installable,
  options: InstallOptions,
  folder: string,
): Promise<Result<string, string>> {
  const releases = options.releases ?? { url: BUILDKIT_RELEASES, sha256: BUILDKIT_ARCHIVES };
  const sha256 = options.os === "linux" ? releases.sha256[options.architecture] : undefined;
  const names = tool.archived;
  if (names === undefined || sha256 === undefined)
    return fail(`no archive is known for ${options.os}/${options.architecture}`);
  const version = `v${formatVersion(tool.pin)}`;
  const name = `buildkit-${version}.linux-${options.architecture}.tar.gz`;
  // The archive lies beside the work folder, not in it: an interrupted download is continued later.
  const file = join(options.paths.bin, `${name}.part`);
  const url = `${releases.url}/${version}/${name}`;
  options.onProgress(`fetching ${url}`);
  const downloaded = await downloadVerified({
    url,
    sha256,
    file,
    maxBytes: MAX_ARCHIVE_BYTES,
    fetch: options.fetch ?? fetch,
    signal: options.signal,
    onBytes: percentages(options.onProgress),
  });
  if (!downloaded.ok) return downloaded;
  const out = join(folder, "out");
  await mkdir(out);
  await extractPrograms({
    archive: file,
    names,
    folder: out,
    maxFileBytes: MAX_ARCHIVE_BYTES,
    signal: options.signal,
  });
  await rm(file);
  return ok(out);
}

/** A line for every tenth of the file. */
function percentages(onProgress: (line: string) => void) {
  let shown = 0;
  return (received: number, total: number | undefined): void => {
    if (total === undefined || (received / total) * 10 < shown + 1) return;
    shown = Math.floor((received / total) * 10);
    onProgress(`${shown * 10} % of ${Math.round(total / 1_000_000)} MB`);
  };
}

async function fromGo(
  tool: Installable,
  options: InstallOptions,
  folder: string,
): Promise<Result<string, string>> {
  options.onProgress(`building ${tool.name} v${formatVersion(tool.pin)} with Go: this takes minutes, once`);
  return await goBuild({
    module: options.toolsModule,
    packages: tool.goPackages,
    variables: tool.goVariables,
    folder,
    os: options.os,
    architecture: options.architecture,
    env: options.env,
    signal: options.signal,
    onProgress: options.onProgress,
  });
}
