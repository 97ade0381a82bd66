import type { Descriptor, Document } from "../oci/descriptor.ts";
import type { Digest } from "../oci/digest.ts";
import { parseDocument, type Index, type Manifest } from "../oci/documents.ts";
import { isIndex, isLayer, isManifest, isNonDistributable } from "../oci/media-type.ts";
import type { BlobOutcome, Store, StoreFailure } from "../registry/store.ts";
import { fail, ok, type Result } from "../result.ts";
import { createReferrerLookup, type ReferrerLookup } from "./transfer-referrers.ts";
import type { TransferFailure } from "./transfer-failure.ts";
import type { Uploads } from "./transfer-uploads.ts";

/** An image graph and the store that it is to be in. */
export interface Transfer {
  readonly from: Store;
  readonly to: Store;
  /** The manifest or index, as it was read from `from`. */
  readonly root: Document;
  /** Copies what refers to any of its manifests as well: signatures, SBOMs. */
  readonly referrers: boolean;
  /** Shared with the other transfers of a run, so that each blob is uploaded once. */
  readonly uploads?: Uploads;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: TransferProgress) => void;
}

/** What a transfer is doing: bytes of a blob as they are sent, a blob or manifest once it is there. */
export type TransferProgress =
  | { readonly kind: "bytes"; readonly digest: Digest; readonly bytes: number }
  | {
      readonly kind: "blob";
      readonly digest: Digest;
      readonly size: number;
      readonly outcome: BlobOutcome;
    }
  | { readonly kind: "manifest"; readonly digest: Digest };

/** What a transfer did. */
export interface Transferred {
  /** Manifests and indexes written, the root and referrers included. */
  readonly manifests: number;
  /** Those of them that are there because they refer to another one. */
  readonly referrers: number;
  readonly blobs: Readonly<Record<BlobOutcome, number>>;
  /** Size of the blobs that were uploaded. */
  readonly bytes: number;
  /** Layers that only their owner may distribute: clients fetch them from the URLs of the descriptor. */
  readonly notCopied: readonly Descriptor[];
}

/** How deep indexes may nest, and referrers refer to referrers. */
const MAX_DEPTH = 16;
/** What a hostile store can make us read: far more than any real image has. */
const MAX_DOCUMENTS = 4096;
const MAX_DOCUMENT_BYTES = 64 * 1024 * 1024;

/** A transfer under way. */
interface Work {
  readonly options: Transfer & { readonly uploads: Uploads; readonly signal: AbortSignal };
  /** Aborts at the first failure, so that the rest ends early. */
  readonly stop: AbortController;
  readonly signal: AbortSignal;
  /** Each manifest and blob once, however many name it. */
  readonly manifests: Map<Digest, Promise<void>>;
  readonly blobs: Map<Digest, { readonly size: number; readonly arrival: Promise<void> }>;
  /** Referrers under way, which no manifest waits for. */
  readonly referring: Promise<void>[];
  readonly asked: Set<Digest>;
  readonly lookup: ReferrerLookup;
  readonly read: { documents: number; bytes: number };
  readonly count: {
    manifests: number;
    referrers: number;
    bytes: number;
    readonly blobs: Record<BlobOutcome, number>;
  };
  readonly notCopied: Map<Digest, Descriptor>;
  failure?: TransferFailure;
}

/**
 * Copies what is below a root, and what refers to it. A manifest's blobs are on their way as soon as it is read, and it is
 * written as soon as they are there, whatever its siblings do.
 */
export async function copyGraph(options: Work["options"]): Promise<Result<Transferred, TransferFailure>> {
  const work = begin(options);
  const { root } = options;
  askReferrers(work, root.descriptor.digest, 0);
  await copyBelow(work, root, 0);
  // Each may add others while it runs.
  for (let at = 0; at < work.referring.length; at += 1) await work.referring[at];
  if (work.failure !== undefined) return fail(work.failure);
  return ok({ ...work.count, notCopied: [...work.notCopied.values()] });
}

