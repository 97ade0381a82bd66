import type { Platform } from "../../platforms/platform.ts";
import type { Digest } from "./digest.ts";

/**
 * A pointer to content: its media type, digest and size in bytes.
 * @see https://github.com/opencontainers/image-spec/blob/v1.1.1/descriptor.md
 */
export interface Descriptor {
  readonly mediaType: string;
  readonly digest: Digest;
  readonly size: number;
  readonly platform?: Platform;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly artifactType?: string;
  /** Other places that have the content: layers that may not be distributed are fetched from there. */
  readonly urls?: readonly string[];
}

/** A stored document as it came or will go: the bytes are authoritative, the descriptor is computed from them. */
export interface Document {
  readonly descriptor: Descriptor;
  readonly bytes: Uint8Array;
}
