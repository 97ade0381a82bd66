import { mkdir, open, readdir, readFile, rename, rm, stat, utimes } from "node:fs/promises";
import { dirname, join } from "node:path";

/** How much a folder of remembered things may hold. */
export interface MemoryLimits {
  /** Of all files together. */
  readonly maxBytes: number;
  readonly maxFiles: number;
  /** A larger file is neither written nor read. */
  readonly maxFileBytes: number;
}

/** A folder of files that may be lost at any time. Nothing that it does fails: what cannot be read is not there. */
export interface MemoryFiles {
  read(name: string): Promise<Buffer | undefined>;
  write(name: string, bytes: Uint8Array): Promise<void>;
  remove(name: string): Promise<void>;
}

const HOUR_MS = 3_600_000;
/** After a cleaning this part of the limits is left, so that not every file that comes makes for another one. */
const KEPT = 0.8;
const TEMPORARY = /\.[0-9a-f]{8}\.tmp$/;

/** Opens a folder, which need not exist. When it is full, the files that nobody has read for the longest time go first. */
export function openMemoryFiles(folder: string, limits: MemoryLimits): MemoryFiles {
  let room: { bytes: number; files: number } | undefined;
  let cleaning: Promise<void> = Promise.resolve();
  const makeRoom = async (bytes: number): Promise<void> => {
    room ??= { bytes: 0, files: 0 };
    room.bytes -= bytes;
    room.files -= 1;
    if (room.bytes < 0 || room.files < 0) room = await clean(folder, limits);
  };
  return {
    read: (name) => quietly(async () => await readTouched(join(folder, name), limits.maxFileBytes)),
    write: async (name, bytes) => {
      if (bytes.length > limits.maxFileBytes) return;
      await quietly(async () => {
        await makeFolder(folder);
        await writeAtomically(join(folder, name), bytes);
      });
      // One at a time: two would both remove.
      cleaning = cleaning.then(async () => {
        await quietly(async () => await makeRoom(bytes.length));
      });
      await cleaning;
    },
    remove: async (name) => {
      await quietly(async () => await rm(join(folder, name), { force: true }));
    },
  };
}

async function readTouched(path: string, maxBytes: number): Promise<Buffer | undefined> {
  const found = await stat(path);
  if (!found.isFile() || found.size > maxBytes) return undefined;
  const bytes = await readFile(path);
  const now = Date.now();
  // When it was used last, as exactly as it matters: most reads then write nothing.
  if (now - found.mtimeMs > HOUR_MS) await utimes(path, now / 1000, now / 1000).catch(() => undefined);
  return bytes;
}

/** Renamed into place: whoever reads finds the whole file or none. */
async function writeAtomically(path: string, bytes: Uint8Array): Promise<void> {
  // Whoever else has chosen this name keeps it: the file is opened only where there is none. `node:crypto` would cost a start.
  const temporary = `${path}.${Math.floor(Math.random() * 2 ** 32)
    .toString(16)
    .padStart(8, "0")}.tmp`;
  try {
    const file = await open(temporary, "wx", 0o600);
    try {
      await file.writeFile(bytes);
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

interface KnownFile {
  readonly path: string;
  readonly size: number;
  readonly usedMs: number;
}

/** Removes what is too much, and answers how much may still come. */
async function clean(
  folder: string,
  { maxBytes, maxFiles }: MemoryLimits,
): Promise<{ bytes: number; files: number }> {
  const files = await listFiles(folder);
  const newestFirst = files.toSorted((one, other) => other.usedMs - one.usedMs);
  const total = newestFirst.reduce((sum, { size }) => sum + size, 0);
  const isFull = total > maxBytes || newestFirst.length > maxFiles;
  const room = { bytes: maxBytes - total, files: maxFiles - newestFirst.length };
  if (!isFull) return room;
  let left = { bytes: KEPT * maxBytes, files: KEPT * maxFiles };
  for (const { path, size } of newestFirst) {
    left = { bytes: left.bytes - size, files: left.files - 1 };
    if (left.bytes < 0 || left.files < 0) await rm(path, { force: true });
  }
  return { bytes: (1 - KEPT) * maxBytes, files: (1 - KEPT) * maxFiles };
}

async function listFiles(folder: string): Promise<readonly KnownFile[]> {
  const files: KnownFile[] = [];
  for (const name of await readdir(folder)) {
    const path = join(folder, name);
    const found = await stat(path).catch(() => undefined);
    if (found === undefined || !found.isFile()) continue;
    const isLeft = TEMPORARY.test(name) && Date.now() - found.mtimeMs > HOUR_MS;
    if (isLeft) await rm(path, { force: true });
    else files.push({ path, size: found.size, usedMs: found.mtimeMs });
  }
  return files;
}

// Node's own recursion never ends where a folder cannot be made although its parent is there, in /proc for instance.
async function makeFolder(path: string): Promise<void> {
  try {
    await mkdir(path, { mode: 0o700 });
  } catch (error) {
    if (codeOf(error) === "EEXIST") return;
    if (codeOf(error) !== "ENOENT" || dirname(path) === path) throw error;
    await makeFolder(dirname(path));
    await mkdir(path, { mode: 0o700 }).catch((again: unknown) => {
      // Another run may have made it meanwhile.
      if (codeOf(again) !== "EEXIST") throw again;
    });
  }
}

async function quietly<T>(action: () => Promise<T>): Promise<T | undefined> {
  try {
    return await action();
  } catch (error) {
    // Bugs are none of the system's errors, and have no code.
    if (codeOf(error) === undefined) throw error;
    return undefined;
  }
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && "code" in error ? error.code : undefined;
}
