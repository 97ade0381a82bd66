import { palette } from "../text/colour.ts";
import { visible } from "../text/safe.ts";
import { renderTable, type Column, type TableOptions } from "../text/table.ts";
import { formatBytes, shortDigest } from "../text/units.ts";
import { clipEnd, clipMiddle } from "../text/width.ts";

/** How two images differ, as `diff` shows it; platforms as people write them. */
export interface DiffView {
  readonly older: DiffSideView;
  readonly newer: DiffSideView;
  readonly same: boolean;
  readonly platforms: readonly PlatformView[];
}

interface DiffSideView {
  readonly reference: string;
  readonly digest: string;
  readonly size: number;
}

export type PlatformView =
  | { readonly kind: "added" | "removed" | "same"; readonly platform: string; readonly size: number }
  | ChangedView;

export interface ChangedView {
  readonly kind: "changed";
  readonly platform: string;
  readonly sizes: { readonly older: number; readonly newer: number };
  readonly layers: {
    readonly kept: readonly LayerView[];
    readonly removed: readonly LayerView[];
    readonly added: readonly LayerView[];
  };
  readonly settings: readonly ChangeView[];
  readonly packages?: readonly ChangeView[];
  readonly attestations: { readonly older: readonly string[]; readonly newer: readonly string[] };
}

interface LayerView {
  readonly digest: string;
  readonly size: number;
  readonly madeBy?: string;
}

interface ChangeView {
  readonly name: string;
  readonly older?: string;
  readonly newer?: string;
}

/** Lines of one list; the rest is counted. */
const MOST = 40;

/** The answer of `diff`: both sides, a line for each platform, then what differs in layers, settings and packages. */
export function diffView(view: DiffView, options: TableOptions): string {
  const changed = view.platforms.filter((each) => each.kind === "changed");
  const layerLinesOf = (layers: ChangedView["layers"]): readonly string[] => layerLines(layers, options);
  const changeLinesOf = (changes: readonly ChangeView[]): readonly string[] => changeLines(changes, options);
  return [
    head(view, options),
    ...(view.same ? [] : [renderTable(view.platforms, COLUMNS, options)]),
    ...grouped("Layers", changed, { what: ({ layers }) => layers, lines: layerLinesOf }, options),
    ...grouped("Config", changed, { what: ({ settings }) => settings, lines: changeLinesOf }, options),
    ...grouped("Packages", changed, { what: ({ packages = [] }) => packages, lines: changeLinesOf }, options),
  ]
    .filter((lines) => lines.length > 0)
    .map((lines) => lines.join("\n"))
    .join("\n\n");
}

/** `+1.2MB`, `-300kB`, nothing where it is the same. */
export function sizeChange(older: number, newer: number): string {
  if (older === newer) return "";
  return `${newer > older ? "+" : "-"}${formatBytes(Math.abs(newer - older))}`;
}

function head({ older, newer, same }: DiffView, { width, colour }: TableOptions): readonly string[] {
  const { strong, faint } = palette(colour);
  const names = strong(clipMiddle(`${visible(older.reference)} -> ${visible(newer.reference)}`, width));
  if (same) return [names, `${faint("digest")}  ${shortDigest(older.digest)}, the same image`];
  const change = sizeChange(older.size, newer.size);
  const sizes = `${formatBytes(older.size)} -> ${formatBytes(newer.size)}`;
  return [
    names,
    `${faint("digest")}  ${shortDigest(older.digest)} -> ${shortDigest(newer.digest)}`,
    `${faint("size")}    ${sizes}${change === "" ? "" : ` (${change})`}`,
  ];
}

const COLUMNS: readonly Column<PlatformView>[] = [
  { heading: "PLATFORM", cell: ({ platform }) => visible(platform) },
  { heading: "WHAT", cell: ({ kind }) => (kind === "same" ? "unchanged" : kind) },
  { heading: "SIZE", cell: sizeCell, align: "right" },
  {
    heading: "CHANGE",
    cell: (each) => (each.kind === "changed" ? sizeChange(each.sizes.older, each.sizes.newer) : ""),
    align: "right",
    drop: 1,
  },
  {
    heading: "LAYERS",
    cell: (each) =>
      each.kind === "changed"
        ? `${each.layers.kept.length} kept, -${each.layers.removed.length} +${each.layers.added.length}`
        : "",
    drop: 3,
  },
  {
    heading: "CONFIG",
    cell: (each) => (each.kind === "changed" ? counts(each.settings) : ""),
    drop: 4,
  },
  {
    heading: "PACKAGES",
    cell: (each) => (each.kind === "changed" && each.packages !== undefined ? counts(each.packages) : ""),
    drop: 2,
  },
  { heading: "ATTESTATIONS", cell: attestationCell, drop: 5 },
];

