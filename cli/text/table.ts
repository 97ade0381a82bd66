import { palette } from "./colour.ts";
import { clipMiddle, displayWidth, pad } from "./width.ts";

/** A column: its heading, a row's text, and what may be done to it where the table is too wide. */
export interface Column<Row> {
  readonly heading: string;
  readonly cell: (row: Row) => string;
  /** A shorter spelling of a cell, taken for the whole column before anything is dropped. */
  readonly short?: (text: string) => string;
  readonly align?: "left" | "right";
  /** Columns with the highest number go first; without one a column always stays. */
  readonly drop?: number;
  /** May cells be cut in the middle, once shortening and dropping were not enough? */
  readonly clip?: boolean;
}

/** Where a table goes: `width` in columns (`Infinity` for a file), `indent` spaces before each line. */
export interface TableOptions {
  readonly width: number;
  readonly colour: boolean;
  readonly indent?: number;
}

interface Laid {
  readonly heading: string;
  readonly cells: readonly string[];
  readonly align: "left" | "right";
  readonly drop: number | undefined;
  readonly clip: boolean;
  readonly short: ((text: string) => string) | undefined;
}

const GAP = 2;
const NARROWEST_CLIPPED = 8;

/**
 * Lines of a table under its headings, no line wider than asked where that is possible: first columns are shortened, from the
 * right; then optional ones dropped; then those that allow it are cut in the middle. Empty without rows.
 */
export function renderTable<Row>(
  rows: readonly Row[],
  columns: readonly Column<Row>[],
  options: TableOptions,
): readonly string[] {
  if (rows.length === 0) return [];
  const indent = options.indent ?? 0;
  const laid = fit(
    columns.map((column) => layOut(rows, column)),
    options.width - indent,
  );
  const { faint } = palette(options.colour);
  const margin = " ".repeat(indent);
  const heading = margin + joined(laid, (column) => column.heading);
  return [
    faint(heading),
    ...rows.map((_, row) => margin + joined(laid, (column) => column.cells[row] ?? "")),
  ];
}

function layOut<Row>(rows: readonly Row[], column: Column<Row>): Laid {
  return {
    heading: column.heading,
    cells: rows.map((row) => column.cell(row)),
    align: column.align ?? "left",
    drop: column.drop,
    clip: column.clip ?? false,
    short: column.short,
  };
}

function fit(columns: readonly Laid[], width: number): readonly Laid[] {
  return clipped(dropped(shortened(columns, width), width), width);
}

function shortened(columns: readonly Laid[], width: number): readonly Laid[] {
  const last = columns.findLastIndex((column) => column.short !== undefined);
  const column = columns[last];
  if (tableWidth(columns) <= width || column?.short === undefined) return columns;
  const replaced: Laid = { ...column, cells: column.cells.map(column.short), short: undefined };
  return shortened(columns.with(last, replaced), width);
}

function dropped(columns: readonly Laid[], width: number): readonly Laid[] {
  const highest = Math.max(...columns.map((column) => column.drop ?? -1));
  if (tableWidth(columns) <= width || highest < 0) return columns;
  return dropped(
    columns.filter((column) => column.drop !== highest),
    width,
  );
}

function clipped(columns: readonly Laid[], width: number): readonly Laid[] {
  const excess = tableWidth(columns) - width;
  const widest = Math.max(...columns.filter((column) => column.clip).map(columnWidth));
  if (excess <= 0 || widest <= NARROWEST_CLIPPED) return columns;
  const target = Math.max(NARROWEST_CLIPPED, widest - excess);
  const index = columns.findIndex((column) => column.clip && columnWidth(column) === widest);
  const column = columns[index];
  if (column === undefined) return columns;
  const cut = { ...column, cells: column.cells.map((cell) => clipMiddle(cell, target)) };
  return columnWidth(cut) === widest ? columns : clipped(columns.with(index, cut), width);
}

function joined(columns: readonly Laid[], text: (column: Laid) => string): string {
  const parts = columns.map((column) => pad(text(column), columnWidth(column), column.align));
  return parts.join(" ".repeat(GAP)).trimEnd();
}

function columnWidth(column: Laid): number {
  return Math.max(displayWidth(column.heading), ...column.cells.map(displayWidth));
}

function tableWidth(columns: readonly Laid[]): number {
  return columns.reduce((sum, column) => sum + columnWidth(column), 0) + GAP * (columns.length - 1);
}
