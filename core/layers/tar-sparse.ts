import { BLOCK } from "../layout/tar-header.ts";
import { readNumber } from "./tar-fields.ts";
import { readDecimal } from "./tar-pax.ts";

/** Takes the content of one file. */
export interface ContentReader {
  /** Answers false once it needs no more of the file. It copies what it keeps. */
  take(bytes: Uint8Array): boolean;
  /** After the last byte that it will get. */
  end(): void;
}

/** Holes that may still be filled with zeros, in bytes: shared by all files of a layer, because holes cost nothing to claim. */
export interface HoleBudget {
  left: number;
}

const ZEROS = new Uint8Array(64 * 1024);
const MAX_NUMBERS = 200_000;
const PART = 24;

/**
 * Gives a reader a file as it is, holes included, from the parts of it that are stored. Where they come in no order, or the
 * budget is used up, the reader gets what came before.
 */
export function fillHoles(
  reader: ContentReader,
  parts: readonly number[],
  budget: HoleBudget,
): ContentReader {
  let at = 0;
  let part = 0;
  let left = parts[1] ?? 0;
  let isWanted = true;
  const fill = (to: number): boolean => {
    if (to < at || to - at > budget.left) return false;
    budget.left -= to - at;
    for (; at < to; at += ZEROS.length) if (!reader.take(ZEROS.subarray(0, to - at))) return false;
    at = to;
    return true;
  };
  const take = (bytes: Uint8Array): boolean => {
    for (let from = 0; isWanted && from < bytes.length;) {
      while (left === 0 && part < parts.length) {
        part += 2;
        left = parts[part + 1] ?? 0;
      }
      isWanted = part < parts.length && (left < (parts[part + 1] ?? 0) || fill(parts[part] ?? 0));
      if (!isWanted) return false;
      const piece = bytes.subarray(from, from + left);
      isWanted = reader.take(piece);
      from += piece.length;
      at += piece.length;
      left -= piece.length;
    }
    return isWanted;
  };
  return { take, end: () => reader.end() };
}

/** The same for format 1.0, where decimal numbers, one on each line, come before the data: how many parts, then the parts. */
export function fillHolesByContent(reader: ContentReader, budget: HoleBudget): ContentReader {
  const numbers: number[] = [];
  let line = "";
  let position = 0;
  let filled: ContentReader | undefined;
  const isRead = (): boolean => numbers.length > 0 && numbers.length === 1 + 2 * (numbers[0] ?? 0);
  const take = (bytes: Uint8Array): boolean => {
    let from = 0;
    for (; from < bytes.length && filled === undefined; from += 1, position += 1) {
      // The numbers are filled up to whole blocks.
      if (isRead() && position % BLOCK === 0) filled = fillHoles(reader, numbers.slice(1), budget);
      if (filled !== undefined) break;
      if (isRead()) continue;
      if (bytes[from] !== 0x0a) line += String.fromCharCode(bytes[from] ?? 0);
      else {
        const number = readDecimal(line);
        if (number === undefined || numbers.push(number) > MAX_NUMBERS) return false;
        line = "";
      }
      if (line.length > 20) return false;
    }
    return filled === undefined || from === bytes.length || filled.take(bytes.subarray(from));
  };
  return { take, end: () => reader.end() };
}

/**
 * The parts in a block of the old GNU format: four in the header itself, 21 in each block after it.
 * Answers undefined for damaged numbers.
 */
export function readSparseBlock(
  block: Buffer,
  kind: "header" | "continued",
): { readonly parts: readonly number[]; readonly isContinued: boolean } | undefined {
  const [start, count, flag] = kind === "header" ? [386, 4, 482] : [0, 21, 504];
  const parts: number[] = [];
  for (let at = start; at < start + count * PART && block[at] !== 0; at += PART) {
    const offset = readNumber(block, at, PART / 2);
    const length = readNumber(block, at + PART / 2, PART / 2);
    if (offset === undefined || length === undefined) return undefined;
    parts.push(offset, length);
  }
  return { parts, isContinued: block[flag] !== 0 };
}

/** How large a file of the old GNU format is, holes included. */
export function readRealSize(block: Buffer): number | undefined {
  return readNumber(block, 483, PART / 2);
}
