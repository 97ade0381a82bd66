import { palette } from "../text/colour.ts";
import { visible } from "../text/safe.ts";
import { renderTable, type Column, type TableOptions } from "../text/table.ts";
import { count, formatBytes, shortDigest } from "../text/units.ts";
import { clipMiddle, displayWidth } from "../text/width.ts";

/** What a verification looked at, as `verify` shows it beside the findings. */
export interface VerifyView {
  readonly reference: string;
  readonly digest: string;
  readonly platforms: readonly VerifyPlatform[];
  /** Other places that hold the same. */
  readonly sameIn: readonly string[];
  readonly against?: {
    readonly reference: string;
    readonly lost: readonly string[];
    readonly added: readonly string[];
    readonly changed: readonly string[];
    readonly unchanged: readonly string[];
  };
  readonly errors: number;
  readonly warnings: number;
}

export interface VerifyPlatform {
  readonly platform: string;
  readonly digest: string;
  readonly size: number;
  /** Programs that were checked; absent where layers were not read. */
  readonly programs?: number;
  /** What is said of the program that the image starts. */
  readonly starts: StartVerdict;
  readonly attestations: readonly string[];
  readonly verdict: "error" | "warning" | "note" | "fine";
}

/** `fine`: made for the platform; `foreign`: for another one; `missing`: not in the image; `unknown`: layers were not read. */
export type StartVerdict = "fine" | "foreign" | "missing" | "unknown";

const STARTS: Readonly<Record<StartVerdict, string>> = {
  fine: "fine",
  foreign: "for another platform",
  missing: "not found",
  unknown: "not checked",
};

/** The answer of `verify`: the index, a line for each platform, other places, the older image, and the verdict. */
export function verifyView(view: VerifyView, options: TableOptions): string {
  return [
    head(view, options),
    renderTable(view.platforms, COLUMNS, options),
    [...view.sameIn.map((name) => `same digest in ${visible(name)}`), ...againstLines(view)],
    [verdictLine(view, options)],
  ]
    .filter((lines) => lines.length > 0)
    .map((lines) => lines.join("\n"))
    .join("\n\n");
}

const COLUMNS: readonly Column<VerifyPlatform>[] = [
  { heading: "PLATFORM", cell: ({ platform }) => visible(platform) },
  { heading: "MANIFEST", cell: ({ digest }) => shortDigest(digest), drop: 3 },
  { heading: "SIZE", cell: ({ size }) => formatBytes(size), align: "right", drop: 4 },
  {
    heading: "PROGRAMS",
    cell: ({ programs }) => (programs === undefined ? "-" : String(programs)),
    align: "right",
    drop: 2,
  },
  { heading: "STARTS", cell: ({ starts }) => STARTS[starts] },
  {
    heading: "ATTESTATIONS",
    cell: ({ attestations }) => (attestations.length === 0 ? "none" : attestations.join(", ")),
    drop: 1,
  },
  { heading: "VERDICT", cell: ({ verdict }) => verdict },
];

function head({ reference, digest }: VerifyView, { width, colour }: TableOptions): readonly string[] {
  const { strong, faint } = palette(colour);
  const shown = displayWidth(digest) <= width - 8 ? digest : shortDigest(digest);
  return [strong(clipMiddle(visible(reference), width)), `${faint("digest")}  ${shown}`];
}

function againstLines({ against }: VerifyView): readonly string[] {
  if (against === undefined) return [];
  const parts = (["lost", "added", "changed", "unchanged"] as const).flatMap((what) => {
    const names = against[what];
    return names.length === 0 ? [] : [`${names.length} ${what} (${names.map(visible).join(", ")})`];
  });
  const changes = parts.length === 0 ? "no platforms in either" : parts.join(", ");
  return [`against ${visible(against.reference)}: ${changes}`];
}

function verdictLine({ errors, warnings, platforms }: VerifyView, { colour }: TableOptions): string {
  const { error, warning, success } = palette(colour);
  const looked = count(platforms.length, "image");
  if (errors > 0) return error(`not fine: ${count(errors, "error")} in ${looked}`);
  if (warnings > 0) return warning(`fine, with ${count(warnings, "warning")}: ${looked} verified`);
  return success(`fine: ${looked} verified`);
}
