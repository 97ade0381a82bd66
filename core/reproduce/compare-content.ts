import { createHash } from "node:crypto";
import type { ContentReader } from "../layers/tar-sparse.ts";
import { ok, type Result } from "../result.ts";
import type { ContentPlace, Pair } from "./difference.ts";
import { readEntry, type LayerSource, type ReadFailure } from "./read-entries.ts";

/** A file in two layers: where it stands in each. */
export type FilePair = Pair<{ readonly source: LayerSource; readonly place: number; readonly size: number }>;

/** Files up to this size are held against each other as a whole, with their lines. */
const WHOLE = 1024 * 1024;
/** Larger ones by blocks of this size: first their digests, then the one that differs. */
const BLOCK = 1024 * 1024;
const MOST_OF_LINE = 200;

/** Finds the first byte that differs, without keeping more of a file than a block of it; undefined where there is none. */
export async function compareContent(
  files: FilePair,
): Promise<Result<ContentPlace | undefined, ReadFailure>> {
  const [one, other] = files;
  if (one.size <= WHOLE && other.size <= WHOLE) {
    const whole = await readBoth(files, () => keepWindow(0, WHOLE));
    return whole.ok ? ok(placeOf(...whole.value)) : whole;
  }
  const blocks = await readBoth(files, hashBlocks);
  if (!blocks.ok) return blocks;
  const [these, those] = blocks.value;
  const length = Math.max(these.length, those.length);
  const at = Array.from({ length }, (_, place) => place).find((place) => these[place] !== those[place]);
  if (at === undefined) return ok(undefined);
  const windows = await readBoth(files, () => keepWindow(at * BLOCK, BLOCK));
  if (!windows.ok) return windows;
  const offset = firstDifference(...windows.value);
  return ok(offset === undefined ? undefined : { offset: at * BLOCK + offset });
}

/** Takes a file's content, and says what came of it. */
interface Collector<T> extends ContentReader {
  readonly result: () => T;
}

async function readBoth<T>(
  files: FilePair,
  collect: () => Collector<T>,
): Promise<Result<Pair<T>, ReadFailure>> {
  const collectors: Pair<Collector<T>> = [collect(), collect()];
  const [one, other] = await Promise.all([
    readEntry(files[0].source, files[0].place, collectors[0]),
    readEntry(files[1].source, files[1].place, collectors[1]),
  ]);
  if (!one.ok) return one;
  return other.ok ? ok([collectors[0].result(), collectors[1].result()]) : other;
}

function keepWindow(from: number, length: number): Collector<Buffer> {
  const pieces: Buffer[] = [];
  let at = 0;
  return {
    take: (bytes) => {
      const piece = bytes.subarray(Math.max(0, from - at), Math.max(0, from + length - at));
      if (piece.length > 0) pieces.push(Buffer.from(piece));
      at += bytes.length;
      return at < from + length;
    },
    end: () => undefined,
    result: () => Buffer.concat(pieces),
  };
}

function hashBlocks(): Collector<readonly string[]> {
  const digests: string[] = [];
  let hash = createHash("sha256");
  let have = 0;
  const close = (): void => {
    digests.push(hash.digest("base64"));
    hash = createHash("sha256");
    have = 0;
  };
  return {
    take: (bytes) => {
      for (let at = 0; at < bytes.length;) {
        const piece = bytes.subarray(at, at + BLOCK - have);
        hash.update(piece);
        at += piece.length;
        have += piece.length;
        if (have === BLOCK) close();
      }
      return true;
    },
    end: () => {
      if (have > 0) close();
    },
    result: () => digests,
  };
}

function firstDifference(one: Buffer, other: Buffer): number | undefined {
  const length = Math.min(one.length, other.length);
  for (let at = 0; at < length; at += 1) if (one[at] !== other[at]) return at;
  return one.length === other.length ? undefined : length;
}

function placeOf(one: Buffer, other: Buffer): ContentPlace | undefined {
  const offset = firstDifference(one, other);
  if (offset === undefined) return undefined;
  const texts = [textOf(one), textOf(other)] as const;
  if (texts[0] === undefined || texts[1] === undefined) return { offset };
  // What comes before it is the same in both.
  const number = one.subarray(0, offset).filter((byte) => byte === 0x0a).length + 1;
  return { offset, line: { number, texts: [lineOf(texts[0], number), lineOf(texts[1], number)] } };
}

/** Undefined for what is no text. */
function textOf(bytes: Buffer): string | undefined {
  if (bytes.includes(0)) return undefined;
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

function lineOf(text: string, number: number): string | undefined {
  const lines = text.split("\n");
  // What follows the last line break is no line.
  if (lines.at(-1) === "") lines.pop();
  return lines[number - 1]?.slice(0, MOST_OF_LINE);
}
