/**
 * Reads a layer of one file with a gigabyte of zeros, `gzip` or `zstd` compressed, and prints its summary and how much memory that
 * took at most, in MB: a program of its own, because a test runner has memory of its own.
 */
import { createGzip, createZstdCompress } from "node:zlib";
import { Readable } from "node:stream";
import { readLayerBytes } from "../../core/layers/read-layer.ts";
import { OCI_LAYER, digestOfBytes, tarPart } from "./tar-bytes.ts";

const SIZE = 2 ** 30;

function* bomb(): Generator<Buffer> {
  yield tarPart({ name: "zeros", size: SIZE });
  const zeros = Buffer.alloc(2 ** 20);
  for (let at = 0; at < SIZE; at += zeros.length) yield zeros;
  yield Buffer.alloc(1024);
}

const packed: Buffer[] = [];
const compressor = process.argv[2] === "zstd" ? createZstdCompress() : createGzip();
for await (const piece of Readable.from(bomb()).pipe(compressor)) packed.push(Buffer.from(piece));
const layer = { mediaType: OCI_LAYER, digest: digestOfBytes(Buffer.alloc(0)) };
const summary = await readLayerBytes(Readable.from(packed), layer);
const megabytes = Math.round(process.resourceUsage().maxRSS / 1024);
console.log(JSON.stringify({ summary, megabytes }));
