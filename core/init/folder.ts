import { open, readdir } from "node:fs/promises";
import type { Dirent } from "node:fs";
import { join, posix } from "node:path";
import { fail, ok } from "../result.ts";
import type { Result } from "../result.ts";
import { isDockerfile } from "./dockerfiles.ts";

/** Files of a folder that a plan can be made of, by their paths from it with `/`. */
export interface FoundFiles {
  /** In the order in which bake reads them. */
  readonly bake: readonly string[];
  readonly compose: readonly string[];
  readonly workflows: readonly string[];
  readonly dockerfiles: readonly string[];
}

/** Larger files are not read. */
export const MAX_FILE_BYTES = 1024 * 1024;
const MAX_FOLDERS = 500;
const MAX_FILES = 100;
const MAX_DEPTH = 3;

const BAKE = ["docker-bake.json", "docker-bake.hcl", "docker-bake.override.json", "docker-bake.override.hcl"];
const COMPOSE = ["compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml"];
const WORKFLOWS = ".github/workflows";
/** Folders of what others wrote. */
const FOREIGN: ReadonlySet<string> = new Set([
  "node_modules",
  "vendor",
  "third_party",
  "testdata",
  "dist",
  "target",
]);

/** Looks for what a plan can be made of. Symbolic links are not followed, and a folder that cannot be read counts as empty. */
export async function lookInto(directory: string): Promise<FoundFiles> {
  const top = filesOf(await list(directory));
  const workflows = filesOf(await list(join(directory, WORKFLOWS)));
  return {
    bake: BAKE.filter((name) => top.includes(name)),
    compose: COMPOSE.filter((name) => top.includes(name)).slice(0, 1),
    workflows: workflows
      .filter((name) => /\.ya?ml$/.test(name))
      .slice(0, MAX_FILES)
      .map((name) => `${WORKFLOWS}/${name}`),
    dockerfiles: await findDockerfiles(directory),
  };
}

async function list(path: string): Promise<readonly Dirent[]> {
  const entries = await readdir(path, { withFileTypes: true }).catch(() => []);
  return entries.toSorted((one, other) => (one.name < other.name ? -1 : 1));
}

function filesOf(entries: readonly Dirent[]): readonly string[] {
  return entries.filter((entry) => entry.isFile()).map(({ name }) => name);
}

/** Breadth first, so that what lies deep in a large tree never displaces what lies on top. */
async function findDockerfiles(directory: string): Promise<readonly string[]> {
  const found: string[] = [];
  let folders = ["."];
  let looked = 0;
  for (let depth = 0; depth <= MAX_DEPTH && folders.length > 0; depth++) {
    const next: string[] = [];
    for (const folder of folders.slice(0, MAX_FOLDERS - looked)) {
      looked++;
      const entries = await list(join(directory, folder));
      found.push(
        ...filesOf(entries)
          .filter(isDockerfile)
          .map((name) => posix.join(folder, name)),
      );
      next.push(...foldersOf(entries).map((name) => posix.join(folder, name)));
    }
    folders = next;
  }
  return found.slice(0, MAX_FILES);
}

function foldersOf(entries: readonly Dirent[]): readonly string[] {
  return entries
    .filter((entry) => entry.isDirectory() && !entry.name.startsWith(".") && !FOREIGN.has(entry.name))
    .map(({ name }) => name);
}

/** Reads a text file that {@link lookInto} has found; what keeps it from that in words otherwise. */
export async function readFound(directory: string, path: string): Promise<Result<string, string>> {
  try {
    await using file = await open(join(directory, path), "r");
    const { size } = await file.stat();
    if (size > MAX_FILE_BYTES) return fail(`it has ${size} bytes, and at most ${MAX_FILE_BYTES} are read`);
    const buffer = Buffer.alloc(MAX_FILE_BYTES + 1);
    const { bytesRead } = await file.read(buffer, 0, buffer.length, 0);
    if (bytesRead > MAX_FILE_BYTES) return fail(`it has more than ${MAX_FILE_BYTES} bytes`);
    return ok(new TextDecoder("utf-8", { fatal: true }).decode(buffer.subarray(0, bytesRead)));
  } catch (error) {
    return fail(error instanceof TypeError ? "it is not text in UTF-8" : "it cannot be read");
  }
}
