import { createHash } from "node:crypto";
import type { Descriptor } from "../oci/descriptor.ts";
import { BlobUnreadable, type Store, type StoreFailure } from "../registry/store.ts";
import { fail, ok, type Result } from "../result.ts";
import { decompress, type Compression, type DecompressProblem } from "./decompress.ts";
import { FileContent } from "./file-content.ts";
import { isWindowsPath, LayerEntries, withoutFilesFolder, type LayerContent } from "./layer-entries.ts";
import { cleanPath, folderOf, whiteoutOf } from "./layer-paths.ts";
import type { LayerSummary, LayerUnreadable } from "./layer.ts";
import { PathSet } from "./path-set.ts";
import { isCleanName } from "./tar-fields.ts";
import type { ContentReader } from "./tar-sparse.ts";
import type { TarEntry } from "./tar-entry.ts";
import { TarStream } from "./tar-stream.ts";

/** What bounds the reading of one layer. */
export interface LayerLimits {
  /** Of the tar file; 64 GiB unless told otherwise. */
  readonly maxBytes?: number;
  /** Five million unless told otherwise. */
  readonly maxEntries?: number;
}

const MAX_BYTES = 64 * 2 ** 30;
const MAX_ENTRIES = 5_000_000;
/** The longest path that Linux takes, of an entry and of what a link points to. */
const MAX_PATH = 4096;

/** Streams a layer once and sums up what it holds. A signal that was raised is a failure of the store. */
export async function readLayer(
  store: Store,
  descriptor: Descriptor,
  { signal, ...limits }: LayerLimits & { readonly signal: AbortSignal },
): Promise<Result<LayerSummary, StoreFailure | LayerUnreadable>> {
  if (isEncrypted(descriptor.mediaType))
    return fail({ kind: "layer-unreadable", digest: descriptor.digest, ...ENCRYPTED });
  try {
    return await readLayerBytes(store.openBlob(descriptor, { signal }), descriptor, limits);
  } catch (error) {
    if (error instanceof BlobUnreadable) return fail(error.failure);
    throw error;
  }
}

/** A layer as far as reading its bytes needs it. */
export type LayerIdentity = Pick<Descriptor, "mediaType" | "digest">;

/** The same for bytes from anywhere, whose digest the caller has checked, or does when they end. Throws only what `bytes` throws. */
export async function readLayerBytes(
  bytes: AsyncIterable<Uint8Array>,
  { mediaType, digest }: LayerIdentity,
  { maxBytes = MAX_BYTES, maxEntries = MAX_ENTRIES }: LayerLimits = {},
): Promise<Result<LayerSummary, LayerUnreadable>> {
  const reader = new LayerReader();
  const tar = new TarStream((entry) => reader.entry(entry), { maxEntries });
  const hash = createHash("sha256");
  let total = 0;
  const take = (piece: Uint8Array): boolean => {
    hash.update(piece);
    total += piece.length;
    return tar.take(piece) && reader.entries.excess() === undefined;
  };
  const unreadable = (found: Pick<LayerUnreadable, "problem" | "detail">): Result<never, LayerUnreadable> =>
    fail({ kind: "layer-unreadable", digest, problem: found.problem, detail: found.detail });

  const read = await decompress(bytes, take, maxBytes);
  const excess = reader.entries.excess();
  if (excess !== undefined) return unreadable({ problem: "too-many-entries", detail: excess });
  // Bytes that broke off have not ended as a tar file either: what broke first is the reason.
  if (!read.ok && isReason(read.error)) return unreadable(read.error);
  const end = tar.end();
  if (end.kind !== "ended") return unreadable({ problem: end.kind, detail: end.detail });
  if (!read.ok) throw new Error("Internal error: a tar file stopped without a reason");

  const { compression, hasPadding } = read.value;
  if (end.hasDataAfterEnd || hasPadding) reader.entries.oddity("data-after-end", "");
  const named = compressionOf(mediaType);
  if (named !== undefined && named !== compression) reader.entries.oddity("compression-differs", "");
  const diffId = `sha256:${hash.digest("hex")}` as const;
  return ok({ digest, diffId, bytes: total, entries: end.entries, ...reader.content() });
}

