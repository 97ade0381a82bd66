import type { Program } from "../../platforms/program.ts";
import type { Digest } from "../oci/digest.ts";

/**
 * What a layer holds, as far as checks need it: made by streaming the layer once, the same for every platform, and small enough
 * to be remembered by the layer's digest. Paths are as in the tar file but cleaned: relative, `/` between parts, no `.` or `..`.
 */
export interface LayerSummary {
  /** Of the layer as the registry has it. */
  readonly digest: Digest;
  /** Of the tar file in it: what the config's `rootfs.diff_ids` must say. */
  readonly diffId: Digest;
  /** Bytes of the tar file. */
  readonly bytes: number;
  readonly entries: number;
  /** Files that can be started or linked with, in the order of the tar file. */
  readonly files: readonly LayerFile[];
  readonly links: readonly LayerLink[];
  /** All other entries, which may hide what lies below: folders end with `/`. Joined by NUL, which no path can have. */
  readonly others: string;
  /**
   * In what order files (`f`), links (`l`) and others (`o`) stand in the tar file, in runs: `o12f1l3`. A later entry replaces an
   * earlier one. Without it: first the others, then links, then files.
   */
  readonly order?: string;
  /** Paths without `.wh.`: removed from what lies below. */
  readonly whiteouts: readonly string[];
  /** Folders whose content from below is hidden (`.wh..wh..opq`). */
  readonly opaque: readonly string[];
  readonly oddities: readonly LayerOddity[];
}

/** A program or a script. */
export interface LayerFile {
  readonly path: string;
  /** Has one of the three x bits. */
  readonly executable: boolean;
  readonly size: number;
  readonly content:
    | { readonly kind: "program"; readonly program: Program }
    /** `line` is what follows `#!`, trimmed. */
    | { readonly kind: "script"; readonly line: string };
}

/** A symbolic link with its target as written, or a hard link with the cleaned path of its target. */
export interface LayerLink {
  readonly path: string;
  readonly target: string;
  readonly hard: boolean;
}

/** Something that no tool should write, and that was not followed. */
export interface LayerOddity {
  readonly kind:
    | "path-escapes"
    | "path-too-long"
    | "link-escapes"
    | "name-not-utf8"
    | "duplicate-entry"
    | "unknown-entry"
    | "data-after-end"
    /** The media type names another compression than the bytes have; of the layer, so the path is empty. */
    | "compression-differs"
    | "too-many";
  readonly path: string;
}

/** Why a layer could not be summed up, other than the store's own failures. */
export interface LayerUnreadable {
  readonly kind: "layer-unreadable";
  readonly digest: Digest;
  readonly problem:
    | "not-gzip"
    | "not-zstd"
    | "truncated"
    | "not-tar"
    | "too-large"
    | "too-many-entries"
    | "compression-unknown"
    | "encrypted";
  readonly detail: string;
}

/** Remembers summaries, so that a layer is streamed once only. */
export interface LayerMemory {
  get(digest: Digest): Promise<LayerSummary | undefined>;
  /** Failing to keep one is no failure: it is streamed again the next time. */
  put(summary: LayerSummary): Promise<void>;
}

/** Remembers small documents (manifests, configs) by their digest, so that a second look at an image costs few requests. */
export interface DocumentMemory {
  /** Bytes that have this digest. */
  get(digest: Digest): Promise<Uint8Array | undefined>;
  /** Failing to keep them is no failure. */
  put(digest: Digest, bytes: Uint8Array): Promise<void>;
}
