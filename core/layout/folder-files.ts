import { constants } from "node:fs";
import { lstat, mkdir, open, readdir, realpath, rename, rm } from "node:fs/promises";
import type { FileHandle } from "node:fs/promises";
import { randomUUID } from "node:crypto";
import { basename, dirname, join } from "node:path";
import type { LayoutFailure } from "../oci/layout-failure.ts";
import { BlobUnreadable } from "../registry/store.ts";
import { attempt, attemptWith, invalid, isNotThere } from "./failures.ts";
import { isLayoutName, readRange } from "./files.ts";
import type { LayoutFiles, OpenFile } from "./files.ts";

/** A folder with the files of a layout: `root` is its real path, `path` how people named it. */
export interface Folder {
  readonly root: string;
  readonly path: string;
}

/** The files of a layout folder. Links are never followed: they could lead anywhere. */
export function folderFiles(folder: Folder): LayoutFiles {
  const { path } = folder;
  return {
    path,
    size: (name) => attempt(path, () => sizeOf(folder, name)),
    open: (name) => attempt(path, () => openRegular(folder, name)),
    write: (name, content) => attemptWith(path, () => writeWhole(folder, name, content)),
    remove: (name) =>
      attempt(path, async () => {
        const file = await locate(folder, name);
        if (file !== undefined) await rm(file, { force: true });
      }),
    close: async () => undefined,
  };
}

/** Where a file of this name goes, its folder made. @throws where that folder is a link */
export async function makeRoom(folder: Folder, name: string): Promise<string> {
  const parent = dirname(join(folder.root, name));
  await mkdir(parent, { recursive: true });
  if ((await realpath(parent)) !== parent) throw notRegular(folder, dirname(name));
  return join(parent, basename(name));
}

/** Names of all blobs of a folder that we wrote, in order. */
export async function listBlobs({ root }: Folder): Promise<readonly string[]> {
  const algorithms = await readdir(join(root, "blobs"));
  const names = await Promise.all(
    algorithms.map(async (algorithm) =>
      (await readdir(join(root, "blobs", algorithm))).map((hex) => `blobs/${algorithm}/${hex}`),
    ),
  );
  return names.flat().filter(isLayoutName).toSorted();
}

/** The path of an entry that no link is part of; undefined where there is none. */
async function locate(folder: Folder, name: string): Promise<string | undefined> {
  const file = join(folder.root, name);
  const found = await lstat(file).catch(undefinedIfNotThere);
  if (found === undefined) return undefined;
  if (!found.isFile() || (await realpath(file)) !== file) throw notRegular(folder, name);
  return file;
}

async function sizeOf(folder: Folder, name: string): Promise<number | undefined> {
  const file = await locate(folder, name);
  return file === undefined ? undefined : (await lstat(file)).size;
}

async function openRegular(folder: Folder, name: string): Promise<OpenFile | undefined> {
  const file = await locate(folder, name);
  if (file === undefined) return undefined;
  // Should a link or pipe take its place right now: the first is refused, the second is not waited for.
  const handle = await open(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  const found = await handle.stat();
  if (found.isFile()) return openFile(handle, found.size);
  await handle.close();
  throw notRegular(folder, name);
}

function openFile(handle: FileHandle, size: number): OpenFile {
  return {
    size,
    bytes: (from) => readRange(handle, from, size - from),
    close: () => handle.close(),
  };
}

/** Written beside its place and put there when all of it is on the disk. */
async function writeWhole(folder: Folder, name: string, content: AsyncIterable<Uint8Array>): Promise<void> {
  const file = await makeRoom(folder, name);
  const partial = join(dirname(file), `.${randomUUID()}.partial`);
  try {
    await writeFile(partial, content);
    await rename(partial, file);
  } catch (error) {
    await rm(partial, { force: true });
    throw error;
  }
}

/** Writes a new file, and waits until the disk has it. */
export async function writeFile(file: string, content: AsyncIterable<Uint8Array>): Promise<void> {
  const handle = await open(file, "wx");
  try {
    for await (const piece of content) {
      for (let done = 0; done < piece.length;)
        done += (await handle.write(piece, done, piece.length - done)).bytesWritten;
    }
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function notRegular({ path }: Folder, name: string): BlobUnreadable<LayoutFailure> {
  return new BlobUnreadable(
    invalid(path, `${name} is no regular file of this folder (links are not followed)`),
  );
}

function undefinedIfNotThere(error: unknown): undefined {
  if (!isNotThere(error)) throw error;
  return undefined;
}
