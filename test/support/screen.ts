/**
 * A terminal just large enough to see what a user would see: text, cursor movement, erasing, wrapping and scrolling.
 * What it does not know it refuses, so that a renderer cannot use a sequence that was never looked at.
 */
import { clusterWidth, graphemes } from "../../cli/text/width.ts";

export interface Screen {
  write(text: string): void;
  /** Lines of the visible screen without trailing spaces, and without empty lines at the end. */
  lines(): readonly string[];
  /** Lines that scrolled out at the top. */
  readonly scrolledOut: readonly string[];
  readonly cursorVisible: boolean;
  readonly autowrap: boolean;
  /** How often text ran into the right edge and went on in the next line, or was lost there. */
  readonly overruns: number;
  /** Calls of `write`. */
  readonly writes: number;
  /** Changes the size; lines that no longer fit are wrapped, as terminals do. */
  resize(columns: number, rows: number): void;
}

const ESC = "\u001b";
const CONTROL = new RegExp(`${ESC}\\[(\\?)?([\\d;]*)([A-Za-z])|\\r|\\n`, "g");

export function createScreen(columns: number, rows: number): Screen {
  const state = { columns, rows, x: 0, y: 0, cursorVisible: true, autowrap: true, overruns: 0, writes: 0 };
  let grid: string[][] = [[]];
  const scrolledOut: string[] = [];

  const rowAt = (y: number): string[] => {
    while (grid.length <= y) grid.push([]);
    return grid[y] ?? [];
  };
  const scroll = (): void => {
    while (state.y >= state.rows) {
      scrolledOut.push(text(grid.shift() ?? []));
      state.y -= 1;
    }
  };
  const lineFeed = (): void => {
    state.y += 1;
    rowAt(state.y);
    scroll();
  };
  const print = (part: string): void => {
    for (const cluster of graphemes(part)) {
      const width = clusterWidth(cluster);
      if (state.x + width > state.columns) {
        state.overruns += 1;
        if (!state.autowrap) continue;
        state.x = 0;
        lineFeed();
      }
      const row = rowAt(state.y);
      while (row.length < state.x) row.push(" ");
      row[state.x] = cluster;
      if (width === 2) row[state.x + 1] = "";
      state.x += width;
    }
  };
  const setMode = (mode: string, on: boolean): void => {
    if (mode === "25") state.cursorVisible = on;
    else if (mode === "7") state.autowrap = on;
    else if (mode !== "2026") throw new Error(`unknown mode ${mode}`);
  };
  const control = (isPrivate: boolean, parameters: string, final: string): void => {
    const amount = Number(parameters || "1");
    if (isPrivate && (final === "h" || final === "l")) setMode(parameters, final === "h");
    else if (final === "A") state.y = Math.max(0, state.y - amount);
    else if (final === "K" && parameters === "")
      rowAt(state.y).length = Math.min(rowAt(state.y).length, state.x);
    else if (final === "J" && parameters === "") {
      rowAt(state.y).length = Math.min(rowAt(state.y).length, state.x);
      grid.length = state.y + 1;
    } else if (final !== "m") throw new Error(`unknown sequence ${parameters}${final}`);
  };
  const write = (input: string): void => {
    state.writes += 1;
    let from = 0;
    for (const match of input.matchAll(CONTROL)) {
      print(input.slice(from, match.index));
      from = match.index + match[0].length;
      if (match[0] === "\r") state.x = 0;
      else if (match[0] === "\n") {
        // As a terminal's driver does by default (ONLCR).
        state.x = 0;
        lineFeed();
      } else control(match[1] === "?", match[2] ?? "", match[3] ?? "");
    }
    print(input.slice(from));
  };
  const resize = (nextColumns: number, nextRows: number): void => {
    const before = grid.slice(0, state.y);
    const rewrapped = before.flatMap((row) => chunks(row, nextColumns));
    grid = [...rewrapped, ...grid.slice(state.y)];
    Object.assign(state, { columns: nextColumns, rows: nextRows, y: rewrapped.length });
    scroll();
  };
  return {
    write,
    resize,
    scrolledOut,
    lines: () => {
      const lines = grid.map(text);
      return lines.slice(0, lines.findLastIndex((line) => line !== "") + 1);
    },
    get cursorVisible() {
      return state.cursorVisible;
    },
    get autowrap() {
      return state.autowrap;
    },
    get overruns() {
      return state.overruns;
    },
    get writes() {
      return state.writes;
    },
  };
}

function text(cells: readonly string[]): string {
  return Array.from(cells, (cell) => cell ?? " ")
    .join("")
    .trimEnd();
}

function chunks(row: readonly string[], size: number): string[][] {
  const parts = Array.from({ length: Math.max(1, Math.ceil(row.length / size)) }, (_, index) =>
    row.slice(index * size, (index + 1) * size),
  );
  return parts;
}
