import { palette } from "../text/colour.ts";
import { plainLine } from "../text/safe.ts";
import { formatReference, formatRepository } from "../../core/oci/reference.ts";
import { summarise } from "../describe.ts";
import { count, formatBytes, formatDuration } from "../text/units.ts";
import { unreachable } from "../unreachable.ts";
import { failuresText, gatherFailures } from "./failures.ts";
import type { Palette } from "../text/colour.ts";
import { isStep, type Vertex } from "../../core/buildkit/status.ts";
import type { RunEvent, VariantOutcome } from "../../core/event.ts";
import type { TakenFrom } from "../../core/taking-over/take-over.ts";
import type { Finding } from "../../core/findings/finding.ts";
import type { Renderer, RendererOptions } from "./renderer.ts";

/** Work of BuildKit's own, loading and exporting, is told only where it costs something. */
const SLOW_MS = 1000;

/**
 * The view for pipes: one line an event, each after its variant's name in brackets, nothing ever drawn over. What failed is
 * told again at the end, where people look first.
 */
export function createLines(options: RendererOptions): Renderer {
  const failures = gatherFailures();
  const tell = createTeller(options);
  return {
    onEvent: (event) => {
      failures.apply(event);
      const text = prefixed(tell(event), options.colour);
      if (text !== "") options.stream.write(text);
    },
    end: async () => {
      const text = failuresText(failures, options);
      if (text !== "") options.stream.write(text);
    },
  };
}

/** What one event has to say, safe to show. */
export interface Told {
  /** Of the variant, release or node that it is about. */
  readonly name: string;
  /** Without a prefix; none where it says nothing, or nothing new. */
  readonly lines: readonly string[];
}

/** Puts events into words, in their order: some say only what has changed since an earlier one. */
export function createTeller({
  colour,
  redact,
}: Pick<RendererOptions, "colour" | "redact">): (event: RunEvent) => Told {
  const places = new Map<string, string>();
  const tools = {
    told: new Set<string>(),
    places,
    colours: palette(colour),
    safe: (text: string): string => redact(plainLine(text)),
  };
  return (event) => {
    if (event.kind === "run-ended") return NOTHING;
    if (event.kind === "run-started") {
      for (const { variant, node, execution } of event.routes)
        places.set(variant.id, `${node.name}, ${execution}`);
      return NOTHING;
    }
    if (event.kind === "variant-rerouted")
      places.set(event.variant, `${event.to.node.name}, ${event.to.execution}`);
    return { name: nameOf(event), lines: linesOf(event, tools) };
  };
}

const NOTHING: Told = { name: "", lines: [] };

/** What was told, each line after its name in brackets. */
export function prefixed({ name, lines }: Told, colour: boolean): string {
  const prefix = palette(colour).running(`[${plainLine(name)}]`);
  return lines.map((line) => `${prefix} ${line}`.trimEnd() + "\n").join("");
}

interface Tools {
  /** Which starts and ends of steps were told: BuildKit repeats a vertex with every change. */
  readonly told: Set<string>;
  /** Node and execution of each variant. */
  readonly places: ReadonlyMap<string, string>;
  readonly colours: Palette;
  readonly safe: (text: string) => string;
}

type Spoken = Exclude<RunEvent, { readonly kind: "run-started" | "run-ended" }>;

function nameOf(event: Spoken): string {
  if ("variant" in event) return event.variant;
  return event.kind === "node-dropped" ? `node ${event.node}` : event.release;
}