function begin(options: Work["options"]): Work {
  const stop = new AbortController();
  return {
    options,
    stop,
    signal: AbortSignal.any([options.signal, stop.signal]),
    manifests: new Map(),
    blobs: new Map(),
    referring: [],
    asked: new Set(),
    lookup: createReferrerLookup(options.from),
    read: { documents: 0, bytes: 0 },
    count: { manifests: 0, referrers: 0, bytes: 0, blobs: { present: 0, mounted: 0, uploaded: 0 } },
    notCopied: new Map(),
  };
}

async function copyBelow(work: Work, document: Document, depth: number): Promise<void> {
  const parsed = parseDocument(document.bytes);
  if (!parsed.ok) return invalid(work, document.descriptor.digest, parsed.error.detail);
  await (parsed.value.kind === "index"
    ? copyChildren(work, parsed.value, depth)
    : copyBlobs(work, parsed.value));
}

async function copyChildren(work: Work, index: Index, depth: number): Promise<void> {
  await Promise.all(
    index.manifests.map((entry) =>
      isLayer(entry.mediaType) ? copyBlob(work, entry) : copyManifest(work, entry, depth + 1),
    ),
  );
}

async function copyBlobs(work: Work, manifest: Manifest): Promise<void> {
  await Promise.all([manifest.config, ...manifest.layers].map((blob) => copyBlob(work, blob)));
}

async function copyManifest(work: Work, entry: Descriptor, depth: number): Promise<void> {
  const known = work.manifests.get(entry.digest);
  const copying = known ?? copyNewManifest(work, entry, depth);
  work.manifests.set(entry.digest, copying);
  await copying;
}

async function copyNewManifest(work: Work, entry: Descriptor, depth: number): Promise<void> {
  askReferrers(work, entry.digest, depth);
  const document = await readManifest(work, entry, depth);
  if (document === "is-a-blob") return await copyBlob(work, entry);
  if (document === undefined) return;
  // An entry of another kind may be anything: it is copied as it is.
  if (isKnown(entry) || parseDocument(document.bytes).ok) await copyBelow(work, document, depth);
  await writeManifest(work, document);
}

async function readManifest(
  work: Work,
  entry: Descriptor,
  depth: number,
): Promise<Document | "is-a-blob" | undefined> {
  const { digest } = entry;
  if (hasStopped(work)) return undefined;
  if (depth > MAX_DEPTH)
    return invalid(work, digest, `more than ${MAX_DEPTH} levels of indexes or referrers`);
  work.read.documents += 1;
  if (work.read.documents > MAX_DOCUMENTS)
    return invalid(work, digest, `more than ${MAX_DOCUMENTS} manifests`);
  const read = await work.options.from.manifest(digest, work.signal);
  if (!read.ok && !isKnown(entry) && isAbsent(read.error)) return "is-a-blob";
  if (!read.ok) return broken(work, digest, read.error);
  const { bytes } = read.value;
  work.read.bytes += bytes.length;
  if (work.read.bytes > MAX_DOCUMENT_BYTES)
    return invalid(work, digest, `more than ${MAX_DOCUMENT_BYTES} bytes of manifests`);
  if (bytes.length !== entry.size)
    return invalid(work, digest, `it has ${bytes.length} bytes, where its descriptor says ${entry.size}`);
  return read.value;
}

async function writeManifest(work: Work, document: Document): Promise<void> {
  if (hasStopped(work)) return;
  const { digest } = document.descriptor;
  const put = await work.options.to.putManifest(digest, document, work.signal);
  if (!put.ok) return broken(work, digest, put.error);
  work.count.manifests += 1;
  work.options.onProgress?.({ kind: "manifest", digest });
}

