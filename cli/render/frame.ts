import { palette } from "../text/colour.ts";
import { plainLine } from "../text/safe.ts";
import { formatDuration, shortDigest } from "../text/units.ts";
import { displayWidth } from "../text/width.ts";
import { summarise } from "../describe.ts";
import { unreachable } from "../unreachable.ts";
import { countStates, rowsOf } from "./frame-rows.ts";
import { cell, lineOf, segment } from "./segments.ts";
import type { Palette } from "../text/colour.ts";
import type { Row } from "./frame-rows.ts";
import type { Progress, ReleaseProgress, VariantProgress, VariantState } from "./progress.ts";
import type { Segment } from "./segments.ts";

/** What a frame is drawn for: no line is wider than `width`, and there are no more than `height` of them. */
export interface FrameOptions {
  readonly width: number;
  readonly height: number;
  readonly nowMs: number;
  readonly colour: boolean;
  readonly redact: (text: string) => string;
}

interface Layout {
  readonly label: number;
  readonly execution: number;
  readonly text: number;
  /** 0 where the step counts have no column of their own. */
  readonly steps: number;
}

const SPINNER = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];
const SPINNER_MS = 120;
const ELAPSED = 6;
const STEPS = 12;
const GAP = segment("  ");
/** A step's text is not wider, so that the times stay near. */
const WIDEST_TEXT = 90;
/** From this width on, step counts have their own column. */
const ROOMY = 90;

const MARKS: Readonly<Record<VariantState, { readonly mark: string; readonly style: keyof Palette }>> = {
  waiting: { mark: "·", style: "faint" },
  building: { mark: "", style: "running" },
  confirming: { mark: "", style: "running" },
  built: { mark: "✔", style: "success" },
  failed: { mark: "✖", style: "error" },
  cancelled: { mark: "-", style: "warning" },
};

/** The live view of a run as lines of a screen: one a variant, log tails where there is room, and a sum at the end. */
export function frameOf(progress: Progress, options: FrameOptions): readonly string[] {
  if (options.height <= 0 || progress.variants.length === 0) return [];
  const rows = rowsOf(progress, { ...options, height: options.height - 1 });
  const layout = layoutOf(rows, options.width);
  const colours = palette(options.colour);
  return [...rows.map((row) => segmentsOf(row, layout, options)), sum(progress, options)].map((segments) =>
    lineOf(segments, options.width, colours),
  );
}

function layoutOf(rows: readonly Row[], width: number): Layout {
  const variants = rows.filter((row) => row.kind === "variant");
  const label = Math.max(0, ...variants.map((row) => displayWidth(row.label)));
  const execution = Math.max(0, ...variants.map((row) => row.variant.execution.length));
  const steps = width >= ROOMY ? STEPS : 0;
  const fixed = 2 + label + 2 + execution + 2 + (steps === 0 ? 0 : steps + 2) + 2 + ELAPSED;
  return { label, execution, steps, text: Math.min(WIDEST_TEXT, Math.max(0, width - fixed)) };
}

function segmentsOf(row: Row, layout: Layout, options: FrameOptions): readonly Segment[] {
  switch (row.kind) {
    case "release":
      return releaseLine(row.release);
    case "variant":
      return variantLine(row.variant, row.label, layout, options);
    case "tail":
      return [segment(`    │ ${row.text}`, "faint")];
    case "hidden":
      return [segment(`  ${row.text}`, "faint")];
    default:
      return unreachable(row);
  }
}

function releaseLine({ name, digest, tags }: ReleaseProgress): readonly Segment[] {
  const tag = tags.at(-1);
  const more = tags.length > 1 ? ` +${tags.length - 1}` : "";
  return [
    segment(name, "strong"),
    ...(digest === undefined ? [] : [segment(`  index ${shortDigest(digest)}`, "faint")]),
    ...(tag === undefined ? [] : [segment(`  ${tag}${more}`, "success")]),
  ];
}

function variantLine(
  variant: VariantProgress,
  label: string,
  layout: Layout,
  options: FrameOptions,
): readonly Segment[] {
  const { mark, style } = MARKS[variant.state];
  const steps = layout.steps === 0 ? [] : [GAP, cell(cachedSteps(variant), layout.steps, "faint", "right")];
  return [
    segment(`${mark === "" ? spinner(options.nowMs) : mark} `, style),
    cell(label, layout.label, variant.state === "waiting" ? "faint" : undefined),
    GAP,
    cell(variant.execution, layout.execution, variant.execution === "emulated" ? "warning" : undefined),
    GAP,
    cell(
      stateText(variant, layout, options.redact),
      layout.text,
      variant.state === "building" ? undefined : style,
    ),
    ...steps,
    GAP,
    cell(elapsed(variant, options.nowMs), ELAPSED, "faint", "right"),
  ];
}

function stateText(variant: VariantProgress, layout: Layout, redact: (text: string) => string): string {
  const { outcome, state } = variant;
  if (outcome?.kind === "failed") return redact(plainLine(summarise(outcome.failure)));
  if (outcome?.kind === "built") {
    const digest = outcome.published?.manifest.digest;
    if (layout.steps === 0) return cachedSteps(variant) || "built";
    return digest === undefined ? "built" : `built ${shortDigest(digest)}`;
  }
  if (state === "building") return variant.step ?? "starting";
  return state === "confirming" ? "pushed, being verified" : state;
}

function cachedSteps({ complete, cached }: VariantProgress): string {
  return complete === 0 ? "" : `${cached}/${complete} cached`;
}

function elapsed(variant: VariantProgress, nowMs: number): string {
  if (variant.durationMs !== undefined) return formatDuration(variant.durationMs);
  return variant.state === "waiting" ? "" : formatDuration(nowMs - variant.startedMs);
}

function sum(progress: Progress, options: FrameOptions): readonly Segment[] {
  const tags = progress.releases.reduce((total, { tags }) => total + tags.length, 0);
  const moved = tags === 0 ? "" : `, ${tags === 1 ? "1 tag" : `${tags} tags`} moved`;
  const end = progress.endedMs ?? options.nowMs;
  return [
    segment(formatDuration(end - progress.startedMs), "faint"),
    GAP,
    segment(countStates(progress.variants) + moved),
  ];
}

function spinner(nowMs: number): string {
  return SPINNER[Math.floor(nowMs / SPINNER_MS) % SPINNER.length] ?? "";
}
