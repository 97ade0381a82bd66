import { randomBytes } from "node:crypto";
import { deflateRawSync, gzipSync, zstdCompressSync, constants } from "node:zlib";
import { Readable } from "node:stream";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decompress } from "../../../core/layers/decompress.ts";
import { cutZstdFrames } from "../../../core/layers/zstd-frames.ts";
import { pieces } from "../../support/tar-bytes.ts";

const A = Buffer.from("the first part ".repeat(20));
const B = randomBytes(3000);
const SKIPPABLE = Buffer.concat([Buffer.from("5e2a4d1805000000", "hex"), Buffer.from("table")]);
const LIMIT = 2 ** 30;

async function run(input: AsyncIterable<Uint8Array>, maxBytes = LIMIT) {
  const taken: Buffer[] = [];
  const result = await decompress(input, (bytes) => taken.push(Buffer.from(bytes)) > 0, maxBytes);
  return { result, bytes: Buffer.concat(taken) };
}

/** Bytes of several writes: a compressor that is told to finish frames, with and without a checksum and a size. */
function zstd(content: Buffer, hasChecksum = false): Buffer {
  const { ZSTD_c_checksumFlag, ZSTD_c_contentSizeFlag } = constants;
  return zstdCompressSync(content, {
    params: { [ZSTD_c_checksumFlag]: Number(hasChecksum), [ZSTD_c_contentSizeFlag]: Number(!hasChecksum) },
  });
}

describe("what is whole", () => {
  const whole: Record<string, readonly [Buffer, Buffer, string]> = {
    "nothing at all": [Buffer.alloc(0), Buffer.alloc(0), "none"],
    "no compression": [B, B, "none"],
    "one gzip member": [gzipSync(A), A, "gzip"],
    "several gzip members": [
      Buffer.concat([gzipSync(A), gzipSync(""), gzipSync(B)]),
      Buffer.concat([A, B]),
      "gzip",
    ],
    "one zstd frame": [zstd(A), A, "zstd"],
    "zstd frames with checksums": [
      Buffer.concat([zstd(A, true), zstd(B, true)]),
      Buffer.concat([A, B]),
      "zstd",
    ],
    "an empty zstd frame": [Buffer.concat([zstd(Buffer.alloc(0)), zstd(A)]), A, "zstd"],
    "seekable zstd": [Buffer.concat([zstd(A), zstd(B), SKIPPABLE]), Buffer.concat([A, B]), "zstd"],
    "zstd:chunked": [
      Buffer.concat([zstd(A), SKIPPABLE, zstd(B), SKIPPABLE, SKIPPABLE]),
      Buffer.concat([A, B]),
      "zstd",
    ],
    "zstd that begins with a skippable frame": [Buffer.concat([SKIPPABLE, zstd(A)]), A, "zstd"],
    "zstd of nothing but skippable frames": [SKIPPABLE, Buffer.alloc(0), "zstd"],
    "zstd of large blocks": [zstd(Buffer.alloc(400_000, "ab")), Buffer.alloc(400_000, "ab"), "zstd"],
  };

  test.each(Object.entries(whole))("%s, however it is cut", async (_name, [packed, content, compression]) => {
    for (const size of [packed.length + 1, 1, 7, 4096]) {
      const { result, bytes } = await run(pieces(packed, size));
      expect(result).toEqual({ ok: true, value: { compression, hasPadding: false } });
      expect(bytes.equals(content)).toBe(true);
    }
  });

  test("random content in random frames and members, cut anywhere", async () => {
    const content = fc.uint8Array({ maxLength: 2000 });
    await fc.assert(
      fc.asyncProperty(
        fc.array(content, { minLength: 1, maxLength: 6 }),
        fc.boolean(),
        fc.integer({ min: 1, max: 500 }),
        async (contents, isGzip, size) => {
          const packed = contents.map((each) => (isGzip ? gzipSync(each) : zstd(Buffer.from(each))));
          const { result, bytes } = await run(pieces(Buffer.concat(packed), size));
          expect(result.ok).toBe(true);
          expect(bytes.equals(Buffer.concat(contents))).toBe(true);
        },
      ),
      { numRuns: 60 },
    );
  });

  test("zeros after gzip members are noted, however long and cut", async () => {
    const packed = Buffer.concat([gzipSync(A), Buffer.alloc(300_000)]);
    for (const size of [packed.length, 1000]) {
      const { result, bytes } = await run(pieces(packed, size));
      expect(result).toEqual({ ok: true, value: { compression: "gzip", hasPadding: true } });
      expect(bytes.equals(A)).toBe(true);
    }
  });
});

