import { createHash, subtle } from "node:crypto";
import { constants } from "node:fs";
import { lstat, open, type FileHandle } from "node:fs/promises";
import { fail, ok, type Result } from "../result.ts";
import { codeOf, reasonOf } from "./file-error.ts";
import type { FileUnreadable } from "./context-files.ts";
import { isUntouched, type FileStamp } from "./file-stamp.ts";

/** What a file holds, and what its mode and stamp were when it did; `changing`: whenever it was read, something wrote to it. */
export type HashedFile =
  | { readonly kind: "hashed"; readonly hex: string; readonly mode: number; readonly stamp: FileStamp }
  | { readonly kind: "changing" };

/** A file, and its stamp as it was seen last. */
export interface FileToHash {
  /** Absolute. */
  readonly path: string;
  readonly stamp: FileStamp;
}

/** Files that are read at the same time: enough to keep libuv's threads busy. */
const AT_ONCE = 16;
/** A file up to this size is read in one go, and hashed by one of libuv's threads. */
const PIECE_BYTES = 1024 * 1024;
/** How often a file that changes is read again. */
const ATTEMPTS = 3;

/** SHA-256 of each file, in their order; the first that cannot be read ends it. */
export async function hashFiles(
  files: readonly FileToHash[],
): Promise<Result<readonly HashedFile[], FileUnreadable>> {
  const hashed: HashedFile[] = [];
  let next = 0;
  let failure: FileUnreadable | undefined;
  const work = async (): Promise<void> => {
    const buffer = Buffer.allocUnsafe(PIECE_BYTES);
    while (failure === undefined && next < files.length) {
      const index = next;
      next += 1;
      const file = files[index];
      const result = file && (await hashFile(file, buffer));
      if (result?.ok === true) hashed[index] = result.value;
      else failure ??= result?.error;
    }
  };
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, files.length) }, work));
  return failure === undefined ? ok(hashed) : fail(failure);
}

async function hashFile(file: FileToHash, buffer: Buffer): Promise<Result<HashedFile, FileUnreadable>> {
  let before = file.stamp;
  try {
    for (let attempt = 1; attempt <= ATTEMPTS; attempt += 1) {
      if (attempt > 1) before = await lstat(file.path);
      const read = await readOnce(file.path, before, buffer);
      if (read !== undefined) return ok(read);
    }
  } catch (error) {
    // Gone, or a link or a folder by now.
    if (!["ENOENT", "ELOOP", "EISDIR", "ENOTDIR"].includes(codeOf(error) ?? ""))
      return fail({ path: file.path, reason: reasonOf(error) });
  }
  return ok({ kind: "changing" });
}

/** Opened without waiting, so that a pipe which took the file's place does not hold us up. Undefined where it changed meanwhile. */
async function readOnce(path: string, before: FileStamp, buffer: Buffer): Promise<HashedFile | undefined> {
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    const hex = before.size < PIECE_BYTES ? await hashShort(file, buffer) : await hashLong(file, buffer);
    const stat = await file.stat();
    if (!stat.isFile() || !isUntouched(stat, before)) return undefined;
    return { kind: "hashed", hex, mode: stat.mode & 0o7777, stamp: before };
  } finally {
    await file.close();
  }
}

/** Of a file that is longer than the buffer by now, whatever fits: its stat will not be the same. */
async function hashShort(file: FileHandle, buffer: Buffer): Promise<string> {
  let length = 0;
  while (length < buffer.length) {
    const { bytesRead } = await file.read(buffer, length, buffer.length - length);
    if (bytesRead === 0) break;
    length += bytesRead;
  }
  return Buffer.from(await subtle.digest("SHA-256", buffer.subarray(0, length))).toString("hex");
}

async function hashLong(file: FileHandle, buffer: Buffer): Promise<string> {
  const hash = createHash("sha256");
  for (;;) {
    const { bytesRead } = await file.read(buffer, 0, buffer.length);
    if (bytesRead === 0) return hash.digest("hex");
    hash.update(buffer.subarray(0, bytesRead));
  }
}
