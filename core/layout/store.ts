import { Slots } from "../concurrent.ts";
import type { Descriptor, Document } from "../oci/descriptor.ts";
import { isListedReferrer } from "../oci/attestation.ts";
import { digestOf } from "../oci/digest-of.ts";
import { parseDigest } from "../oci/digest.ts";
import type { Digest } from "../oci/digest.ts";
import { parseDocument } from "../oci/documents.ts";
import type { LayoutFailure } from "../oci/layout-failure.ts";
import { isValidTag } from "../oci/reference.ts";
import type { BlobOutcome, OutgoingBlob, Store, StoreFailure } from "../registry/store.ts";
import { fail, ok } from "../result.ts";
import type { Result } from "../result.ts";
import { checked, MAX_SMALL_BYTES, readBlob, readDocument, streamBlob } from "./content.ts";
import type { ReadDocument } from "./content.ts";
import { contentMissing, damaged, invalid, leaveIfAborted } from "./failures.ts";
import { blobName } from "./files.ts";
import type { LayoutFiles } from "./files.ts";
import { writeBytes } from "./index-file.ts";
import type { IndexFile } from "./index-file.ts";
import { findEntry, tagsOf, withTag, without, withUnnamed } from "../oci/layout-index.ts";
import { checkComplete, findReferrers, referrerOf } from "./walk.ts";

type Answer<T> = Promise<Result<T, LayoutFailure>>;

/** The Store port over the files of a layout and its `index.json`. */
export function layoutStore(files: LayoutFiles, index: IndexFile): Store<LayoutFailure> {
  const parts: Parts = { files, index, turns: new Map() };
  const { path } = files;
  return {
    name: path,
    resolve: async (reference, signal) => {
      const entry = await locate(parts, reference, signal);
      if (!entry.ok) return entry;
      if (entry.value === undefined) return ok(undefined);
      const read = await readDocument(files, entry.value, signal);
      return read.ok ? ok(read.value?.document.descriptor) : read;
    },
    manifest: (reference, signal) => readManifest(parts, reference, signal),
    blob: async (descriptor, options = {}) => {
      const read = await readBlob(files, descriptor, options.maxBytes ?? MAX_SMALL_BYTES, options.signal);
      if (!read.ok) return read;
      return read.value === undefined ? fail(contentMissing(path, descriptor.digest, [])) : ok(read.value);
    },
    openBlob: (descriptor, options) => streamBlob(files, descriptor, options),
    putBlob: (blob, signal) => inTurn(parts, blob.descriptor.digest, () => putBlob(parts, blob, signal)),
    putManifest: (reference, document, signal) => putManifest(parts, { reference, document, signal }),
    tags: async () => {
      const read = await index.read();
      return read.ok ? ok(tagsOf(read.value)) : read;
    },
    referrers: async (digest, signal) => {
      const read = await index.read();
      if (!read.ok) return read;
      const roots = read.value.entries.map(({ descriptor }) => descriptor);
      return await findReferrers(files, roots, digest, signal);
    },
    delete: (reference, signal) => remove(parts, reference, signal),
  };
}

interface Parts {
  readonly files: LayoutFiles;
  readonly index: IndexFile;
  /** One for each blob that is being written. */
  readonly turns: Map<Digest, Slots>;
}

/** What is known of a manifest before it is read; undefined where nothing has this name. */
async function locate(
  { files, index }: Parts,
  reference: string,
  signal: AbortSignal | undefined,
): Answer<(Pick<Descriptor, "digest"> & Partial<Descriptor>) | undefined> {
  if (signal?.aborted === true) return fail({ kind: "layout-cancelled", path: files.path });
  const digest = parseDigest(reference);
  if (digest !== undefined) return ok({ digest });
  const read = await index.read();
  if (!read.ok) return read;
  const found = findEntry(read.value, reference);
  if (found.kind === "none") return ok(undefined);
  if (found.kind === "one") return ok(found.descriptor);
  const digests = found.digests.join(", ");
  const why = `${reference || "latest"} may be any of ${digests}: ask for one of them by its digest`;
  return fail(invalid(files.path, why));
}

