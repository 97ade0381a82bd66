import { chmod, mkdir, mkdtemp, readdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { withLock } from "../host/lock.ts";
import { formatVersion, toolVersion } from "../host/tools.ts";
import { fail, ok, type Result } from "../result.ts";
import { downloadVerified } from "./archive.ts";
import { goBuild } from "./go-build.ts";
import {
  inFolder,
  installFolder,
  type Attempt,
  type InstallOptions,
  type InstallSource,
} from "./install-sources.ts";
import type { Installable } from "./installable.ts";
import { BUILDKIT_ARCHIVES, BUILDKIT_RELEASES } from "./pins.ts";
import { extractPrograms } from "./tarball.ts";

const MAX_ARCHIVE_BYTES = 512 * 1024 * 1024;

/** A tool that is not there yet, and where it shall come from. */
export interface Making {
  readonly tool: Installable;
  readonly source: Extract<InstallSource, "archive" | "go">;
  readonly options: InstallOptions;
}

/** Installs a tool: one process does, others wait for it and find the result. */
export async function makeTool(making: Making): Attempt {
  const { tool, source, options } = making;
  const target = installFolder(tool, options);
  const onWait = (): void => options.onProgress(`another process is installing ${tool.name}; waiting for it`);
  return await withLock(`${target}.lock`, { signal: options.signal, onWait }, async () => {
    const found = await inFolder(tool, options);
    if (found.ok) return found;
    await removeLeftovers(options.paths.bin, tool);
    const work = await mkdtemp(join(options.paths.bin, `${workPrefix(tool)}-`));
    try {
      const made = await (source === "archive" ? fromArchive : fromGo)(tool, options, work);
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
  return ok({ folder: target, version: formatVersion(tool.pin), source });
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
  return await goBuild({
    title: `${tool.name} v${formatVersion(tool.pin)}`,
    moduleFile: options.moduleFile,
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
