import { createHash } from "node:crypto";
import { constants, zstdCompress, zstdDecompress } from "node:zlib";
import * as z from "zod/mini";
import { parseDigest, type Digest } from "../oci/digest.ts";
import { isOrderOf } from "./layer-order.ts";
import type { LayerSummary } from "./layer.ts";

/** A summary of more characters is not kept: no layer that somebody made in earnest has one. */
const MAX_CHARACTERS = 128 * 1024 * 1024;
const CHECKSUM_BYTES = 32;

const count = z.number().check(z.nonnegative());
const digest = z.custom<Digest>((value) => typeof value === "string" && parseDigest(value) !== undefined);
const type = z.enum(["executable", "library"]);

const elf = z.strictObject({
  format: z.literal("elf"),
  type,
  header: z.strictObject({
    class: z.literal([32, 64]),
    data: z.enum(["little", "big"]),
    osAbi: count,
    machine: count,
    flags: count,
  }),
  interpreter: z.exactOptional(z.string()),
  armArchitecture: z.exactOptional(count),
  x86Level: z.exactOptional(z.literal([1, 2, 3, 4])),
});

const pe = z.strictObject({
  format: z.literal("pe"),
  type,
  machine: count,
  hybrid: z.exactOptional(z.enum(["arm64ec", "arm64x"])),
  managed: z.exactOptional(z.enum(["any", "x86", "one-cpu", "ready-to-run"])),
});

const machO = z.strictObject({
  format: z.literal("mach-o"),
  type,
  cpus: z.array(z.strictObject({ type: z.number(), subtype: z.number() })),
});

const wasm = z.strictObject({ format: z.literal("wasm"), component: z.boolean() });

const content = z.discriminatedUnion("kind", [
  z.strictObject({
    kind: z.literal("program"),
    program: z.discriminatedUnion("format", [elf, pe, machO, wasm]),
  }),
  z.strictObject({ kind: z.literal("script"), line: z.string() }),
]);

const oddity = z.enum([
  "path-escapes",
  "path-too-long",
  "link-escapes",
  "name-not-utf8",
  "duplicate-entry",
  "unknown-entry",
  "data-after-end",
  "compression-differs",
  "too-many",
]);

const summary: z.ZodMiniType<LayerSummary> = z.strictObject({
  digest,
  diffId: digest,
  bytes: count,
  entries: count,
  files: z.array(z.strictObject({ path: z.string(), executable: z.boolean(), size: count, content })),
  links: z.array(z.strictObject({ path: z.string(), target: z.string(), hard: z.boolean() })),
  others: z.string(),
  order: z.exactOptional(z.string()),
  whiteouts: z.array(z.string()),
  opaque: z.array(z.string()),
  oddities: z.array(z.strictObject({ kind: oddity, path: z.string() })),
});

/** A summary as bytes: a checksum, and compressed JSON. Undefined where it is too large to be worth keeping. */
export async function packSummary(value: LayerSummary): Promise<Buffer | undefined> {
  if (value.others.length > MAX_CHARACTERS / 2) return undefined;
  const json = JSON.stringify(value);
  if (json.length > MAX_CHARACTERS) return undefined;
  const packed = await compress(json);
  return Buffer.concat([checksumOf(packed), packed]);
}

/** Reads what {@link packSummary} made; undefined for anything else. */
export async function unpackSummary(bytes: Buffer): Promise<LayerSummary | undefined> {
  const packed = bytes.subarray(CHECKSUM_BYTES);
  if (!checksumOf(packed).equals(bytes.subarray(0, CHECKSUM_BYTES))) return undefined;
  const read = summary.safeParse(parseJson(await decompress(packed)));
  return read.success && isOrderOf(read.data) ? read.data : undefined;
}

function checksumOf(bytes: Buffer): Buffer {
  return createHash("sha256").update(bytes).digest();
}

function compress(text: string): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    zstdCompress(text, { params: { [constants.ZSTD_c_compressionLevel]: 3 } }, (error, packed) =>
      error === null ? resolve(packed) : reject(error),
    );
  });
}

function decompress(packed: Buffer): Promise<string> {
  return new Promise((resolve) => {
    zstdDecompress(packed, { maxOutputLength: 4 * MAX_CHARACTERS }, (error, bytes) =>
      resolve(error === null ? bytes.toString("utf8") : ""),
    );
  });
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
