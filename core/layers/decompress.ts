import { createGunzip, createZstdDecompress } from "node:zlib";
import { fail, ok, type Result } from "../result.ts";
import { inflateWith, type InflateProblem, type Inflater, type TakeBytes } from "./inflater.ts";
import type { LayerUnreadable } from "./layer.ts";
import { cutZstdFrames } from "./zstd-frames.ts";

/** How bytes are compressed, told by the bytes themselves. */
export type Compression = "gzip" | "zstd" | "none";

/** What is known after the last byte. */
export interface Decompressed {
  readonly compression: Compression;
  /** Zeros follow the compressed data, which some clients refuse. */
  readonly hasPadding: boolean;
}

/** Why bytes could not be decompressed; `stopped` where whoever took them wanted no more. */
export type DecompressProblem =
  | Pick<LayerUnreadable, "problem" | "detail">
  | { readonly problem: "stopped"; readonly detail: string };

/** Compressed bytes are gathered up to this many: each write costs a change of threads. */
const INPUT_BYTES = 128 * 1024;
/** Large pieces cost fewer changes of threads, but memory for each layer that is read at once. zstd is as fast with smaller ones. */
const GUNZIP = { chunkSize: 512 * 1024, highWaterMark: 4 * INPUT_BYTES };
const UNZSTD = { ...GUNZIP, chunkSize: 256 * 1024 };

/**
 * Decompresses as bytes come: gzip of one or several members, zstd of one or several frames (also seekable zstd and zstd:chunked,
 * whose tables are skipped), or none of both. Memory is constant. Throws only what `input` throws; where its bytes make no sense it
 * is read to the end nevertheless, because a store knows only then whether they were the right ones.
 */
export async function decompress(
  input: AsyncIterable<Uint8Array>,
  take: TakeBytes,
  maxBytes: number,
): Promise<Result<Decompressed, DecompressProblem>> {
  let decoder: Decoder | undefined;
  let isOpen = true;
  try {
    for await (const bytes of gathered(input)) {
      decoder ??= decoderOf(bytes, take, maxBytes);
      if (isOpen) isOpen = await decoder.write(bytes);
      if (!isOpen && decoder.isTooLarge()) break;
    }
    // No bytes at all are an empty tar file, as clients see it.
    return (await decoder?.end()) ?? ok({ compression: "none", hasPadding: false });
  } finally {
    decoder?.close();
  }
}

async function* gathered(input: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let pieces: Uint8Array[] = [];
  let length = 0;
  for await (const piece of input) {
    pieces.push(piece);
    length += piece.length;
    if (length < INPUT_BYTES) continue;
    yield whole(pieces);
    pieces = [];
    length = 0;
  }
  if (length > 0) yield whole(pieces);
}

function whole(pieces: readonly Uint8Array[]): Uint8Array {
  const [only, ...more] = pieces;
  return only !== undefined && more.length === 0 ? only : Buffer.concat(pieces);
}

interface Decoder {
  /** Answers false where no more bytes are of use. */
  write(bytes: Uint8Array): Promise<boolean>;
  end(): Promise<Result<Decompressed, DecompressProblem>>;
  isTooLarge(): boolean;
  close(): void;
}

/** Names of compressions that no client takes for layers, by the bytes that they begin with. */
const OTHERS: readonly (readonly [string, string])[] = [
  ["425a68", "bzip2"],
  ["fd377a585a00", "xz"],
  ["04224d18", "lz4"],
];

function decoderOf(start: Uint8Array, take: TakeBytes, maxBytes: number): Decoder {
  const hex = Buffer.from(start.subarray(0, 6)).toString("hex");
  if (hex.startsWith("1f8b08")) return gzipDecoder(take, maxBytes);
  if (hex.startsWith("28b52ffd") || /^5.2a4d18/.test(hex)) return zstdDecoder(take, maxBytes);
  const other = OTHERS.find(([magic]) => hex.startsWith(magic))?.[1];
  return other === undefined ? plainDecoder(take, maxBytes) : unknownDecoder(other);
}

function gzipDecoder(take: TakeBytes, maxBytes: number): Decoder {
  const gunzip = createGunzip(GUNZIP);
  const inflater = inflateWith(gunzip, take, maxBytes);
  let written = 0;
  let lastNonZero = 0;
  return {
    ...closing(inflater),
    write: async (bytes) => {
      const nonZero = bytes.findLastIndex((byte) => byte !== 0);
      if (nonZero !== -1) lastNonZero = written + nonZero + 1;
      written += bytes.length;
      return (await inflater.write(bytes)) || !inflater.hasFailed();
    },
    end: async () => {
      const problem = await inflater.end();
      if (problem !== undefined) return fail(named(problem, "not-gzip"));
      // Zeros end the data for zlib, which then says nothing of what may follow them.
      if (lastNonZero > inflater.consumed())
        return fail({ problem: "not-gzip", detail: "other bytes follow the compressed data" });
      return ok({ compression: "gzip", hasPadding: written > inflater.consumed() });
    },
  };
}

function zstdDecoder(take: TakeBytes, maxBytes: number): Decoder {
  const zstd = createZstdDecompress(UNZSTD);
  const inflater = inflateWith(zstd, take, maxBytes);
  const cutter = cutZstdFrames();
  let isZstd = true;
  let hasData = false;
  return {
    ...closing(inflater),
    write: async (bytes) => {
      const pieces: Uint8Array[] = [];
      isZstd = cutter.take(bytes, (piece) => pieces.push(piece));
      for (const piece of pieces) {
        hasData = true;
        if (!(await inflater.write(piece))) return false;
      }
      return isZstd;
    },
    end: async () => {
      const problem = hasData ? await inflater.end() : undefined;
      if (problem !== undefined) return fail(named(problem, "not-zstd"));
      if (!isZstd) return fail({ problem: "not-zstd", detail: "other bytes follow the compressed data" });
      if (!cutter.isWhole()) return fail(named(TRUNCATED, "not-zstd"));
      return ok({ compression: "zstd", hasPadding: false });
    },
  };
}

function plainDecoder(take: TakeBytes, maxBytes: number): Decoder {
  let total = 0;
  let problem: DecompressProblem | undefined;
  return {
    write: async (bytes) => {
      total += bytes.length;
      if (total > maxBytes) problem = { problem: "too-large", detail: `it has more than ${maxBytes} bytes` };
      else if (!take(bytes)) problem = { problem: "stopped", detail: "" };
      return problem === undefined;
    },
    end: async () => (problem === undefined ? ok({ compression: "none", hasPadding: false }) : fail(problem)),
    isTooLarge: () => problem?.problem === "too-large",
    close: () => undefined,
  };
}

function unknownDecoder(name: string): Decoder {
  return {
    write: async () => false,
    end: async () => fail({ problem: "compression-unknown", detail: `it is compressed with ${name}` }),
    isTooLarge: () => false,
    close: () => undefined,
  };
}

const TRUNCATED: InflateProblem = { problem: "truncated", detail: "it ends in the middle" };

function named({ problem, detail }: InflateProblem, corrupt: "not-gzip" | "not-zstd"): DecompressProblem {
  return { problem: problem === "corrupt" ? corrupt : problem, detail };
}

function closing(inflater: Inflater): Pick<Decoder, "isTooLarge" | "close"> {
  return { isTooLarge: () => inflater.hasFailed("too-large"), close: () => inflater.close() };
}