async function copyBlob(work: Work, blob: Descriptor): Promise<void> {
  const known = work.blobs.get(blob.digest);
  if (known !== undefined && known.size !== blob.size)
    return invalid(work, blob.digest, `one descriptor says ${known.size} bytes, another ${blob.size}`);
  const arrival = known?.arrival ?? copyNewBlob(work, blob);
  work.blobs.set(blob.digest, { size: blob.size, arrival });
  await arrival;
}

async function copyNewBlob(work: Work, blob: Descriptor): Promise<void> {
  if (hasStopped(work)) return;
  const { digest, size } = blob;
  if (isNonDistributable(blob.mediaType) && blob.urls !== undefined)
    return void work.notCopied.set(digest, blob);
  const { from, to, uploads, onProgress } = work.options;
  const onBytes = (bytes: number): void => onProgress?.({ kind: "bytes", digest, bytes });
  const put = await uploads.put(blob, { from, to, signal: work.signal, onBytes });
  if (!put.ok) return broken(work, digest, put.error);
  const outcome = put.value;
  work.count.blobs[outcome] += 1;
  if (outcome === "uploaded") work.count.bytes += size;
  onProgress?.({ kind: "blob", digest, size, outcome });
}

/** Begins to copy what refers to a manifest. The manifest does not wait for it: a hostile list could lead back to itself. */
function askReferrers(work: Work, digest: Digest, depth: number): void {
  if (!work.options.referrers || work.asked.has(digest)) return;
  work.asked.add(digest);
  work.referring.push(copyReferrers(work, digest, depth));
}

async function copyReferrers(work: Work, subject: Digest, depth: number): Promise<void> {
  if (hasStopped(work)) return;
  const listed = await work.lookup(subject, work.signal);
  if (!listed.ok) return broken(work, subject, listed.error);
  await Promise.all(listed.value.map((entry) => copyReferrer(work, { subject, entry, depth: depth + 1 })));
}

async function copyReferrer(
  work: Work,
  { subject, entry, depth }: { readonly subject: Digest; readonly entry: Descriptor; readonly depth: number },
): Promise<void> {
  const { digest } = entry;
  // What is a part of the image already is on its way.
  if (digest === work.options.root.descriptor.digest || work.manifests.has(digest)) return;
  const copying = copyNewReferrer(work, { subject, entry, depth });
  work.manifests.set(digest, copying);
  await copying;
}

async function copyNewReferrer(
  work: Work,
  { subject, entry, depth }: { readonly subject: Digest; readonly entry: Descriptor; readonly depth: number },
): Promise<void> {
  askReferrers(work, entry.digest, depth);
  const document = await readManifest(work, entry, depth);
  if (document === undefined || document === "is-a-blob") return;
  const parsed = parseDocument(document.bytes);
  if (!parsed.ok || parsed.value.subject?.digest !== subject)
    return invalid(work, entry.digest, `it is listed as a referrer of ${subject}, and is none`);
  await copyBelow(work, document, depth);
  await writeManifest(work, document);
  work.count.referrers += 1;
}

function isKnown({ mediaType }: Descriptor): boolean {
  return isIndex(mediaType) || isManifest(mediaType);
}

/** Does the store itself say that it is not there? Any other failure means that we do not know. */
export function isAbsent({ kind }: StoreFailure): boolean {
  return kind === "manifest-unknown" || kind === "layout-content-missing";
}

function hasStopped(work: Work): boolean {
  return work.stop.signal.aborted;
}

function broken(work: Work, digest: Digest, cause: StoreFailure): undefined {
  const { from, to } = work.options;
  stop(work, { kind: "transfer-failed", from: from.name, to: to.name, digest, cause });
}

function invalid(work: Work, digest: Digest, detail: string): undefined {
  stop(work, { kind: "transfer-invalid", store: work.options.from.name, digest, detail });
}

// Only the first failure is the cause: later ones are its consequence.
function stop(work: Work, failure: TransferFailure): void {
  work.failure ??= failure;
  work.stop.abort();
}
