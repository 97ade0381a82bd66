import { stripVTControlCharacters } from "node:util";
import { displayWidth } from "../text/width.ts";
import type { OutputStream } from "./renderer.ts";

/** Draws successive frames over each other, below whatever the terminal showed before. */
export interface Painter {
  /** Draws a frame over the last one; writes once, and nothing where nothing changed. */
  paint(lines: readonly string[], columns: number): void;
  /** Writes lines that stay, where the frame stands; it is drawn again below them. Long ones wrap: they may be copied. */
  tell(lines: readonly string[]): void;
  /** Leaves the last frame where it is and gives the cursor back. */
  finish(): void;
}

interface Painted {
  readonly lines: readonly string[];
  readonly columns: number;
}

const CSI = "\u001b[";
/** Terminals that know it show the frame whole (mode 2026), others ignore it; no line wraps, whatever width the terminal gives a character. */
const BEGIN = `${CSI}?2026h${CSI}?25l${CSI}?7l`;
const END = `${CSI}?7h${CSI}?2026l`;
const SHOW_CURSOR = `${CSI}?25h`;
const ERASE_LINE_END = `${CSI}K`;
const ERASE_BELOW = `${CSI}J`;

/**
 * A painter for a terminal. Between frames the cursor stands at the start of the line below the frame; a frame must be lower
 * than the screen and narrower than its width by at least one.
 */
export function createPainter(stream: OutputStream): Painter {
  let painted: Painted | undefined;
  return {
    paint: (lines, columns) => {
      const next = { lines, columns };
      const change = repaint(painted, next);
      painted = next;
      if (change !== "") stream.write(BEGIN + change + END);
    },
    tell: (lines) => {
      const text = lines.map((line) => `${line}\r\n`).join("");
      if (painted === undefined) stream.write(text);
      else {
        const { lines: frame, columns } = painted;
        stream.write(up(frame.length) + ERASE_BELOW + text);
        painted = { lines: [], columns };
      }
    },
    finish: () => {
      if (painted !== undefined) stream.write(SHOW_CURSOR);
      painted = undefined;
    },
  };
}

function repaint(last: Painted | undefined, { lines, columns }: Painted): string {
  if (last === undefined) return lines.map(wholeLine).join("");
  if (last.columns !== columns) {
    // Terminals re-wrap what they hold when they are resized: the old frame may be taller now.
    const height = last.lines.reduce((sum, line) => sum + wrappedHeight(line, columns), 0);
    return up(height) + ERASE_BELOW + lines.map(wholeLine).join("");
  }
  const same = lines.length === last.lines.length && lines.every((line, index) => line === last.lines[index]);
  if (same) return "";
  const drawn = lines.map((line, index) => (line === last.lines[index] ? "\r\n" : wholeLine(line)));
  return up(last.lines.length) + drawn.join("") + (lines.length < last.lines.length ? ERASE_BELOW : "");
}

function wholeLine(line: string): string {
  return `${line}${ERASE_LINE_END}\r\n`;
}

function up(lines: number): string {
  return lines === 0 ? "\r" : `\r${CSI}${lines}A`;
}

function wrappedHeight(line: string, columns: number): number {
  return Math.max(1, Math.ceil(displayWidth(stripVTControlCharacters(line)) / Math.max(1, columns)));
}
