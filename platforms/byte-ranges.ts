/**
 * Looking at places of a file while its bytes go by once, in order: an inspection asks for a range, gets it, decides what to ask
 * for next, and is done as soon as it knows enough. What it gets does not depend on how the bytes are cut into chunks.
 *
 * Kept are the first {@link HEAD_BYTES} bytes, to which it may come back, and the range that it waits for.
 */

/** Bytes `at` to `at + length`; or the last ones of the file, without those that have gone by. */
export type ByteRange = { readonly at: number; readonly length: number } | { readonly last: number };

/**
 * Asks for ranges and answers what it found. A range is undefined where the file does not have all of it, where it is longer than
 * {@link LONGEST_RANGE}, or where some of it has gone by. It must come to an end whatever it is given.
 */
export type Inspection<Found> = Generator<ByteRange, Found | undefined, Uint8Array | undefined>;

/** How far back an inspection may go, however much has gone by: headers and their tables are here in nearly all programs. */
export const HEAD_BYTES = 4096;

/** What one range may ask for. */
export const LONGEST_RANGE = 1 << 20;

/** Feeds one inspection. */
export interface RangeReader<Found> {
  /** Takes the next bytes; they are copied where they are needed later. False: the inspection is done. */
  take(chunk: Uint8Array): boolean;
  /** After the last byte. */
  end(): Found | undefined;
}

interface Wanted {
  readonly at: number;
  readonly end: number;
  /** Where it is gathered; without it, the head has it. */
  readonly copy?: Uint8Array;
}

/** Begins to feed an inspection of a file of `size` bytes. Bytes after those do not count. */
export function readRanges<Found>(inspection: Inspection<Found>, size: number): RangeReader<Found> {
  const head = new Uint8Array(Math.min(size, HEAD_BYTES));
  let position = 0;
  // The end of the furthest range that was answered: with the smallest chunks, nothing after it has been seen.
  let reached = 0;
  let step = inspection.next();
  let wanted = nextWanted();

  /** Goes on to the next range that can still come; those that cannot are answered at once. */
  function nextWanted(): Wanted | undefined {
    while (step.done !== true) {
      const found = place(step.value, { size, reached, headLength: head.length });
      if (found !== undefined) return found;
      step = inspection.next(undefined);
    }
    return undefined;
  }

  function answer(bytes: Uint8Array | undefined, end: number): void {
    reached = Math.max(reached, end);
    step = inspection.next(bytes);
    wanted = nextWanted();
  }

  return {
    take(chunk) {
      const from = position;
      position += chunk.length;
      if (from < head.length) head.set(chunk.subarray(0, head.length - from), from);
      while (wanted !== undefined) {
        const { at, end, copy } = wanted;
        if (copy !== undefined) copyOverlap(copy, at, chunk, from);
        if (position < end) return true;
        answer(copy ?? head.subarray(at, end), end);
      }
      return false;
    },
    end() {
      while (wanted !== undefined) {
        const { at, end, copy } = wanted;
        if (copy === undefined && end <= position) answer(head.subarray(at, end), end);
        else answer(undefined, 0);
      }
      return step.done === true ? step.value : undefined;
    },
  };
}

function place(
  range: ByteRange,
  {
    size,
    reached,
    headLength,
  }: { readonly size: number; readonly reached: number; readonly headLength: number },
): Wanted | undefined {
  // A file that fits into the head is never gone by.
  const first = size === headLength ? 0 : reached;
  const at = "last" in range ? Math.max(first, size - Math.min(range.last, LONGEST_RANGE)) : range.at;
  const end = "last" in range ? size : at + range.length;
  // Written so that a number that is none fails, too.
  if (!(at >= 0 && at <= end && end <= size && end - at <= LONGEST_RANGE)) return undefined;
  if (end <= headLength) return { at, end };
  return at >= reached ? { at, end, copy: new Uint8Array(end - at) } : undefined;
}

/** Copies what of `bytes`, which begin at `from`, belongs into `target`, which begins at `at`. */
function copyOverlap(target: Uint8Array, at: number, bytes: Uint8Array, from: number): void {
  const first = Math.max(at, from);
  const last = Math.min(at + target.length, from + bytes.length);
  if (first < last) target.set(bytes.subarray(first - from, last - from), first - at);
}

/** Numbers in bytes; 0 where the bytes end before the number does. */
export interface Fields {
  readonly length: number;
  readonly u16: (at: number) => number;
  readonly u32: (at: number) => number;
  /** As near as a number comes: what does not fit is larger than every file. */
  readonly u64: (at: number) => number;
}

/** Reads numbers of one byte order. */
export function fieldsOf(bytes: Uint8Array, order: "little" | "big"): Fields {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const little = order === "little";
  const has = (at: number, length: number): boolean => at >= 0 && at + length <= bytes.length;
  return {
    length: bytes.length,
    u16: (at) => (has(at, 2) ? view.getUint16(at, little) : 0),
    u32: (at) => (has(at, 4) ? view.getUint32(at, little) : 0),
    u64: (at) => (has(at, 8) ? Number(view.getBigUint64(at, little)) : 0),
  };
}
