import type { Range } from "../plan/source.ts";

/** Text put together from pieces of a file, with the way back. */
export interface Joined {
  readonly text: string;
  readonly pieces: readonly Piece[];
}

/** `length` characters at `at` of the text stand at `start` of the file. */
interface Piece {
  readonly at: number;
  readonly start: number;
  readonly length: number;
}

/** Puts pieces of a file together; none of them is empty unless it is the only one. */
export function join(source: string, ranges: readonly Range[]): Joined {
  const pieces: Piece[] = [];
  let at = 0;
  for (const { start, end } of ranges) {
    if (end === start && ranges.length > 1) continue;
    pieces.push({ at, start, length: end - start });
    at += end - start;
  }
  const text = ranges.map(({ start, end }) => source.slice(start, end)).join("");
  return { text, pieces };
}

/** A part of joined text; offsets outside of it are taken as its nearest end. */
export function slice(joined: Joined, start: number, end = joined.text.length): Joined {
  const pieces = joined.pieces.flatMap((piece) => {
    const from = Math.max(start, piece.at);
    const to = Math.min(end, piece.at + piece.length);
    return from < to ? [{ at: from - start, start: piece.start + from - piece.at, length: to - from }] : [];
  });
  return { text: joined.text.slice(start, end), pieces };
}

/** Where a part of joined text stands in the file. An empty part stands before the character that it precedes. */
export function placeOf(joined: Joined, start: number, end: number): Range {
  const from = offsetOf(joined, start);
  return { start: from, end: end > start ? offsetOf(joined, end - 1) + 1 : from };
}

function offsetOf({ pieces, text }: Joined, offset: number): number {
  const inside = Math.max(0, Math.min(offset, text.length));
  let low = 0;
  let high = pieces.length - 1;
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if ((pieces[middle]?.at ?? 0) <= inside) low = middle;
    else high = middle - 1;
  }
  const piece = pieces[low];
  return piece === undefined ? 0 : piece.start + Math.min(inside - piece.at, piece.length);
}
