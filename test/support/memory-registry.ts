import { digestOf } from "../../core/oci/digest-of.ts";
import type { Descriptor, Document } from "../../core/oci/descriptor.ts";
import { parseDocument } from "../../core/oci/documents.ts";
import type { Digest } from "../../core/oci/digest.ts";
import { formatRepository, type Repository } from "../../core/oci/reference.ts";
import type { RegistryFailure } from "../../core/registry/registry-failure.ts";
import type { Registry } from "../../core/registry/registry.ts";
import {
  BlobUnreadable,
  type BlobOutcome,
  type OutgoingBlob,
  type Store,
  type StoreFailure,
} from "../../core/registry/store.ts";
import { fail, ok, type Failed, type Result } from "../../core/result.ts";
import type { TestImage } from "./images.ts";

/** A registry that is an object: the port and nothing behind it, strict about what it takes. */
export interface MemoryRegistry extends Registry {
  /** What was written, in order: `repository:tag` or `repository@digest`, blobs included. */
  readonly writes: readonly string[];
  /** What a name holds. */
  readonly find: (name: string) => Document | undefined;
  /** Stores what BuildKit would push. */
  readonly push: (repository: Repository, image: TestImage) => void;
  /** From now on this name cannot be written; one without tag or digest: nothing can be pushed into that repository. */
  readonly refuse: (name: string) => void;
}

type Why = "manifest-unknown" | "registry-rejected" | "registry-cancelled";

function nameOf(repository: Repository, reference: string): string {
  return `${formatRepository(repository)}${reference.includes(":") ? "@" : ":"}${reference}`;
}

/** What all repositories of a memory registry share. */
interface Shelf {
  readonly documents: Map<string, Document>;
  readonly blobs: Map<string, Uint8Array>;
  readonly writes: string[];
  readonly refused: Set<string>;
}

/** Opens an empty one. Answers come in a later turn, as they do from a network. */
export function memoryRegistry(): MemoryRegistry {
  const shelf: Shelf = { documents: new Map(), blobs: new Map(), writes: [], refused: new Set() };
  return {
    writes: shelf.writes,
    find: (name) => shelf.documents.get(name),
    push: (repository, { config, layers, manifest }) => {
      for (const blob of [config, ...layers]) shelf.blobs.set(nameOf(repository, digestOf(blob)), blob);
      shelf.documents.set(nameOf(repository, manifest.descriptor.digest), manifest);
    },
    refuse: (name) => void shelf.refused.add(name),
    ping: async () => ok(undefined),
    mayPush: async (repository, signal) => {
      await Promise.resolve();
      const name = formatRepository(repository);
      if (signal?.aborted === true)
        return refusalOf(repository, { method: "POST", kind: "registry-cancelled" });
      return shelf.refused.has(name)
        ? refusalOf(repository, { method: "POST", kind: "registry-rejected" })
        : ok(undefined);
    },
    store: (repository) => memoryStore(repository, shelf),
    warnings: () => [],
    close: async () => undefined,
  };
}

