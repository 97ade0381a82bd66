import { palette } from "../text/colour.ts";
import { count } from "../text/units.ts";
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
}

const COLUMNS: readonly Column<PlanRow>[] = [
  {
    heading: "VARIANT",
    cell: ({ platform, optional }) => (optional === true ? `${platform} (optional)` : platform),
  },
  { heading: "NODE", cell: ({ node }) => node, clip: true },
  { heading: "RUNS", cell: runs, clip: true },
];

/** The answer of `plan`: every variant under its release, with node and execution, then the tags that will move, in order. */
export function planTable(releases: readonly PlanView[], options: TableOptions): string {
  const sums = releases.flatMap(({ variants }) => variants);
  const emulated = sums.filter(({ execution }) => execution === "emulated").length;
  const total = `${count(sums.length, "variant")}: ${sums.length - emulated} native, ${emulated} emulated`;
  return [...releases.map((release) => releaseBlock(release, options)), total].join("\n\n");
}

function releaseBlock({ name, tags, variants }: PlanView, options: TableOptions): string {
  const { strong, faint } = palette(options.colour);
  const table = renderTable(variants, COLUMNS, { ...options, indent: 2 });
  const tagLines = tags.map((tag, index) => {
    const shown = clipMiddle(tag, options.width - 8);
    return `  ${index === 0 ? faint("tags") : "    "}  ${shown}`;
  });
  return [strong(clipMiddle(name, options.width)), ...table, ...tagLines].join("\n");
}

function runs({ execution, emulator }: PlanRow): string {
  return execution === "emulated" && emulator !== undefined ? `emulated by ${emulator}` : execution;
}
