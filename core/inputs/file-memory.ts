import { createHash } from "node:crypto";
import { openMemoryFiles, type MemoryFiles } from "../host/memory-files.ts";
import type { FileStamp } from "./file-stamp.ts";
import type { HashedFile } from "./hash-files.ts";

/** What is remembered of a file: its hash, and its stamp when it was made. */
export interface KnownFile extends FileStamp {
  readonly hex: string;
}

const LIMITS = { maxBytes: 256 * 1024 * 1024, maxFiles: 200, maxFileBytes: 64 * 1024 * 1024 };

/** A clock of a file system may be so coarse (FAT), and a write within it is not seen in the time of a file. */
const GRANULARITY_MS = 2000;

/** Raise it with every change of the format. */
const FORMAT = "buildx-plan files 1";

/** Opens the folder where hashes of files are kept, one file for each context; it may be lost at any time. */
export function openFileMemory(folder: string): MemoryFiles {
  return openMemoryFiles(folder, LIMITS);
}

/** The name of a context's memory. */
export function memoryName(context: string): string {
  return createHash("sha256").update(context).digest("hex");
}

/**
 * May this hash be used again for as long as the stat is the same? Not where the file was changed shortly before it was read: it may be changed
 * once more without its times showing it (git calls such a file racily clean).
 */
export function isSettled({ mtimeMs, ctimeMs }: FileStamp, readMs: number): boolean {
  return Math.max(mtimeMs, ctimeMs) < readMs - GRANULARITY_MS;
}

/** What to remember of files that were looked at from `readMs` on. */
export function toRemember(
  files: readonly { readonly path: string; readonly hashed: HashedFile }[],
  readMs: number,
): ReadonlyMap<string, KnownFile> {
  const known = new Map<string, KnownFile>();
  for (const { path, hashed } of files) {
    if (hashed.kind !== "hashed" || !isSettled(hashed.stamp, readMs)) continue;
    const { size, mtimeMs, ctimeMs, ino, dev } = hashed.stamp;
    known.set(path, { size, mtimeMs, ctimeMs, ino, dev, hex: hashed.hex });
  }
  return known;
}

/** Size, both times, inode and device, 8 bytes each. */
const STAMP_BYTES = 40;
const HASH_BYTES = 32;

/**
 * Known files as bytes: a line with the checksum of the rest, one with the format and the length of the names, the names with NUL between
 * them, then stamp and hash of each. It is read at every start, so it has to be quick rather than readable.
 */
export function packFiles(known: ReadonlyMap<string, KnownFile>): Buffer {
  const names = Buffer.from([...known.keys()].join("\0"));
  const records = Buffer.alloc(known.size * (STAMP_BYTES + HASH_BYTES));
  let at = 0;
  for (const { size, mtimeMs, ctimeMs, ino, dev, hex } of known.values()) {
    for (const value of [size, mtimeMs, ctimeMs, ino, dev]) at = records.writeDoubleLE(value, at);
    at += records.write(hex, at, HASH_BYTES, "hex");
  }
  const body = Buffer.concat([Buffer.from(`${FORMAT} ${names.length}\n`), names, records]);
  return Buffer.concat([Buffer.from(`${checksumOf(body)}\n`), body]);
}

/** Reads what {@link packFiles} made; nothing is known of anything else. */
export function unpackFiles(bytes: Buffer | undefined): ReadonlyMap<string, KnownFile> {
  const known = new Map<string, KnownFile>();
  const [checksum, body] = splitLine(bytes ?? Buffer.alloc(0));
  if (checksumOf(body) !== checksum) return known;
  const [head, rest] = splitLine(body);
  if (!head.startsWith(`${FORMAT} `)) return known;
  const length = Number(head.slice(FORMAT.length + 1));
  const records = rest.subarray(length);
  if (records.length === 0) return known;
  const names = rest.toString("utf8", 0, length).split("\0");
  for (const [index, name] of names.entries()) {
    const at = index * (STAMP_BYTES + HASH_BYTES);
    known.set(name, {
      size: records.readDoubleLE(at),
      mtimeMs: records.readDoubleLE(at + 8),
      ctimeMs: records.readDoubleLE(at + 16),
      ino: records.readDoubleLE(at + 24),
      dev: records.readDoubleLE(at + 32),
      hex: records.toString("hex", at + STAMP_BYTES, at + STAMP_BYTES + HASH_BYTES),
    });
  }
  return known;
}

function splitLine(bytes: Buffer): readonly [line: string, rest: Buffer] {
  const end = bytes.indexOf("\n");
  return end === -1 ? ["", bytes] : [bytes.toString("latin1", 0, end), bytes.subarray(end + 1)];
}

function checksumOf(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}