function memoryStore(repository: Repository, shelf: Shelf): Store<RegistryFailure> {
  const { documents, blobs, writes, refused } = shelf;
  const name = (reference: string): string => nameOf(repository, reference);
  const refuse = (method: string, reference: string, kind: Why): Failed<RegistryFailure> =>
    refusalOf(repository, { method, reference, kind });
  /** One turn later: what is asked for, unless the caller has left meanwhile. */
  const answer = async <T>(
    call: { readonly method: string; readonly reference: string; readonly signal?: AbortSignal | undefined },
    make: () => T | Why,
  ): Promise<Result<T, RegistryFailure>> => {
    await Promise.resolve();
    const made = call.signal?.aborted === true ? "registry-cancelled" : make();
    return isWhy(made) ? refuse(call.method, call.reference, made) : ok(made);
  };
  const read = (descriptor: Pick<Descriptor, "digest">): Uint8Array | Why =>
    blobs.get(name(descriptor.digest)) ?? "manifest-unknown";
  return {
    name: formatRepository(repository),
    repository,
    resolve: (reference, signal) =>
      answer({ method: "HEAD", reference, signal }, () => documents.get(name(reference))?.descriptor),
    manifest: (reference, signal) =>
      answer(
        { method: "GET", reference, signal },
        () => documents.get(name(reference)) ?? "manifest-unknown",
      ),
    blob: (descriptor, options) =>
      answer({ method: "GET", reference: descriptor.digest, signal: options?.signal }, () =>
        read(descriptor),
      ),
    openBlob: async function* (descriptor, options) {
      const found = await answer(
        { method: "GET", reference: descriptor.digest, signal: options?.signal },
        () => read(descriptor),
      );
      if (!found.ok) throw new BlobUnreadable(found.error);
      yield found.value.subarray(options?.from ?? 0);
    },
    putBlob: async (blob, signal) => {
      const reference = blob.descriptor.digest;
      const call = { method: "PUT", reference, signal };
      if (refused.has(name(reference))) return refuse(call.method, reference, "registry-rejected");
      if (blobs.has(name(reference))) return await answer(call, (): BlobOutcome => "present");
      const mounted = mountable(blob, repository, shelf);
      const read = mounted === undefined ? await collect(blob.open(0, signal)) : ok(mounted);
      if (!read.ok) return read;
      const bytes = read.value;
      return await answer(call, (): BlobOutcome | Why => {
        if (digestOf(bytes) !== reference || bytes.length !== blob.descriptor.size)
          return "registry-rejected";
        blobs.set(name(reference), bytes);
        writes.push(name(reference));
        return mounted === undefined ? "uploaded" : "mounted";
      });
    },
    putManifest: (reference, document, signal) =>
      answer({ method: "PUT", reference, signal }, () => {
        if (refused.has(name(reference)) || !accepts(repository, { reference, document }, shelf))
          return "registry-rejected";
        for (const each of new Set([reference, document.descriptor.digest]))
          documents.set(name(each), document);
        writes.push(name(reference));
        return undefined;
      }),
    tags: (signal) =>
      answer({ method: "GET", reference: "tags/list", signal }, () => {
        const prefix = `${formatRepository(repository)}:`;
        return [...documents.keys()]
          .filter((each) => each.startsWith(prefix))
          .map((each) => each.slice(prefix.length));
      }),
    referrers: (digest, signal) =>
      answer({ method: "GET", reference: digest, signal }, () => referrersOf(digest, repository, shelf)),
    delete: (reference, signal) =>
      answer({ method: "DELETE", reference, signal }, () => {
        documents.delete(name(reference));
        // A manifest that goes by its digest takes its tags along.
        for (const [each, { descriptor }] of documents)
          if (each.startsWith(`${formatRepository(repository)}:`) && descriptor.digest === reference)
            documents.delete(each);
        return undefined;
      }),
  };
}

function refusalOf(
  repository: Repository,
  asked: { readonly method: string; readonly reference?: string; readonly kind: Why },
): Failed<RegistryFailure> {
  const { registry, path } = repository;
  const { method, reference, kind } = asked;
  const url = `memory:${reference === undefined ? formatRepository(repository) : nameOf(repository, reference)}`;
  const request = { method, url, attempts: 1 };
  const facts = { registry, repository: path, request, ...(reference === undefined ? {} : { reference }) };
  if (kind === "registry-cancelled") return fail({ kind, ...facts });
  return fail({ kind, ...facts, status: kind === "manifest-unknown" ? 404 : 400, codes: [] });
}

// Whoever reads a stream turns what it throws back into a value.
async function collect(pieces: AsyncIterable<Uint8Array>): Promise<Result<Buffer, StoreFailure>> {
  const chunks: Uint8Array[] = [];
  try {
    for await (const piece of pieces) chunks.push(piece);
  } catch (error) {
    if (error instanceof BlobUnreadable) return fail(error.failure);
    throw error;
  }
  return ok(Buffer.concat(chunks));
}

function isWhy(value: unknown): value is Why {
  return value === "manifest-unknown" || value === "registry-rejected" || value === "registry-cancelled";
}

function mountable({ descriptor, mountFrom }: OutgoingBlob, to: Repository, { blobs }: Shelf) {
  if (mountFrom === undefined) return undefined;
  return blobs.get(nameOf({ registry: to.registry, path: mountFrom }, descriptor.digest));
}

// A registry takes no index before its children, and no content under another digest.
function accepts(
  repository: Repository,
  { reference, document }: { readonly reference: string; readonly document: Document },
  { documents }: Shelf,
): boolean {
  const { bytes, descriptor } = document;
  const parsed = parseDocument(bytes);
  const children = parsed.ok && parsed.value.kind === "index" ? parsed.value.manifests : [];
  const isWhole = children.every(({ digest }) => documents.has(nameOf(repository, digest)));
  const isItself = !reference.includes(":") || reference === digestOf(bytes);
  return isWhole && isItself && descriptor.digest === digestOf(bytes) && descriptor.size === bytes.length;
}

function referrersOf(digest: Digest, repository: Repository, { documents }: Shelf): readonly Descriptor[] {
  const prefix = `${formatRepository(repository)}@`;
  const own = [...documents].filter(([each]) => each.startsWith(prefix)).map(([, document]) => document);
  return own.flatMap(({ bytes, descriptor }) => {
    const parsed = parseDocument(bytes);
    return parsed.ok && parsed.value.subject?.digest === digest ? [descriptor] : [];
  });
}
