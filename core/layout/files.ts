import type { FileHandle } from "node:fs/promises";
import { parseDigest } from "../oci/digest.ts";
import type { Digest } from "../oci/digest.ts";
import type { LayoutFailure } from "../oci/layout-failure.ts";
import type { StoreFailure } from "../registry/store.ts";
import type { Result } from "../result.ts";

/** Says that a folder is a layout, and of which version. */
export const MARKER = "oci-layout";
/** What the layout holds under which names. */
export const INDEX = "index.json";

/**
 * The files of a layout, whatever they are kept in. Names are those of the specification, with slashes: {@link MARKER},
 * {@link INDEX} and the names that {@link blobName} makes.
 * @see https://github.com/opencontainers/image-spec/blob/v1.1.1/image-layout.md
 */
export interface LayoutFiles {
  /** The layout as it was named. */
  readonly path: string;
  /** Size of a regular file; undefined where there is none of this name. */
  size(name: string): Promise<Result<number | undefined, LayoutFailure>>;
  /** Opens a regular file; undefined where there is none of this name. */
  open(name: string): Promise<Result<OpenFile | undefined, LayoutFailure>>;
  /** Takes all of the content or, where that throws, nothing of it. */
  write(name: string, content: AsyncIterable<Uint8Array>): Promise<Result<void, StoreFailure>>;
  /** Removes a file. Removing what is not there is done. */
  remove(name: string): Promise<Result<void, LayoutFailure>>;
  close(): Promise<void>;
}

/** A file to read from; its bytes are as they come, unchecked. */
export interface OpenFile {
  readonly size: number;
  /** The bytes from there to the end; throws the system's errors. */
  bytes(from: number): AsyncIterable<Uint8Array>;
  close(): Promise<void>;
}

/** Where the bytes of a digest are; undefined for a text that is no digest, which must never name a file. */
export function blobName(digest: Digest): string | undefined {
  return parseDigest(digest) === undefined ? undefined : `blobs/${digest.replace(":", "/")}`;
}

/** Is it a name that a layout uses? */
export function isLayoutName(name: string): boolean {
  if (name === MARKER || name === INDEX) return true;
  const [folder, algorithm, hex, ...rest] = name.split("/");
  return folder === "blobs" && rest.length === 0 && parseDigest(`${algorithm}:${hex}`) !== undefined;
}

const PIECE = 256 * 1024;

/** Reads a part of a file in pieces, the next one on its way while the last one is used. A file that ends early ends the stream. */
export async function* readRange(
  handle: FileHandle,
  position: number,
  length: number,
): AsyncGenerator<Uint8Array> {
  const end = position + length;
  const readAt = (at: number): Promise<Uint8Array> => {
    const reading = readPiece(handle, at, Math.min(PIECE, end - at));
    // Nobody waits for it where the stream is left early.
    reading.catch(() => undefined);
    return reading;
  };
  let next = readAt(position);
  try {
    for (let at = position; at < end;) {
      const piece = await next;
      if (piece.length === 0) return;
      at += piece.length;
      next = readAt(at);
      yield piece;
    }
  } finally {
    await next.catch(() => undefined);
  }
}

async function readPiece(handle: FileHandle, at: number, length: number): Promise<Uint8Array> {
  if (length <= 0) return new Uint8Array();
  const { bytesRead, buffer } = await handle.read(Buffer.allocUnsafeSlow(length), 0, length, at);
  return buffer.subarray(0, bytesRead);
}