describe("what is broken", () => {
  const gzip = gzipSync(B);
  const frame = zstd(B, true);
  const wrongSum = Buffer.from(frame);
  wrongSum[wrongSum.length - 1] = (wrongSum.at(-1) ?? 0) ^ 1;
  const wrongCrc = Buffer.from(gzip);
  wrongCrc[wrongCrc.length - 6] = (wrongCrc.at(-6) ?? 0) ^ 1;

  test.each([
    ["gzip with a wrong sum", wrongCrc, "not-gzip"],
    ["gzip with other bytes after it", Buffer.concat([gzip, Buffer.from("and more")]), "not-gzip"],
    ["gzip with other bytes after zeros", Buffer.concat([gzip, Buffer.alloc(9), gzip]), "not-gzip"],
    [
      "gzip without its header's sense",
      Buffer.concat([Buffer.from("1f8b08ff", "hex"), deflateRawSync(B)]),
      "not-gzip",
    ],
    ["zstd with a wrong sum", wrongSum, "not-zstd"],
    ["zstd with other bytes after it", Buffer.concat([frame, Buffer.from("and more")]), "not-zstd"],
    ["zstd with zeros after it", Buffer.concat([frame, Buffer.alloc(600)]), "not-zstd"],
    [
      "zstd with a reserved block type",
      Buffer.concat([frame.subarray(0, 6), Buffer.from([6, 0, 0])]),
      "not-zstd",
    ],
    [
      "zstd that ends within the magic number of a frame",
      Buffer.concat([frame, frame.subarray(0, 2)]),
      "truncated",
    ],
    [
      "zstd that ends within a skippable frame",
      Buffer.concat([frame, SKIPPABLE.subarray(0, 10)]),
      "truncated",
    ],
    ["a skippable frame that claims 4 GB", Buffer.from("502a4d18ffffffff00", "hex"), "truncated"],
    ["bzip2", Buffer.from("425a6839314159265359", "hex"), "compression-unknown"],
    ["xz", Buffer.from("fd377a585a000004", "hex"), "compression-unknown"],
    ["zstd that needs 1 GiB of memory", zstdWindow(30), "too-large"],
  ])("%s", async (_name, packed, problem) => {
    for (const size of [packed.length, 5]) {
      const { result } = await run(pieces(packed, size));
      expect(result).toMatchObject({ ok: false, error: { problem } });
    }
  });

  test.each([
    ["gzip", gzip],
    ["zstd", frame],
  ])("%s that ends anywhere", async (_name, packed) => {
    for (let length = 4; length < packed.length; length += 13) {
      const { result } = await run(pieces(packed.subarray(0, length)));
      expect(result, `${length} bytes`).toMatchObject({ ok: false, error: { problem: "truncated" } });
    }
  });

  test("more than may come is cut off, and what is after it is not read", async () => {
    const million = Buffer.alloc(1_000_000);
    for (const packed of [gzipSync(million), zstd(million), million]) {
      let read = 0;
      const endless = async function* () {
        for (;;) {
          read += packed.length;
          yield packed;
        }
      };
      const { result, bytes } = await run(endless(), 20_000_000);
      expect(result).toMatchObject({ ok: false, error: { problem: "too-large" } });
      expect(bytes.length).toBeLessThanOrEqual(20_000_000);
      expect(read).toBeLessThan(40 * packed.length + 2_000_000);
    }
  });

  test("whoever takes the bytes can stop, and the rest is read nevertheless: only then a store knows if it was right", async () => {
    for (const packed of [gzipSync(B), zstd(B), B]) {
      let isEnded = false;
      const input = async function* () {
        yield packed;
        yield* pieces(Buffer.alloc(600_000));
        isEnded = true;
      };
      const result = await decompress(input(), () => false, LIMIT);
      expect(result).toMatchObject({ ok: false, error: { problem: "stopped" } });
      expect(isEnded).toBe(true);
    }
  });

  test("what the input throws is thrown", async () => {
    const input = async function* () {
      yield gzip.subarray(0, 100);
      throw new Error("the line is cut");
    };
    await expect(decompress(input(), () => true, LIMIT)).rejects.toThrow("the line is cut");
  });

  test("random bytes behind a magic number never throw", async () => {
    const magic = fc.constantFrom("1f8b08", "28b52ffd", "502a4d18", "");
    await fc.assert(
      fc.asyncProperty(magic, fc.uint8Array({ maxLength: 3000 }), async (hex, rest) => {
        const { result } = await run(pieces(Buffer.concat([Buffer.from(hex, "hex"), rest]), 100));
        expect(typeof result.ok).toBe("boolean");
      }),
    );
  });
});

