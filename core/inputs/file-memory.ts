import { createHash } from "node:crypto";
import type { BigIntStats } from "node:fs";
import { openMemoryFiles, type MemoryFiles } from "../host/memory-files.ts";
import { stampOf, type HashedFile } from "./hash-files.ts";

/** What is remembered of a file: its stamp when it was hashed, and the hash. */
export interface KnownFile {
  readonly stamp: string;
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
export function isSettled({ mtimeNs, ctimeNs }: BigIntStats, readMs: number): boolean {
  const changedNs = mtimeNs > ctimeNs ? mtimeNs : ctimeNs;
  return changedNs < BigInt(Math.floor(readMs - GRANULARITY_MS)) * 1_000_000n;
}

/** What to remember of files that were looked at from `readMs` on. */
export function toRemember(
  files: readonly { readonly path: string; readonly hashed: HashedFile }[],
  readMs: number,
): ReadonlyMap<string, KnownFile> {
  return new Map(
    files.flatMap(({ path, hashed }) =>
      hashed.kind === "hashed" && isSettled(hashed.stat, readMs)
        ? [[path, { stamp: stampOf(hashed.stat), hex: hashed.hex }]]
        : [],
    ),
  );
}

/** Known files as bytes: a line with the checksum of the rest, which is path, stamp and hash of each, NUL between them. */
export function packFiles(known: ReadonlyMap<string, KnownFile>): Buffer {
  const parts = [FORMAT];
  for (const [path, { stamp, hex }] of known) parts.push(path, stamp, hex);
  const body = Buffer.from(parts.join("\0"));
  return Buffer.concat([Buffer.from(`${checksumOf(body)}\n`), body]);
}

/** Reads what {@link packFiles} made; nothing is known of anything else. */
export function unpackFiles(bytes: Buffer | undefined): ReadonlyMap<string, KnownFile> {
  const known = new Map<string, KnownFile>();
  const line = bytes?.indexOf("\n") ?? -1;
  if (bytes === undefined || line === -1) return known;
  const body = bytes.subarray(line + 1);
  if (checksumOf(body) !== bytes.toString("latin1", 0, line)) return known;
  const [format, ...parts] = body.toString("utf8").split("\0");
  if (format !== FORMAT) return known;
  for (let at = 0; at + 2 < parts.length; at += 3) {
    const [path = "", stamp = "", hex = ""] = [parts[at], parts[at + 1], parts[at + 2]];
    known.set(path, { stamp, hex });
  }
  return known;
}

function checksumOf(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}
