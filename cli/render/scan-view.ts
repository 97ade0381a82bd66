import type { VulnerabilitySeverity } from "../../core/plan/plan.ts";
import type { BaseImage } from "../../core/scan/base-image.ts";
import { palette } from "../text/colour.ts";
import { visible } from "../text/safe.ts";
import { renderTable, type Column, type TableOptions } from "../text/table.ts";
import { shortDigest } from "../text/units.ts";
import { clipMiddle, displayWidth } from "../text/width.ts";

/** What a scan found, as `scan` shows it. */
export interface ScanView {
  readonly reference: string;
  readonly digest: string;
  /** Who looked. */
  readonly source: string;
  readonly platforms: readonly ScanPlatform[];
  /** The worst first, without those that are ignored. */
  readonly vulnerabilities: readonly ScanLine[];
  /** How many are accepted by name. */
  readonly ignored: number;
  /** How bad a vulnerability must be to stop; absent: none stops. */
  readonly failOn?: string;
  /** How many stop. */
  readonly hits: number;
}

export interface ScanPlatform {
  readonly platform: string;
  readonly digest: string;
  readonly from: "sbom" | "layers";
  readonly packages?: number;
  readonly critical: number;
  readonly high: number;
  readonly medium: number;
  readonly low: number;
  readonly unknown: number;
  readonly base?: BaseImage;
}

export interface ScanLine {
  readonly severity: VulnerabilitySeverity;
  readonly id: string;
  readonly package: string;
  readonly installed: string;
  readonly fixed?: string;
  readonly platforms: readonly string[];
}

/** The answer of `scan`: what was scanned, a line for each platform, a line for each vulnerability, and the verdict. */
export function scanView(view: ScanView, options: TableOptions): string {
  return [
    head(view, options),
    renderTable(view.platforms, platformColumns(view), options),
    renderTable(view.vulnerabilities, lineColumns(view), options),
    [verdictLine(view, options)],
  ]
    .filter((lines) => lines.length > 0)
    .map((lines) => lines.join("\n"))
    .join("\n\n");
}

function platformColumns({ platforms }: ScanView): readonly Column<ScanPlatform>[] {
  const number = (
    heading: string,
    cell: (row: ScanPlatform) => number | undefined,
    drop?: number,
  ): Column<ScanPlatform> => ({
    heading,
    cell: (row) => String(cell(row) ?? "-"),
    align: "right",
    ...(drop !== undefined && { drop }),
  });
  const hasUnknown = platforms.some(({ unknown }) => unknown > 0);
  const hasBase = platforms.some(({ base }) => base !== undefined);
  return [
    { heading: "PLATFORM", cell: ({ platform }) => visible(platform) },
    number("PACKAGES", ({ packages }) => packages, 3),
    { heading: "FROM", cell: ({ from }) => (from === "sbom" ? "SBOM" : "layers"), drop: 4 },
    number("CRITICAL", ({ critical }) => critical),
    number("HIGH", ({ high }) => high),
    number("MEDIUM", ({ medium }) => medium),
    number("LOW", ({ low }) => low),
    ...(hasUnknown ? [number("UNKNOWN", ({ unknown }) => unknown)] : []),
    ...(hasBase ? BASE_COLUMNS : []),
  ];
}

const BASE_COLUMNS: readonly Column<ScanPlatform>[] = [
  {
    heading: "BASE IMAGE",
    cell: ({ base }) => (base === undefined ? "-" : visible(base.name)),
    short: (name) => name.replace(/^docker\.io\/(?:library\/)?/, ""),
    drop: 1,
  },
  { heading: "NEWER", cell: ({ base }) => newerText(base), drop: 2 },
];

function newerText(base: BaseImage | undefined): string {
  const parts = [
    ...(base?.newerTag === undefined ? [] : [visible(base.newerTag)]),
    ...(base?.moved === undefined ? [] : ["same tag, pushed anew"]),
  ];
  return parts.length === 0 ? "-" : parts.join(", ");
}

function lineColumns({ platforms }: ScanView): readonly Column<ScanLine>[] {
  const where: Column<ScanLine> = {
    heading: "PLATFORMS",
    cell: (line) =>
      line.platforms.length === platforms.length ? "all" : line.platforms.map(visible).join(", "),
    drop: 1,
  };
  return [
    { heading: "SEVERITY", cell: ({ severity }) => severity },
    { heading: "ID", cell: ({ id }) => visible(id) },
    { heading: "PACKAGE", cell: (line) => visible(line.package), clip: true },
    { heading: "INSTALLED", cell: ({ installed }) => visible(installed), clip: true },
    { heading: "FIXED IN", cell: ({ fixed }) => (fixed === undefined ? "-" : visible(fixed)), clip: true },
    ...(platforms.length > 1 ? [where] : []),
  ];
}

function head({ reference, digest, source }: ScanView, { width, colour }: TableOptions): readonly string[] {
  const { strong, faint } = palette(colour);
  const shown = displayWidth(digest) <= width - 8 ? digest : shortDigest(digest);
  return [
    strong(clipMiddle(visible(reference), width)),
    `${faint("digest")}  ${shown}`,
    `${faint("source")}  ${source}`,
  ];
}

function verdictLine(view: ScanView, { colour }: TableOptions): string {
  const { error, warning, success } = palette(colour);
  const { vulnerabilities, ignored, failOn, hits } = view;
  const amount = vulnerabilities.length;
  const beside = ignored === 0 ? "" : `, ${ignored} ignored`;
  const found = `${amount} ${amount === 1 ? "vulnerability" : "vulnerabilities"}`;
  if (hits > 0) return error(`not fine: ${hits} of ${found} stop (${failOn} or worse)${beside}`);
  if (amount === 0) return success(`no known vulnerabilities${beside}`);
  return warning(failOn === undefined ? `${found}${beside}` : `fine: ${found}, none of which stops${beside}`);
}
