import { clipEnd, clipMiddle, displayWidth, pad } from "../text/width.ts";
import type { Palette } from "../text/colour.ts";

/** A piece of a line with one style: width is counted on the text, before colour adds bytes that have none. */
export interface Segment {
  readonly text: string;
  readonly style?: keyof Palette;
}

/** A segment of exactly `width` columns, its middle cut or spaces added. */
export function cell(text: string, width: number, style?: keyof Palette, align?: "left" | "right"): Segment {
  return segment(pad(clipMiddle(text, width), width, align), style);
}

/** A segment as wide as its text. */
export function segment(text: string, style?: keyof Palette): Segment {
  return style === undefined ? { text } : { text, style };
}

/** Joins segments to a line that is at most `width` columns wide, cut at its end, without trailing spaces. */
export function lineOf(segments: readonly Segment[], width: number, palette: Palette): string {
  let room = width;
  const pieces = trimmed(segments).map(({ text, style }) => {
    const shown = clipEnd(text, room);
    room = Math.max(0, room - displayWidth(shown));
    return style === undefined ? shown : palette[style](shown);
  });
  return pieces.join("");
}

function trimmed(segments: readonly Segment[]): readonly Segment[] {
  const last = segments.at(-1);
  if (last === undefined) return [];
  const text = last.text.trimEnd();
  return text === "" ? trimmed(segments.slice(0, -1)) : [...segments.slice(0, -1), { ...last, text }];
}
