import { createHash } from "node:crypto";
import { decompress } from "../layers/decompress.ts";
import type { TarEntry, TarVisitor } from "../layers/tar-entry.ts";
import { readStamps, type TarStamps } from "../layers/tar-stamps.ts";
import type { ContentReader } from "../layers/tar-sparse.ts";
import { TarStream } from "../layers/tar-stream.ts";
import type { Descriptor } from "../oci/descriptor.ts";
import { BlobUnreadable, type Store, type StoreFailure } from "../registry/store.ts";
import { fail, ok, type Result } from "../result.ts";

/** An entry of a layer, as far as two can be compared without keeping what is in them. */
export interface ListedEntry extends Pick<TarEntry, "kind" | "name" | "linkName" | "mode" | "size"> {
  readonly stamps: TarStamps;
  /** Digest of its content; empty where it can have none. */
  readonly content: string;
  /** Digest of its headers as they stand there. */
  readonly header: string;
}

/** A layer, and where it can be read. */
export interface LayerSource {
  readonly store: Store;
  readonly layer: Descriptor;
  readonly signal: AbortSignal;
}

/** Why a layer could not be read to its end, for a sentence. */
export interface EntriesUnreadable {
  readonly kind: "entries-unreadable";
  readonly detail: string;
}

export type ReadFailure = StoreFailure | EntriesUnreadable;

const MAX_BYTES = 64 * 2 ** 30;
const MAX_ENTRIES = 5_000_000;

/** Reads a layer once, and lists its entries in their order. */
export async function listEntries(source: LayerSource): Promise<Result<readonly ListedEntry[], ReadFailure>> {
  const entries: ListedEntry[] = [];
  const read = await visitLayer(source, (entry, raw) => {
    const { kind, name, linkName, mode, size } = entry;
    const header = createHash("sha256")
      .update(raw.block)
      .update(raw.pax ?? "")
      .digest("base64");
    const add = (content: string): void =>
      void entries.push({ kind, name, linkName, mode, size, stamps, content, header });
    const stamps = readStamps(raw);
    if (kind !== "file") {
      add("");
      return undefined;
    }
    const hash = createHash("sha256");
    return {
      take: (bytes) => hash.update(bytes) !== undefined,
      end: () => add(hash.digest("base64")),
    };
  });
  return read.ok ? ok(entries) : read;
}

/** Reads a layer once, and passes on the content of one entry, by its place in the order. */
export async function readEntry(
  source: LayerSource,
  place: number,
  reader: ContentReader,
): Promise<Result<void, ReadFailure>> {
  let at = 0;
  return await visitLayer(source, () => {
    at += 1;
    return at - 1 === place ? reader : undefined;
  });
}

async function visitLayer(
  { store, layer, signal }: LayerSource,
  visit: TarVisitor,
): Promise<Result<void, ReadFailure>> {
  const tar = new TarStream(visit, { maxEntries: MAX_ENTRIES });
  try {
    const bytes = store.openBlob(layer, { signal });
    const read = await decompress(bytes, (piece) => tar.take(piece), MAX_BYTES);
    // Where the tar file made no sense, that is why its bytes stopped being taken.
    if (!read.ok && read.error.problem !== "stopped") return unreadable(read.error.detail);
    const end = tar.end();
    return end.kind === "ended" ? ok(undefined) : unreadable(end.detail);
  } catch (error) {
    if (error instanceof BlobUnreadable) return fail(error.failure);
    throw error;
  }
}

function unreadable(detail: string): Result<never, ReadFailure> {
  return fail({ kind: "entries-unreadable", detail });
}
