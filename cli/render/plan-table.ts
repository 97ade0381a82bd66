import { palette } from "../text/colour.ts";
import { count, formatDuration } from "../text/units.ts";
import { renderTable } from "../text/table.ts";
import { clipMiddle } from "../text/width.ts";
import type { Column, TableOptions } from "../text/table.ts";

/** A release as `plan` shows it. */
export interface PlanView {
  readonly name: string;
  readonly tags: readonly string[];
  readonly variants: readonly PlanRow[];
}

/** Where a variant will be built. `emulator` says by which QEMU, where that is known. */
export interface PlanRow {
  readonly platform: string;
  readonly node: string;
  readonly execution: "native" | "emulated";
  readonly emulator?: string;
  /** Is it all the same to the release whether it succeeds? */
  readonly optional?: boolean;
  /** Milliseconds from the beginning of the run; `isKnown`: past runs tell how long it takes, it is not only assumed. */
  readonly expected?: { readonly startMs: number; readonly durationMs: number; readonly isKnown: boolean };
}

const COLUMNS: readonly Column<PlanRow>[] = [
  {
    heading: "VARIANT",
    cell: ({ platform, optional }) => (optional === true ? `${platform} (optional)` : platform),
  },
  { heading: "NODE", cell: ({ node }) => node, clip: true },
  { heading: "RUNS", cell: runs, clip: true },
];

/** When it is known how long anything takes. A guess has a `~`. */
const EXPECTED: readonly Column<PlanRow>[] = [
  { heading: "STARTS", cell: starts, drop: 2 },
  { heading: "TAKES", cell: takes, align: "right", drop: 1 },
];

/**
 * The answer of `plan`: every variant under its release, with node and execution, and when it is expected to start and how long to take; then
 * the tags that will move, in order; in the end how long everything is expected to take.
 */
export function planTable(releases: readonly PlanView[], options: TableOptions): string {
  const sums = releases.flatMap(({ variants }) => variants);
  const emulated = sums.filter(({ execution }) => execution === "emulated").length;
  const total = `${count(sums.length, "variant")}: ${sums.length - emulated} native, ${emulated} emulated`;
  const columns = sums.some(isKnown) ? [...COLUMNS, ...EXPECTED] : COLUMNS;
  const blocks = releases.map((release) => releaseBlock(release, columns, options));
  return [...blocks, [total, ...outlook(releases, options)].join("\n")].join("\n\n");
}

/** How long everything is expected to take. */
function outlook(releases: readonly PlanView[], { width }: TableOptions): readonly string[] {
  const rows = releases.flatMap(({ name, variants }) =>
    variants.map((row) => ({ name, row, endMs: endOf(row) })),
  );
  if (rows.length === 0) return [];
  if (!rows.some(({ row }) => isKnown(row))) return ["how long it takes is not known yet"];
  const last = rows.reduce((latest, each) => (each.endMs > latest.endMs ? each : latest));
  const guessed = rows.filter(({ row }) => !isKnown(row)).length;
  const guess = guessed === 0 ? "" : ` (${count(guessed, "variant")} guessed)`;
  const lastOne = `last to end: ${last.name} ${last.row.platform} on ${last.row.node}`;
  return [`expected to take about ${formatDuration(last.endMs)}${guess}`, clipMiddle(lastOne, width)];
}

function isKnown({ expected }: PlanRow): boolean {
  return expected?.isKnown === true;
}

function endOf({ expected }: PlanRow): number {
  return expected === undefined ? 0 : expected.startMs + expected.durationMs;
}

function starts({ expected }: PlanRow): string {
  if (expected === undefined) return "-";
  return expected.startMs === 0 ? "at once" : `after ${formatDuration(expected.startMs)}`;
}

function takes({ expected }: PlanRow): string {
  if (expected === undefined) return "-";
  return `${expected.isKnown ? "" : "~"}${formatDuration(expected.durationMs)}`;
}

function releaseBlock(
  { name, tags, variants }: PlanView,
  columns: readonly Column<PlanRow>[],
  options: TableOptions,
): string {
  const { strong, faint } = palette(options.colour);
  const table = renderTable(variants, columns, { ...options, indent: 2 });
  const tagLines = tags.map((tag, index) => {
    const shown = clipMiddle(tag, options.width - 8);
    return `  ${index === 0 ? faint("tags") : "    "}  ${shown}`;
  });
  return [strong(clipMiddle(name, options.width)), ...table, ...tagLines].join("\n");
}

function runs({ execution, emulator }: PlanRow): string {
  return execution === "emulated" && emulator !== undefined ? `emulated by ${emulator}` : execution;
}