function linesOf(event: Spoken, tools: Tools): readonly string[] {
  const { colours, safe } = tools;
  switch (event.kind) {
    case "variant-started":
      return [`started on ${tools.places.get(event.variant) ?? "an unknown node"}`];
    case "variant-rerouted": {
      const { node, execution } = event.to;
      const again = event.from.node.name === node.name ? "again on" : "goes on";
      return [colours.warning(`${safe(summarise(event.why))}; ${again} ${node.name}, ${execution}`)];
    }
    case "node-dropped":
      return [colours.warning(`lost: ${safe(event.detail)}`)];
    case "variant-not-kept":
      return [
        colours.warning(
          `not kept for later runs: ${safe(summarise(event.cause))} (${formatReference(event.tag)})`,
        ),
      ];
    case "staging-left":
      return [
        `the registry does not remove staging tags: ${event.tags.map(formatReference).join(", ")} (see \`buildx-plan gc\`)`,
      ];
    case "variant-taken-over":
      return [`${TAKEN[event.from]} ${event.digest}`];
    case "vertex":
      return vertexLines(event.variant, event.vertex, tools);
    case "log":
      return [`${colours.faint("|")} ${safe(event.line)}`];
    case "warning": {
      const { file, line, message } = event.warning;
      const place = file === undefined ? "" : ` ${file}${line === undefined ? "" : `:${line}`}:`;
      return [colours.warning(`warning:${safe(place)} ${safe(message)}`)];
    }
    case "variant-pushed":
      return [`pushed ${event.digest}`];
    case "test-line":
      return [`${colours.faint("test |")} ${safe(event.line)}`];
    case "sign-line":
      return [`${colours.faint("cosign |")} ${safe(event.line)}`];
    case "variant-finding":
    case "release-finding":
      return findingLines(event.finding, tools);
    case "release-signed":
      return [`signed ${event.digest}`];
    case "variant-done":
      return [outcomeLine(event.outcome, colours, safe)];
    case "release-stitched":
      return [`index ${event.digest}`];
    case "index-put":
      return [`index pushed to ${formatRepository(event.repository)}`];
    case "tag-moved":
      return [colours.success(`tag moved: ${formatReference(event.tag)}`)];
    case "tag-unchanged":
      return [`tag named it already: ${formatReference(event.tag)}`];
    case "tag-kept":
      return [colours.warning(`tag kept as it was: ${formatReference(event.tag)}`)];
    case "tag-overtaken":
      return [colours.warning(overtakenLine(event))];
    default:
      return unreachable(event);
  }
}

function overtakenLine({
  tag,
  digest,
  restored,
}: Extract<RunEvent, { readonly kind: "tag-overtaken" }>): string {
  const where = formatReference(tag);
  return restored
    ? `tag moved again: ${where}: a run that releases an older revision had moved it back to ${digest}`
    : `tag moved on: ${where}: another run has given it ${digest} since`;
}

const TAKEN: Readonly<Record<TakenFrom, string>> = {
  staging: "finished before, taken over:",
  release: "unchanged since the release that its tag names:",
};

/** What stops the release is told in full at its end. */
function findingLines(finding: Finding, { colours, safe }: Tools): readonly string[] {
  const { severity, message, rule, facts = [] } = finding;
  const paint = { error: colours.error, warning: colours.warning, note: colours.faint }[severity];
  const head = paint(`${severity}: ${safe(message)} [${rule}]`);
  return severity === "error" ? [head] : [head, ...facts.map((fact) => `  ${safe(fact)}`)];
}

function vertexLines(variant: string, vertex: Vertex, { told, colours, safe }: Tools): readonly string[] {
  const { name, startedMs, completedMs, error } = vertex;
  // By name: BuildKit may solve one step as several vertexes, or look at one again and again.
  const key = `${variant} ${name}`;
  const isTold = (moment: string): boolean => told.has(`${key} ${moment}`);
  const tell = (moment: string): void => void told.add(`${key} ${moment}`);
  const shown = safe(name);
  if (completedMs === undefined) {
    if (startedMs === undefined || !isStep(vertex) || isTold("started") || isTold("completed")) return [];
    tell("started");
    return [colours.strong(shown)];
  }
  const took = completedMs - (startedMs ?? completedMs);
  if (!isStep(vertex) && took < SLOW_MS && error === undefined) return [];
  if (isTold("completed") && error === undefined) return [];
  tell("completed");
  return [`${shown} ${howEnded(vertex, took, colours)}`];
}

function howEnded(vertex: Vertex, tookMs: number, colours: Palette): string {
  if (vertex.error !== undefined) return colours.error(`FAILED after ${formatDuration(tookMs)}`);
  return vertex.cached ? colours.faint("CACHED") : colours.faint(`done in ${formatDuration(tookMs)}`);
}

function outcomeLine(outcome: VariantOutcome, colours: Palette, safe: (text: string) => string): string {
  const time = formatDuration(outcome.durationMs);
  if (outcome.kind === "cancelled" && outcome.because !== undefined)
    return colours.warning(`not built: it is built from ${outcome.because}, which is not there`);
  if (outcome.kind === "cancelled") return colours.warning(`cancelled after ${time}`);
  if (outcome.kind === "failed")
    return colours.error(`failed after ${time}: ${safe(summarise(outcome.failure))}`);
  const { steps, cached } = outcome.cache;
  const bytes = outcome.published?.size;
  const size = bytes === undefined ? "" : `, ${formatBytes(bytes)}`;
  if (outcome.takenFrom !== undefined) return colours.success(`there already${size}`);
  return colours.success(`built in ${time}, ${cached} of ${count(steps, "step")} cached${size}`);
}