const ENCRYPTED = { problem: "encrypted", detail: "it is encrypted" } as const;

function isEncrypted(mediaType: string): boolean {
  return mediaType.endsWith("+encrypted");
}

function isReason(
  problem: DecompressProblem,
): problem is Exclude<DecompressProblem, { readonly problem: "stopped" }> {
  return problem.problem !== "stopped";
}

/** What OCI's media types promise. Docker's say gzip for everything, and nobody minds. */
function compressionOf(mediaType: string): Compression | undefined {
  const [, suffix] =
    /^application\/vnd\.oci\.image\.layer\..*v1\.tar(?:\+(gzip|zstd))?$/.exec(mediaType) ?? [];
  if (suffix === "gzip" || suffix === "zstd") return suffix;
  return mediaType.startsWith("application/vnd.oci.image.layer.") && mediaType.endsWith(".tar")
    ? "none"
    : undefined;
}

/** Sorts the entries of one tar file. */
class LayerReader {
  readonly entries = new LayerEntries();
  readonly #seen = new PathSet();
  #hasWindowsMarks = false;
  #hasOtherPaths = false;

  entry(entry: TarEntry): ContentReader | undefined {
    const { path, escapes } = cleanPath(entry.name);
    this.#hasWindowsMarks ||= entry.isWindows || path === "Hives";
    this.#hasOtherPaths ||= path !== "" && !isWindowsPath(path);
    if (escapes) this.entries.oddity("path-escapes", entry.name);
    if (!isCleanName(entry.name)) this.entries.oddity("name-not-utf8", path);
    if (path.length > MAX_PATH || entry.linkName.length > MAX_PATH) {
      this.entries.oddity("path-too-long", path.slice(0, MAX_PATH));
      return undefined;
    }
    // The root folder itself, which is always there.
    if (path === "") return undefined;
    return this.#whiteout(path) ? undefined : this.#keep(path, entry);
  }

  content(): LayerContent {
    const content = this.entries.content();
    return this.#hasWindowsMarks && !this.#hasOtherPaths ? withoutFilesFolder(content) : content;
  }

  #whiteout(path: string): boolean {
    const whiteout = whiteoutOf(path);
    if (whiteout === undefined) return false;
    if (whiteout.kind === "senseless") this.entries.oddity("unknown-entry", path);
    else if (whiteout.kind === "whiteout" || whiteout.kind === "opaque")
      this.entries.whiteout(whiteout.kind, whiteout.path);
    return true;
  }

  #keep(path: string, entry: TarEntry): ContentReader | undefined {
    if (!this.#seen.add(path) && entry.kind !== "folder") this.entries.oddity("duplicate-entry", path);
    if (entry.kind === "file") return this.#file(path, entry);
    if (entry.kind === "symlink" || entry.kind === "hardlink") this.#link(path, entry);
    else if (entry.kind === "unknown") this.entries.oddity("unknown-entry", path);
    else this.entries.other(entry.kind === "folder" ? `${path}/` : path);
    return undefined;
  }

  #file(path: string, { mode, size }: TarEntry): ContentReader {
    return new FileContent(size, (found) => {
      const executable = (mode & 0o111) !== 0;
      if (found === undefined) this.entries.other(path);
      else this.entries.file({ path, executable, size, content: found });
    });
  }

  #link(path: string, { kind, linkName }: TarEntry): void {
    const hard = kind === "hardlink";
    const target = hard ? cleanPath(linkName) : cleanPath(`${folderOf(path)}/${linkName}`);
    if (target.escapes && (hard || !linkName.startsWith("/"))) this.entries.oddity("link-escapes", path);
    this.entries.link({ path, target: hard ? target.path : linkName, hard });
  }
}