describe("cutting zstd into frames", () => {
  const frames = [zstd(A), zstd(B, true), zstd(Buffer.alloc(0)), zstd(Buffer.alloc(300_000, "ab"), true)];
  const packed = Buffer.concat([...frames.flatMap((frame) => [SKIPPABLE, frame]), SKIPPABLE, SKIPPABLE]);

  test.each([1, 2, 3, 5, 11, 1000, 1_000_000])("in pieces of %i bytes, none of two frames", (size) => {
    const cutter = cutZstdFrames();
    const cut: Buffer[] = [];
    for (let at = 0; at < packed.length; at += size) {
      const isRight = cutter.take(packed.subarray(at, at + size), (piece) => cut.push(Buffer.from(piece)));
      expect(isRight).toBe(true);
    }
    expect(cutter.isWhole()).toBe(true);
    expect(Buffer.concat(cut).equals(Buffer.concat(frames))).toBe(true);
    const ends = new Set(cut.map((_, at) => Buffer.concat(cut.slice(0, at + 1)).length));
    let end = 0;
    for (const frame of frames) expect(ends).toContain((end += frame.length));
  });
});

test.each([0, 1, 2, 3])("a frame that names a dictionary in the way %i ends where it does", (way) => {
  const window = 1;
  const fields = Buffer.alloc(window + (way === 3 ? 4 : way));
  const block = Buffer.concat([Buffer.from([1 | (4 << 3), 0, 0]), Buffer.from("four")]);
  const frame = Buffer.concat([Buffer.from([0x28, 0xb5, 0x2f, 0xfd, way]), fields, block]);
  const cutter = cutZstdFrames();
  const cut: number[] = [];
  expect(cutter.take(Buffer.concat([frame, frame]), (piece) => cut.push(piece.length))).toBe(true);
  expect(cut).toEqual([frame.length, frame.length]);
});

test("members and frames that end where a write does, or within one", async () => {
  const part = randomBytes(128 * 1024);
  for (const pack of [(bytes: Buffer) => gzipSync(bytes, { level: 0 }), (bytes: Buffer) => zstd(bytes)]) {
    const packed = Array.from({ length: 5 }, () => pack(part));
    for (const input of [packed, [Buffer.concat(packed)], [...sliced(Buffer.concat(packed), 200_000)]]) {
      const { result, bytes } = await run(Readable.from(input));
      expect(result.ok).toBe(true);
      expect(bytes.equals(Buffer.concat(Array.from({ length: 5 }, () => part)))).toBe(true);
    }
  }
});

function* sliced(bytes: Buffer, size: number): Generator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

/** The header of a frame with this window, and a raw block. */
function zstdWindow(log: number): Buffer {
  const window = (log - 10) << 3;
  return Buffer.concat([
    Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0, window, 1 | (4 << 3), 0, 0]),
    Buffer.from("four"),
  ]);
}
