import type { Descriptor, Document } from "../oci/descriptor.ts";
import type { Digest } from "../oci/digest.ts";
import type { LayoutFailure } from "../oci/layout-failure.ts";
import type { Repository } from "../oci/reference.ts";
import type { Result } from "../result.ts";
import type { RegistryFailure } from "./registry-failure.ts";

/** Why a store could not do what was asked of it. */
export type StoreFailure = RegistryFailure | LayoutFailure;

/**
 * A place that holds images: one repository of a registry, or one OCI layout (a folder or a tar file). What copies, pushes,
 * verifies or cleans up images asks this port alone, and does not know which of them it talks to. `F` is how it can fail.
 * Every byte that is read was checked against its digest and capped in size.
 */
export interface Store<F extends StoreFailure = StoreFailure> {
  /** As people know it: `registry.example/team/app`, or the path of a layout. */
  readonly name: string;
  /** The repository that it is; undefined for a layout. Blobs are mounted only between repositories of one registry. */
  readonly repository?: Repository;
  /** What a tag or digest names, without reading it: media type, digest, size. Undefined where the store says that nothing is there. */
  resolve(reference: string, signal?: AbortSignal): Promise<Result<Descriptor | undefined, F>>;
  /** Reads a manifest or index, by tag or digest. */
  manifest(reference: string, signal?: AbortSignal): Promise<Result<Document, F>>;
  /** Reads a small blob (an image config, an attestation) whole; refused where it has, or should have, more than `maxBytes`. */
  blob(
    descriptor: Pick<Descriptor, "digest"> & Partial<Pick<Descriptor, "size">>,
    options?: { readonly maxBytes?: number; readonly signal?: AbortSignal },
  ): Promise<Result<Uint8Array, F>>;
  /**
   * Streams a blob of any size from byte `from` on. A break is mended by asking for the rest. The digest is checked when all is
   * read from 0: an iteration that ends well was right. Anything else throws {@link BlobUnreadable}.
   */
  openBlob(
    descriptor: Descriptor,
    options?: { readonly from?: number; readonly signal?: AbortSignal },
  ): AsyncIterable<Uint8Array>;
  /** Makes sure that a blob is there: looks, mounts or uploads. Its bytes are only read where they must be sent. */
  putBlob(blob: OutgoingBlob, signal?: AbortSignal): Promise<Result<BlobOutcome, StoreFailure>>;
  /** Writes a manifest or index under a tag, or under its own digest. What the store says that it holds then must equal ours. */
  putManifest(reference: string, document: Document, signal?: AbortSignal): Promise<Result<void, F>>;
  /** All tags, in the store's order. */
  tags(signal?: AbortSignal): Promise<Result<readonly string[], F>>;
  /**
   * Manifests whose `subject` is this digest (signatures, SBOMs), all pages of them.
   * @see https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#listing-referrers
   */
  referrers(digest: Digest, signal?: AbortSignal): Promise<Result<readonly Descriptor[], F>>;
  /** Has the registry shown that it does not know the referrers API? Then lists of referrers are kept in tags. */
  keepsReferrersInTags?(): boolean;
  /** Removes a tag, or (by digest) a manifest with all its tags. Removing what is not there is done. */
  delete(reference: string, signal?: AbortSignal): Promise<Result<void, F>>;
}

/** A blob on its way into a store. */
export interface OutgoingBlob {
  readonly descriptor: Descriptor;
  /** Its content from byte `from` on; called anew for each attempt, so that nothing has to be kept in memory. */
  readonly open: (from: number, signal: AbortSignal | undefined) => AsyncIterable<Uint8Array>;
  /** Path of a repository of the same registry that has it: it is mounted from there, where the registry can. */
  readonly mountFrom?: string;
}

/** How a blob came to be there. */
export type BlobOutcome = "present" | "mounted" | "uploaded";

/** Thrown by streams of blobs, which have no other way to fail; whoever reads the stream turns it back into a value. */
export class BlobUnreadable<F extends StoreFailure = StoreFailure> extends Error {
  readonly failure: F;

  constructor(failure: F) {
    super(`a blob cannot be read: ${failure.kind}`);
    this.name = "BlobUnreadable";
    this.failure = failure;
  }
}
