import { createHash } from "node:crypto";
import { readLayerBytes, type LayerLimits } from "../../core/layers/read-layer.ts";
import type { LayerSummary, LayerUnreadable } from "../../core/layers/layer.ts";
import type { Digest } from "../../core/oci/digest.ts";
import type { Result } from "../../core/result.ts";

export const OCI_LAYER = "application/vnd.oci.image.layer.v1.tar";
/** Of which nobody expects that it tells the compression. */
const DOCKER_LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip";

/** An entry of a tar file, with any lie that is asked for. */
export interface TarPart {
  readonly name: string | Uint8Array;
  /** Ustar's flag: a regular file unless told otherwise. */
  readonly type?: string;
  readonly content?: string | Uint8Array;
  readonly linkName?: string | Uint8Array;
  readonly mode?: number;
  /** What the header claims; what `content` has unless told otherwise. */
  readonly size?: number;
  readonly magic?: string;
  readonly prefix?: string;
  /** Written into the block after everything else, before the checksum. */
  readonly raw?: readonly (readonly [at: number, bytes: string | Uint8Array])[];
  readonly checksum?: number;
}

/** A tar file as it is, with the two blocks of zeros at its end. */
export function tarBytes(parts: readonly TarPart[]): Buffer {
  return Buffer.concat([...parts.map(tarPart), Buffer.alloc(1024)]);
}

/** One header and its content, filled up to whole blocks. */
export function tarPart(part: TarPart): Buffer {
  const { name, type = "0", content = "", linkName = "", mode = 0o644, prefix = "" } = part;
  const body = Buffer.from(content);
  const { size = body.length, magic = "ustar\x0000" } = part;
  const header = Buffer.alloc(512);
  const put = (at: number, bytes: string | Uint8Array, longest: number): void =>
    void Buffer.from(bytes).copy(header, at, 0, longest);
  put(0, name, 100);
  put(100, `${mode.toString(8).padStart(7, "0")}\0`, 8);
  put(124, sizeField(size), 12);
  put(148, "        ", 8);
  put(156, type, 1);
  put(157, linkName, 100);
  put(257, magic, 8);
  put(345, prefix, 155);
  for (const [at, bytes] of part.raw ?? []) put(at, bytes, 512);
  const sum = part.checksum ?? header.reduce((total, byte) => total + byte, 0);
  put(148, `${sum.toString(8).padStart(6, "0")}\0 `, 8);
  return Buffer.concat([header, body, Buffer.alloc((512 - (body.length % 512)) % 512)]);
}

function sizeField(size: number): Uint8Array {
  if (size < 8 ** 11) return Buffer.from(`${size.toString(8).padStart(11, "0")}\0`);
  const field = Buffer.alloc(12);
  field[0] = 0x80;
  field.writeBigUInt64BE(BigInt(size), 4);
  return field;
}

/** An extended header (pax) with these records. */
export function paxPart(records: readonly (readonly [key: string, value: string])[], type = "x"): TarPart {
  const content = records.map(([key, value]) => {
    const rest = Buffer.byteLength(` ${key}=${value}\n`);
    let length = rest + 1;
    while (String(length).length + rest !== length) length = String(length).length + rest;
    return `${length} ${key}=${value}\n`;
  });
  return { name: "PaxHeaders.0/x", type, content: content.join("") };
}

/** These bytes, in pieces of at most `size`. */
export async function* pieces(bytes: Uint8Array, size = 65_536): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

export function digestOfBytes(bytes: Uint8Array): Digest {
  return `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
}

/** Reads a layer that is in memory; one of Docker's, unless its media type is another. */
export async function readBytes(
  bytes: Uint8Array,
  options: LayerLimits & { readonly mediaType?: string; readonly pieceSize?: number } = {},
): Promise<Result<LayerSummary, LayerUnreadable>> {
  const { mediaType = DOCKER_LAYER, pieceSize } = options;
  return await readLayerBytes(pieces(bytes, pieceSize), { mediaType, digest: digestOfBytes(bytes) }, options);
}

/** The same, where it must work. */
export async function summaryOf(
  bytes: Uint8Array,
  options: Parameters<typeof readBytes>[1] = {},
): Promise<LayerSummary> {
  const read = await readBytes(bytes, options);
  if (!read.ok) throw new Error(`${read.error.problem}: ${read.error.detail}`);
  return read.value;
}
