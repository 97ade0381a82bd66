import { createHash } from "node:crypto";
import type { Descriptor, Document } from "../oci/descriptor.ts";
import { parseDocument } from "../oci/documents.ts";
import type { Index, Manifest } from "../oci/documents.ts";
import type { Digest } from "../oci/digest.ts";
import type { LayoutFailure } from "../oci/layout-failure.ts";
import { BlobUnreadable } from "../registry/store.ts";
import { fail, ok } from "../result.ts";
import type { Result } from "../result.ts";
import { attempt, contentMissing, damaged, invalid, leaveIfAborted } from "./failures.ts";
import { blobName } from "./files.ts";
import type { LayoutFiles } from "./files.ts";

/** What is read whole is no larger: manifests, `index.json`, small blobs unless told otherwise. */
export const MAX_SMALL_BYTES = 4 * 1024 * 1024;

/** What a content must turn out to be. */
export interface Expected {
  readonly digest: Digest;
  readonly size: number;
}

/** A document and what it says. */
export interface ReadDocument {
  readonly document: Document;
  readonly parsed: Manifest | Index;
}

/** Passes a content on and throws {@link BlobUnreadable} at its end, or once it is too long, where it is not the expected one. */
export async function* checked(
  path: string,
  content: AsyncIterable<Uint8Array>,
  { digest, size }: Expected,
): AsyncGenerator<Uint8Array> {
  const [algorithm = "", hex] = digest.split(":");
  const hash = createHash(algorithm);
  let seen = 0;
  for await (const piece of content) {
    seen += piece.length;
    if (seen > size) throw unreadable(path, digest, `it has more than ${size} bytes`);
    hash.update(piece);
    yield piece;
  }
  if (seen !== size) throw unreadable(path, digest, `it has ${seen} bytes and not ${size}`);
  const actual = hash.digest("hex");
  if (actual !== hex) throw unreadable(path, digest, `its bytes have the digest ${algorithm}:${actual}`);
}

/** Streams a blob from byte `from` on. Its size is checked before, its digest where all of it is read. @throws BlobUnreadable */
export async function* streamBlob(
  files: LayoutFiles,
  expected: Expected,
  options: { readonly from?: number; readonly signal?: AbortSignal } = {},
): AsyncGenerator<Uint8Array> {
  const { path } = files;
  const { from = 0, signal } = options;
  const name = blobName(expected.digest);
  const opened = name === undefined ? ok(undefined) : await files.open(name);
  if (!opened.ok) throw new BlobUnreadable(opened.error);
  const file = opened.value;
  if (file === undefined) throw new BlobUnreadable(contentMissing(path, expected.digest, []));
  try {
    if (file.size !== expected.size)
      throw unreadable(path, expected.digest, `it has ${file.size} bytes and not ${expected.size}`);
    const bytes = file.bytes(from);
    const content = from === 0 ? checked(path, bytes, expected) : sized(path, bytes, expected, from);
    for await (const piece of systemFailures(path, content)) {
      leaveIfAborted(path, signal);
      yield piece;
    }
  } finally {
    await file.close();
  }
}

/** Reads a small blob whole; undefined where there is none. */
export async function readBlob(
  files: LayoutFiles,
  blob: { readonly digest: Digest; readonly size?: number },
  maxBytes: number,
  signal?: AbortSignal,
): Promise<Result<Uint8Array | undefined, LayoutFailure>> {
  const { path } = files;
  const name = blobName(blob.digest);
  const found = name === undefined ? ok(undefined) : await files.size(name);
  if (!found.ok || found.value === undefined) return found.ok ? ok(undefined) : found;
  const size = blob.size ?? found.value;
  if (Math.max(size, found.value) > maxBytes)
    return fail(invalid(path, `${blob.digest} has more than the ${maxBytes} bytes that are taken`));
  const expected = { digest: blob.digest, size };
  return await attempt(path, async () => {
    leaveIfAborted(path, signal);
    return await collect(streamBlob(files, expected, signal && { signal }));
  });
}

/** Reads a small file by its name; undefined where there is none. */
export async function readSmall(
  files: LayoutFiles,
  name: string,
): Promise<Result<Uint8Array | undefined, LayoutFailure>> {
  const opened = await files.open(name);
  if (!opened.ok || opened.value === undefined) return opened.ok ? ok(undefined) : opened;
  const file = opened.value;
  try {
    if (file.size > MAX_SMALL_BYTES)
      return fail(
        invalid(files.path, `its ${name} has more than the ${MAX_SMALL_BYTES} bytes that are taken`),
      );
    return await attempt(files.path, () => collect(file.bytes(0)));
  } finally {
    await file.close();
  }
}

/** Reads a manifest or index by its digest; undefined where there is none. An entry that names it must agree with it. */
export async function readDocument(
  files: LayoutFiles,
  entry: Pick<Descriptor, "digest"> & Partial<Descriptor>,
  signal?: AbortSignal,
): Promise<Result<ReadDocument | undefined, LayoutFailure>> {
  const read = await readBlob(files, entry, MAX_SMALL_BYTES, signal);
  if (!read.ok || read.value === undefined) return read.ok ? ok(undefined) : read;
  const bytes = read.value;
  const { digest } = entry;
  const parsed = parseDocument(bytes);
  if (!parsed.ok) return fail(invalid(files.path, `${digest} is no image document: ${parsed.error.detail}`));
  const { mediaType } = parsed.value;
  if (entry.mediaType !== undefined && entry.mediaType !== mediaType)
    return fail(invalid(files.path, `${digest} is named as ${entry.mediaType} and is ${mediaType}`));
  const descriptor = { mediaType, digest, size: bytes.length };
  return ok({ document: { descriptor, bytes }, parsed: parsed.value });
}

async function* sized(
  path: string,
  content: AsyncIterable<Uint8Array>,
  { digest, size }: Expected,
  from: number,
): AsyncGenerator<Uint8Array> {
  let seen = from;
  for await (const piece of content) {
    seen += piece.length;
    yield piece;
  }
  if (seen !== size && from <= size) throw unreadable(path, digest, `it has ${seen} bytes and not ${size}`);
}

/** A disk that cannot be read is a failure of the blob. */
async function* systemFailures(
  path: string,
  content: AsyncGenerator<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  try {
    for (;;) {
      const next = await attempt(path, () => content.next());
      if (!next.ok) throw new BlobUnreadable(next.error);
      if (next.value.done === true) return;
      yield next.value.value;
    }
  } finally {
    await content.return(undefined);
  }
}

async function collect(content: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  for await (const piece of content) pieces.push(piece);
  return Buffer.concat(pieces);
}

function unreadable(path: string, digest: Digest, detail: string): BlobUnreadable<LayoutFailure> {
  return new BlobUnreadable(damaged(path, digest, detail));
}