function sizeCell(each: PlatformView): string {
  return formatBytes(each.kind === "changed" ? each.sizes.newer : each.size);
}

function attestationCell(each: PlatformView): string {
  if (each.kind !== "changed") return "";
  const [older, newer] = [each.attestations.older, each.attestations.newer].map((kinds) =>
    kinds.length === 0 ? "none" : kinds.join(", "),
  );
  return older === newer ? "" : `${older} -> ${newer}`;
}

/** `+2 -1 ~3` */
function counts(changes: readonly ChangeView[]): string {
  const signs = changes.map(signOf);
  const parts = (["+", "-", "~"] as const).flatMap((sign) => {
    const many = signs.filter((each) => each === sign).length;
    return many === 0 ? [] : [`${sign}${many}`];
  });
  return parts.length === 0 ? "same" : parts.join(" ");
}

type Sign = "+" | "-" | "~";

function signOf({ older, newer }: ChangeView): Sign {
  if (older === undefined) return "+";
  return newer === undefined ? "-" : "~";
}

function layerLines(layers: ChangedView["layers"], options: TableOptions): readonly string[] {
  const rows = [
    ...layers.removed.map((layer) => ({ sign: "-" as const, ...layer })),
    ...layers.added.map((layer) => ({ sign: "+" as const, ...layer })),
  ];
  const widest = Math.max(0, ...rows.map(({ size }) => formatBytes(size).length));
  return limited(
    rows.map(({ sign, digest, size, madeBy = "" }) => {
      const text = `${shortDigest(digest)}  ${formatBytes(size).padStart(widest)}  ${visible(madeBy)}`;
      return signed(sign, text.trimEnd(), options);
    }),
  );
}

function changeLines(changes: readonly ChangeView[], options: TableOptions): readonly string[] {
  const named = changes
    .slice(0, MOST + 1)
    .map((change) => ({ ...change, name: visible(change.name.slice(0, 200)) }));
  const widest = Math.min(30, Math.max(0, ...named.map(({ name }) => name.length)));
  return limited(
    named.map((change) => {
      const { name, older, newer } = change;
      const value = [older, newer].flatMap((each) => (each === undefined ? [] : [shown(each)])).join(" -> ");
      return signed(signOf(change), `${name.padEnd(widest)}  ${value}`.trimEnd(), options);
    }),
    changes.length,
  );
}

/** Long values only as far as they help; `--json` has all of them. */
function shown(value: string): string {
  return value === "" ? '""' : clipEnd(visible(value.slice(0, 400)), 120);
}

function signed(sign: Sign, text: string, { width, colour }: TableOptions): string {
  const { error, success, warning } = palette(colour);
  const paint = { "+": success, "-": error, "~": warning }[sign];
  return paint(clipEnd(`  ${sign} ${text}`, width));
}

/** As many lines as are shown, of so many in all. */
function limited(lines: readonly string[], total = lines.length): readonly string[] {
  return total <= MOST ? lines : [...lines.slice(0, MOST), `    and ${total - MOST} more; --json lists all`];
}

/** One section for all platforms that differ in the very same way. */
function grouped<T>(
  title: string,
  platforms: readonly ChangedView[],
  of: { readonly what: (platform: ChangedView) => T; readonly lines: (what: T) => readonly string[] },
  options: TableOptions,
): readonly (readonly string[])[] {
  const groups = Map.groupBy(platforms, (each) => JSON.stringify(of.what(each)));
  return [...groups.values()].map((members) => {
    const [first] = members;
    const names = members.map(({ platform }) => platform).join(", ");
    return first === undefined ? [] : section(`${title} of ${names}`, of.lines(of.what(first)), options);
  });
}

function section(
  title: string,
  lines: readonly string[],
  { colour, width }: TableOptions,
): readonly string[] {
  return lines.length === 0 ? [] : [palette(colour).strong(clipEnd(visible(title), width)), ...lines];
}
