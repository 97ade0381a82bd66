/**
 * How wide text is in a terminal, and how it is shortened to a width.
 * A terminal counts columns, not characters: East Asian characters and emoji take two, combining marks none. Text is walked
 * by grapheme cluster (UAX #29), and a cluster is never cut in two.
 * @see https://www.unicode.org/reports/tr11/ (East Asian Width)
 */

/** Ranges of East Asian Width W and F, first and last code point; wide emoji are found by their Unicode property instead. */
const WIDE: readonly (readonly [number, number])[] = [
  [0x1100, 0x115f],
  [0x2329, 0x232a],
  [0x2e80, 0x303e],
  [0x3041, 0xa4cf],
  [0xa960, 0xa97f],
  [0xac00, 0xd7a3],
  [0xf900, 0xfaff],
  [0xfe10, 0xfe19],
  [0xfe30, 0xfe6f],
  [0xff01, 0xff60],
  [0xffe0, 0xffe6],
  [0x16fe0, 0x18df2],
  [0x1aff0, 0x1b2fb],
  [0x1d300, 0x1d376],
  [0x1f200, 0x1f265],
  [0x20000, 0x3fffd],
];

const PRINTABLE_ASCII = /^[ -~]*$/;
const EMOJI = /\p{Emoji_Presentation}|\ufe0f/u;
const ZERO_WIDTH = /^[\p{Mn}\p{Me}\p{Cf}\p{Cc}\ufe0f]+$/u;

// Made when the first text needs it: loading the tables behind it takes longer than most commands do.
let segmenter: Intl.Segmenter | undefined;

/** What stands for the part that was cut out; one column wide. */
export const ELLIPSIS = "…";

/** The clusters of a text, in order: what a reader sees as single characters. */
export function graphemes(text: string): readonly string[] {
  if (PRINTABLE_ASCII.test(text)) return text.split("");
  segmenter ??= new Intl.Segmenter("en", { granularity: "grapheme" });
  return Array.from(segmenter.segment(text), ({ segment }) => segment);
}

/** Columns that a text takes in a terminal. Control characters count as nothing: make the text safe first. */
export function displayWidth(text: string): number {
  if (PRINTABLE_ASCII.test(text)) return text.length;
  return graphemes(text).reduce((sum, cluster) => sum + clusterWidth(cluster), 0);
}

/** Columns of one cluster: 0, 1 or 2. */
export function clusterWidth(cluster: string): number {
  if (ZERO_WIDTH.test(cluster)) return 0;
  if (EMOJI.test(cluster)) return 2;
  const code = cluster.codePointAt(0) ?? 0;
  return WIDE.some(([first, last]) => code >= first && code <= last) ? 2 : 1;
}

/** Shortens to at most `width` columns, the end cut. */
export function clipEnd(text: string, width: number): string {
  if (displayWidth(text) <= width) return text;
  if (width <= 0) return "";
  return takeColumns(graphemes(text), width - 1).join("") + ELLIPSIS;
}

/** Shortens to at most `width` columns, the middle cut: for names whose end tells as much as their start. */
export function clipMiddle(text: string, width: number): string {
  if (displayWidth(text) <= width) return text;
  if (width <= 0) return "";
  const all = graphemes(text);
  const tailWidth = Math.floor((width - 1) / 2);
  const tail = takeColumns(all.toReversed(), tailWidth).toReversed();
  return takeColumns(all, width - 1 - tailWidth).join("") + ELLIPSIS + tail.join("");
}

/** Fills with spaces up to `width` columns; `right` puts them before the text. */
export function pad(text: string, width: number, align: "left" | "right" = "left"): string {
  const space = " ".repeat(Math.max(0, width - displayWidth(text)));
  return align === "left" ? text + space : space + text;
}

function takeColumns(clusters: readonly string[], width: number): readonly string[] {
  let used = 0;
  const end = clusters.findIndex((cluster) => (used += clusterWidth(cluster)) > width);
  return end === -1 ? clusters : clusters.slice(0, end);
}
