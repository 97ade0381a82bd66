import { clipMiddle, displayWidth } from "../text/width.ts";
import { tailOf } from "./progress.ts";
import type { Progress, ReleaseProgress, VariantProgress, VariantState } from "./progress.ts";

/** One line of a frame, before it is drawn. */
export type Row =
  | { readonly kind: "release"; readonly release: ReleaseProgress }
  | { readonly kind: "variant"; readonly variant: VariantProgress; readonly label: string }
  | { readonly kind: "tail"; readonly text: string }
  | { readonly kind: "hidden"; readonly text: string };

interface RowOptions {
  readonly width: number;
  readonly height: number;
  readonly redact: (text: string) => string;
}

/** Who is shown first where there is no room for all. */
const PRECEDENCE: readonly VariantState[] = [
  "building",
  "confirming",
  "failed",
  "built",
  "cancelled",
  "waiting",
];
const MOST_TAIL_LINES = 6;

/** How states are called in sums. */
export const STATE_NAMES: Readonly<Record<VariantState, string>> = {
  building: "building",
  confirming: "verifying",
  failed: "failed",
  built: "built",
  cancelled: "cancelled",
  waiting: "waiting",
};

/**
 * The rows of a frame, at most `height`: all variants under their releases with log tails in the room that is left, or, where
 * they do not fit, those that matter most and a line that counts the others.
 */
export function rowsOf(progress: Progress, options: RowOptions): readonly Row[] {
  const grouped = groupedRows(progress);
  return grouped.length <= options.height ? withTails(grouped, options) : selectedRows(progress, options);
}

/** `3 building, 1 failed, 4 waiting`: how many variants are in which state, those that matter most first. */
export function countStates(variants: readonly VariantProgress[]): string {
  return PRECEDENCE.flatMap((state) => {
    const amount = variants.filter((variant) => variant.state === state).length;
    return amount === 0 ? [] : [`${amount} ${STATE_NAMES[state]}`];
  }).join(", ");
}

function groupedRows(progress: Progress): readonly Row[] {
  return progress.releases.flatMap((release): readonly Row[] => [
    { kind: "release", release },
    ...progress.variants
      .filter((variant) => variant.release === release.name)
      .map((variant): Row => ({ kind: "variant", variant, label: variant.platform })),
  ]);
}

function selectedRows(progress: Progress, options: RowOptions): readonly Row[] {
  const ranked = progress.variants.toSorted(
    (a, b) => PRECEDENCE.indexOf(a.state) - PRECEDENCE.indexOf(b.state),
  );
  const fits = ranked.length <= options.height;
  const begun = ranked.filter(({ state }) => state !== "waiting");
  const chosen = new Set(fits ? ranked : begun.slice(0, Math.max(0, options.height - 1)));
  const shown = progress.variants.filter((variant) => chosen.has(variant));
  const rows = shown.map((variant): Row => ({
    kind: "variant",
    variant,
    label: fullLabel(variant, options.width),
  }));
  const hidden = ranked.filter((variant) => !chosen.has(variant));
  const line: readonly Row[] =
    hidden.length === 0 ? [] : [{ kind: "hidden", text: `+${countStates(hidden)}` }];
  return withTails([...rows, ...line].slice(0, Math.max(0, options.height)), options);
}

/** Release and platform in less than half the width: what is cut is the release, never the platform. */
function fullLabel({ release, platform }: VariantProgress, width: number): string {
  const room = Math.floor(width * 0.45) - displayWidth(platform) - 1;
  return room < 3 ? platform : `${clipMiddle(release, room)} ${platform}`;
}

/** Spreads the free lines evenly over the variants that are building, one line each in turn. */
function withTails(rows: readonly Row[], options: RowOptions): readonly Row[] {
  let room = Math.max(0, options.height - rows.length);
  const tails = rows.map((row) =>
    room > 0 && row.kind === "variant" && row.variant.state === "building"
      ? tailOf(row.variant, MOST_TAIL_LINES, options.redact)
      : [],
  );
  const given = tails.map(() => 0);
  for (let lines = 1; lines <= MOST_TAIL_LINES; lines += 1) {
    for (const [index, tail] of tails.entries()) {
      if (room === 0 || tail.length < lines) continue;
      given[index] = lines;
      room -= 1;
    }
  }
  return rows.flatMap((row, index): readonly Row[] => {
    const lines = given[index] ?? 0;
    const tail = lines === 0 ? [] : (tails[index]?.slice(-lines) ?? []);
    return [row, ...tail.map((text): Row => ({ kind: "tail", text }))];
  });
}
