import { palette } from "../text/colour.ts";
import { renderTable } from "../text/table.ts";
import { formatBytes, formatDuration, shortDigest } from "../text/units.ts";
import { clipMiddle, displayWidth } from "../text/width.ts";
import type { Column, TableOptions } from "../text/table.ts";

/** A release at the end of a build. */
export interface ReleaseView {
  readonly name: string;
  readonly variants: readonly ReleaseRow[];
  /** Digest of the index; undefined where none was put. */
  readonly index?: string;
  /** In order. */
  readonly tags: readonly TagRow[];
}

/** A tag at the end of a build; one that was kept still names what it did before, `digest`. */
export interface TagRow {
  readonly tag: string;
  readonly state: "moved" | "unchanged" | "kept";
  readonly digest: string;
}

/** A variant at the end of a build. `state` is `built` where all is well. */
export interface ReleaseRow {
  readonly platform: string;
  readonly node?: string;
  readonly state: "built" | "failed" | "cancelled";
  readonly digest?: string;
  readonly size?: number;
  readonly durationMs: number;
  readonly execution: "native" | "emulated";
  readonly cache?: { readonly steps: number; readonly cached: number };
  /** It was there already: finished by an earlier run or another machine, or in the image that the tag named. */
  readonly takenFrom?: "staging" | "release";
}

const TAKEN = { staging: "taken over", release: "unchanged" } as const;

const COLUMNS: readonly Column<ReleaseRow>[] = [
  { heading: "PLATFORM", cell: ({ platform }) => platform },
  {
    heading: "DIGEST",
    cell: ({ digest, state }) => digest ?? (state === "built" ? "-" : state),
    short: shortDigest,
  },
  {
    heading: "SIZE",
    cell: ({ size }) => (size === undefined ? "-" : formatBytes(size)),
    align: "right",
    drop: 1,
  },
  {
    heading: "TIME",
    cell: ({ durationMs, takenFrom }) => (takenFrom === undefined ? formatDuration(durationMs) : "-"),
    align: "right",
    drop: 2,
  },
  { heading: "RUNS", cell: ({ execution }) => execution },
  {
    heading: "CACHE",
    cell: ({ cache, takenFrom }) => {
      if (takenFrom !== undefined) return TAKEN[takenFrom];
      return cache === undefined ? "-" : `${cache.cached}/${cache.steps}`;
    },
    align: "right",
    drop: 3,
  },
];

/** The end report of a build: a table of the variants, the index, and what to pull. */
export function releaseTable(releases: readonly ReleaseView[], options: TableOptions): string {
  return releases.map((release) => block(release, options).join("\n")).join("\n\n");
}

function block({ name, variants, index, tags }: ReleaseView, options: TableOptions): readonly string[] {
  const { strong } = palette(options.colour);
  return [
    strong(clipMiddle(name, options.width)),
    ...renderTable(variants, COLUMNS, options),
    ...(index === undefined ? [] : [fact("index", fitted(index, options.width - 7), options)]),
    ...tags.map((row) => tagLine(row, options)),
    ...tags
      .filter(({ state }) => state !== "kept")
      .slice(0, 1)
      .map(({ tag }) => fact("pull", clipMiddle(`docker pull ${tag}`, options.width - 7), options)),
  ];
}

function tagLine({ tag, state, digest }: TagRow, options: TableOptions): string {
  if (state === "moved") return fact("tag", clipMiddle(tag, options.width - 7), options);
  const note = state === "kept" ? ` (kept: ${shortDigest(digest)})` : " (unchanged)";
  const room = Math.max(0, options.width - 7 - displayWidth(note));
  return fact("tag", clipMiddle(clipMiddle(tag, room) + note, options.width - 7), options);
}

function fact(name: string, text: string, options: TableOptions): string {
  return `${palette(options.colour).faint(name.padEnd(5))}  ${text}`;
}

function fitted(digest: string, width: number): string {
  return displayWidth(digest) <= width ? digest : shortDigest(digest);
}
