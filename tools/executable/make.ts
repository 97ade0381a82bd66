import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { copyFile, mkdir, readdir, readFile, rename, rm, stat, utimes, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { promisify } from "node:util";
import { rolldown } from "rolldown";
import { TARGETS, type Target } from "./targets.ts";
import { unsigned } from "./unsigned.ts";

const run = promisify(execFile);
/** So many made sets are kept, 350 MB each: those of a few branches. What was used of late may be in use. */
const KEPT = 3;
const IN_USE_MS = 3_600_000;

/** What executables are made of, and where they are kept. */
export interface Making {
  /** The checkout, with its bundle in `dist`. */
  readonly root: string;
  /** What `tools/bootstrap/nodes.mjs` has fetched. */
  readonly nodes: string;
  readonly cache: string;
  readonly targets?: readonly Target[];
}

/** Makes a single executable for each target and answers their folder; nothing is made where the same was made before. */
export async function makeExecutables(making: Making): Promise<string> {
  const parts = await readParts(making);
  const folder = join(making.cache, keyOf(parts, await ownSources(), making));
  if (!(await isFolder(folder))) await make(parts, making, folder);
  const now = new Date();
  await utimes(folder, now, now);
  await removeOldest(making.cache, now.getTime() - IN_USE_MS);
  return folder;
}

async function isFolder(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isDirectory() === true;
}

/** The script that an executable starts with, and all files that it may ask for, by their paths in the npm package. */
interface Parts {
  readonly start: string;
  readonly files: ReadonlyMap<string, Buffer>;
}

async function readParts({ root }: Making): Promise<Parts> {
  const paths = ["package.json", "tools/go.mod", "tools/go.sum"];
  for (const [folder, ending] of [
    ["dist", ".cjs"],
    ["docs/rules", ".md"],
  ] as const) {
    const names = await readdir(join(root, folder));
    paths.push(...names.filter((name) => name.endsWith(ending)).map((name) => `${folder}/${name}`));
  }
  const read = async (path: string) => [path, await readFile(join(root, path))] as const;
  return { start: await bundleStart(root), files: new Map(await Promise.all(paths.toSorted().map(read))) };
}

async function bundleStart(root: string): Promise<string> {
  const bundle = await rolldown({ input: "tools/executable/start.cjs", platform: "node", cwd: root });
  const { output } = await bundle.generate({ format: "cjs" });
  await bundle.close();
  return output[0].code;
}

/** How they are made counts, too. */
async function ownSources(): Promise<readonly string[]> {
  const names = (await readdir(import.meta.dirname)).toSorted();
  return await Promise.all(names.map((name) => readFile(join(import.meta.dirname, name), "utf8")));
}

function keyOf(
  { start, files }: Parts,
  sources: readonly string[],
  { nodes, targets = TARGETS }: Making,
): string {
  const hash = createHash("sha256").update(JSON.stringify([start, sources, basename(nodes), targets]));
  for (const [path, content] of files) hash.update(JSON.stringify([path, content.length])).update(content);
  return hash.digest("hex").slice(0, 16);
}

/** What is made half is never found: the folder appears when all of it is there. */
async function make(parts: Parts, { nodes, targets = TARGETS }: Making, folder: string): Promise<void> {
  const work = `${folder}.${process.pid}.work`;
  try {
    await mkdir(join(work, "out"), { recursive: true });
    const blob = await makeBlob(parts, work);
    // One after the other: each takes a gigabyte of memory.
    for (const target of targets) await makeExecutable(target, { nodes, blob, out: join(work, "out") });
    await copyFile(join(nodes, "LICENSE-node"), join(work, "out", "LICENSE-node"));
    await rename(join(work, "out"), folder).catch(async (error: unknown) => {
      // Another process was faster, and has made the same.
      if (!(await isFolder(folder))) throw error;
    });
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** The same for all platforms: what V8 compiles of a program would be for one of them. */
async function makeBlob({ start, files }: Parts, work: string): Promise<string> {
  await writeFile(join(work, "start.cjs"), start);
  const assets: Record<string, string> = {};
  for (const [index, [path, content]] of [...files].entries()) {
    assets[path] = `asset-${index}`;
    await writeFile(join(work, `asset-${index}`), content);
  }
  // The path of the script is written into the blob: a relative one, so that it says nothing of this machine.
  const config = {
    main: "start.cjs",
    output: "blob",
    assets,
    disableExperimentalSEAWarning: true,
    useCodeCache: false,
    useSnapshot: false,
    // What is set for a user's own Node programs is not meant for this one.
    execArgvExtension: "none",
  };
  await writeFile(join(work, "sea.json"), JSON.stringify(config));
  await run(process.execPath, ["--experimental-sea-config", "sea.json"], { cwd: work });
  return join(work, "blob");
}

async function makeExecutable(
  { name, file }: Target,
  { nodes, blob, out }: { readonly nodes: string; readonly blob: string; readonly out: string },
): Promise<void> {
  const executable = join(out, file);
  const node = await readFile(join(nodes, name));
  await writeFile(executable, name.startsWith("windows-") ? unsigned(node) : node, { mode: 0o755 });
  const inject = join(import.meta.dirname, "inject.mjs");
  await run(process.execPath, [inject, join(nodes, "postject.cjs"), executable, blob]);
}

async function removeOldest(cache: string, before: number): Promise<void> {
  const names = (await readdir(cache)).filter((name) => !name.endsWith(".work"));
  const times = await Promise.all(
    names.map(async (name) => ({ name, at: (await stat(join(cache, name))).mtimeMs })),
  );
  const old = times.toSorted((one, other) => other.at - one.at).slice(KEPT);
  for (const { name } of old.filter(({ at }) => at < before))
    await rm(join(cache, name), { recursive: true, force: true });
}