async function readManifest(
  parts: Parts,
  reference: string,
  signal: AbortSignal | undefined,
): Answer<Document> {
  const { files, index } = parts;
  const entry = await locate(parts, reference, signal);
  if (!entry.ok) return entry;
  const read = entry.value === undefined ? ok(undefined) : await readDocument(files, entry.value, signal);
  if (!read.ok) return read;
  if (read.value !== undefined) return ok(read.value.document);
  const known = await index.read();
  return known.ok
    ? fail(contentMissing(files.path, entry.value?.digest ?? reference, tagsOf(known.value)))
    : known;
}

/** One at a time for each blob: who comes second finds what the first one wrote, or writes where that one failed. */
async function inTurn<T>({ turns }: Parts, digest: Digest, task: () => Promise<T>): Promise<T> {
  const turn = turns.get(digest) ?? new Slots(1);
  turns.set(digest, turn);
  return await turn.hold(task);
}

async function putBlob(
  { files }: Parts,
  { descriptor, open }: OutgoingBlob,
  signal: AbortSignal | undefined,
): Promise<Result<BlobOutcome, StoreFailure>> {
  const { path } = files;
  const name = blobName(descriptor.digest);
  if (name === undefined) return fail(damaged(path, descriptor.digest, "it is no digest"));
  if (signal?.aborted === true) return fail({ kind: "layout-cancelled", path });
  const found = await files.size(name);
  if (!found.ok) return found;
  if (found.value === descriptor.size) return ok("present");
  const content = checked(path, abortable(path, open(0, signal), signal), descriptor);
  const written = await files.write(name, content);
  return written.ok ? ok("uploaded") : written;
}

async function* abortable(
  path: string,
  content: AsyncIterable<Uint8Array>,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array> {
  for await (const piece of content) {
    leaveIfAborted(path, signal);
    yield piece;
  }
}

interface OutgoingManifest {
  readonly reference: string;
  readonly document: Document;
  readonly signal: AbortSignal | undefined;
}

async function putManifest(parts: Parts, { reference, document, signal }: OutgoingManifest): Answer<void> {
  const { files, index } = parts;
  const { descriptor } = document;
  const name = blobName(descriptor.digest);
  if (signal?.aborted === true) return fail({ kind: "layout-cancelled", path: files.path });
  const read = readOutgoing(files.path, reference, document);
  if (!read.ok) return read;
  const complete = await checkComplete(files, read.value.parsed);
  if (!complete.ok || name === undefined) return complete;
  const written = await inTurn(parts, descriptor.digest, () => writeBytes(files, name, document.bytes));
  if (!written.ok) return written;
  if (isValidTag(reference)) return await index.change((before) => withTag(before, reference, descriptor));
  // Nothing else in a layout leads to what only points at another manifest.
  if (!isListedReferrer(read.value.parsed)) return ok(undefined);
  return await index.change((before) => withUnnamed(before, referrerOf(read.value)));
}

/** A document that may be written under this reference. */
function readOutgoing(
  path: string,
  reference: string,
  document: Document,
): Result<ReadDocument, LayoutFailure> {
  const { descriptor, bytes } = document;
  const actual = digestOf(bytes, descriptor.digest);
  const isNamedRight = isValidTag(reference) || reference === descriptor.digest;
  if (!isNamedRight) return fail(invalid(path, `${reference} is neither a tag nor the digest ${actual}`));
  if (actual !== descriptor.digest || bytes.length !== descriptor.size)
    return fail(damaged(path, descriptor.digest, `what is to be written has the digest ${actual}`));
  const parsed = parseDocument(bytes);
  if (!parsed.ok) return fail(invalid(path, `${actual} is no image document: ${parsed.error.detail}`));
  return ok({ document, parsed: parsed.value });
}

async function remove(
  { files, index }: Parts,
  reference: string,
  signal: AbortSignal | undefined,
): Answer<void> {
  const digest = parseDigest(reference);
  if (signal?.aborted === true) return fail({ kind: "layout-cancelled", path: files.path });
  // A digest of a config or layer is no manifest, and nothing may be removed by it.
  const read = digest === undefined ? ok(undefined) : await readDocument(files, { digest }, signal);
  if (!read.ok) return read;
  const changed = await index.change((before) => without(before, reference));
  const name = digest === undefined ? undefined : blobName(digest);
  return changed.ok && name !== undefined ? await files.remove(name) : changed;
}
