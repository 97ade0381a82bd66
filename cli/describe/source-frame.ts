import { palette } from "../text/colour.ts";
import { visible } from "../text/safe.ts";
import { displayWidth, ELLIPSIS, graphemes } from "../text/width.ts";
import type { Location } from "../../core/plan/source.ts";

/** A place as people and editors name it: both 1-based, the column in UTF-16 units (as editors' protocols count). */
export interface Position {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

interface Cell {
  readonly text: string;
  readonly width: number;
  readonly marked: boolean;
}

interface SourceLine {
  readonly number: number;
  readonly start: number;
  readonly text: string;
}

const LINE_BREAK = /\r\n|\n|\r/g;
const BYTE_ORDER_MARK = "\ufeff";
const TAB_STOP = 4;
/** Characters looked at on both sides of the marker: more than any screen shows, little enough for a line of megabytes. */
const REACH = 400;
/** Columns of context before the marker where a line is clipped. */
const LEAD = 20;
const NARROWEST = 20;

/** Line and column of where a range starts. */
export function positionOf(location: Location): Position {
  const line = lineAt(location.file.text, location.range.start);
  const hidden = line.text.startsWith(BYTE_ORDER_MARK) && location.range.start > 0 ? 1 : 0;
  return {
    file: location.file.path,
    line: line.number,
    column: location.range.start - line.start + 1 - hidden,
  };
}

/** A place in one word, `buildx-plan.yaml:4:5`. */
export function namePosition(location: Location): string {
  const { file, line, column } = positionOf(location);
  return `${visible(file)}:${line}:${column}`;
}

/**
 * The line that a range starts on, and a marker under exactly its characters; two lines, at most `width` columns wide. Tabs are
 * drawn as spaces and control characters spelled out, the marker follows; of a long line the part round the marker is shown.
 */
export function sourceFrame(
  location: Location,
  options: { width: number; colour: boolean },
): readonly string[] {
  const { faint, error } = palette(options.colour);
  const line = lineAt(location.file.text, location.range.start);
  const gutter = String(line.number);
  const cells = clipRound(cellsOf(line, location), Math.max(NARROWEST, options.width - gutter.length - 5));
  const before = cells.findIndex((cell) => cell.marked);
  const offset = cells.slice(0, before).reduce((sum, cell) => sum + cell.width, 0);
  const marked = cells.filter((cell) => cell.marked).reduce((sum, cell) => sum + cell.width, 0);
  const text = cells.map((cell) => cell.text).join("");
  return [
    `  ${faint(`${gutter} |`)} ${text.trimEnd()}`,
    `  ${faint(`${" ".repeat(gutter.length)} |`)} ${" ".repeat(offset)}${error("^".repeat(Math.max(1, marked)))}`,
  ];
}

function lineAt(text: string, offset: number): SourceLine {
  const place = Math.min(Math.max(0, offset), text.length);
  let number = 1;
  let start = 0;
  for (const match of text.matchAll(LINE_BREAK)) {
    const next = match.index + match[0].length;
    if (next > place) return { number, start, text: text.slice(start, match.index) };
    number += 1;
    start = next;
  }
  return { number, start, text: text.slice(start) };
}

/** The line's characters as they are drawn; one empty marked cell at its end where the range covers none of them. */
function cellsOf(line: SourceLine, location: Location): readonly Cell[] {
  const start = Math.max(0, location.range.start - line.start);
  const end = Math.max(start + 1, location.range.end - line.start);
  const from = wholeCharacter(line.text, Math.max(0, start - REACH));
  const part = line.text.slice(from, wholeCharacter(line.text, Math.min(end, start + REACH) + REACH));
  let offset = from;
  let column = 0;
  const cells = graphemes(part).map((cluster): Cell => {
    const text = cluster === "\t" ? " ".repeat(TAB_STOP - (column % TAB_STOP)) : visible(cluster);
    const marked = offset < end && offset + cluster.length > start;
    const width = displayWidth(text);
    offset += cluster.length;
    column += width;
    return { text, width, marked };
  });
  return cells.some((cell) => cell.marked) ? cells : [...cells, { text: " ", width: 1, marked: true }];
}

function wholeCharacter(text: string, offset: number): number {
  const code = text.charCodeAt(offset);
  return code >= 0xdc00 && code <= 0xdfff ? offset + 1 : offset;
}

function clipRound(cells: readonly Cell[], width: number): readonly Cell[] {
  if (total(cells) <= width) return cells;
  const first = cells.findIndex((cell) => cell.marked);
  const markedWidth = total(cells.filter((cell) => cell.marked));
  const lead = Math.min(LEAD, Math.max(0, width - markedWidth - 2));
  const head =
    total(cells.slice(0, first)) > width - 2 - Math.min(markedWidth, width - 2)
      ? cutStart(cells, first, lead)
      : cells;
  return cutEnd(head, width);
}

function cutStart(cells: readonly Cell[], first: number, lead: number): readonly Cell[] {
  let room = lead;
  let from = first;
  for (; from > 0; from -= 1) {
    room -= cells[from - 1]?.width ?? 0;
    if (room < 0) break;
  }
  return from === 0 ? cells : [ellipsis(false), ...cells.slice(from)];
}

function cutEnd(cells: readonly Cell[], width: number): readonly Cell[] {
  if (total(cells) <= width) return cells;
  let used = 0;
  const end = cells.findIndex((cell) => (used += cell.width) > width - 1);
  return [...cells.slice(0, end), ellipsis(cells[end]?.marked ?? false)];
}

function ellipsis(marked: boolean): Cell {
  return { text: ELLIPSIS, width: 1, marked };
}

function total(cells: readonly Cell[]): number {
  return cells.reduce((sum, cell) => sum + cell.width, 0);
}
