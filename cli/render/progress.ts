import { formatPlatformFull } from "../../platforms/platform.ts";
import { formatReference } from "../../core/oci/reference.ts";
import { plainLine } from "../text/safe.ts";
import type { RunEvent, VariantOutcome } from "../../core/event.ts";
import { isStep, type Vertex } from "../../core/buildkit/status.ts";
import type { Route } from "../../core/route/route.ts";

/** What is known of a run so far: the state behind the live view. Kept cheap to update, since logs come by the ten thousand. */
export interface Progress {
  readonly variants: readonly VariantProgress[];
  readonly releases: readonly ReleaseProgress[];
  readonly startedMs: number;
  readonly endedMs: number | undefined;
}

export type VariantState = "waiting" | "building" | "confirming" | "built" | "failed" | "cancelled";

export interface VariantProgress {
  readonly id: string;
  readonly release: string;
  readonly platform: string;
  readonly execution: Route["execution"];
  readonly state: VariantState;
  readonly startedMs: number;
  readonly durationMs: number | undefined;
  /** Name of the step that started last and still runs, safe to show. */
  readonly step: string | undefined;
  /** Steps of the Dockerfile that are complete, and how many of them came from the cache. */
  readonly complete: number;
  readonly cached: number;
  /** The last lines of its log, raw: {@link tailOf} makes them safe. */
  readonly rawTail: readonly string[];
  readonly outcome: VariantOutcome | undefined;
}

export interface ReleaseProgress {
  readonly name: string;
  readonly digest: string | undefined;
  readonly tags: readonly string[];
}

/** Follows a run: `apply` each event, `current` is the state. */
export interface ProgressTracker {
  readonly current: Progress;
  apply(event: RunEvent): void;
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };
type Tracked = Mutable<VariantProgress> & {
  readonly vertexes: Map<string, Vertex>;
  readonly rawTail: string[];
};

const TAIL_LINES = 12;
/** Longer lines are cut before they are kept; no screen is wider. */
const TAIL_CHARACTERS = 2000;

/** Starts with a run of which nothing is known; `redact` replaces secret values in step names and logs. */
export function trackProgress(redact: (text: string) => string): ProgressTracker {
  const variants = new Map<string, Tracked>();
  const releases = new Map<string, Mutable<ReleaseProgress>>();
  const run: { startedMs: number; endedMs: number | undefined } = { startedMs: 0, endedMs: undefined };
  const apply = (event: RunEvent): void => {
    if (event.kind === "run-started") {
      run.startedMs = event.atMs;
      for (const route of event.routes) addRoute(route, event.atMs, variants, releases);
    } else if (event.kind === "run-ended") run.endedMs = event.atMs;
    else if ("variant" in event) applyToVariant(event, variants.get(event.variant), redact);
    else if (event.kind !== "node-dropped") applyToRelease(event, releases.get(event.release));
  };
  return {
    apply,
    get current() {
      return { ...run, variants: [...variants.values()], releases: [...releases.values()] };
    },
  };
}

/** The last `lines` lines of a variant's log, safe to show. */
export function tailOf(
  variant: VariantProgress,
  lines: number,
  redact: (text: string) => string,
): readonly string[] {
  if (lines <= 0) return [];
  const shown = variant.rawTail.map((line) => redact(plainLine(line))).filter((line) => line !== "");
  return shown.slice(-lines);
}

function addRoute(
  { variant, execution }: Route,
  startedMs: number,
  variants: Map<string, Tracked>,
  releases: Map<string, Mutable<ReleaseProgress>>,
): void {
  const { id, release } = variant;
  releases.set(release, { name: release, digest: undefined, tags: [] });
  variants.set(id, {
    id,
    release,
    platform: formatPlatformFull(variant.platform),
    execution,
    state: "waiting",
    startedMs,
    durationMs: undefined,
    step: undefined,
    complete: 0,
    cached: 0,
    rawTail: [],
    outcome: undefined,
    vertexes: new Map(),
  });
}

type VariantEvent = Extract<RunEvent, { readonly variant: string }>;
type ReleaseEvent = Extract<RunEvent, { readonly release: string }>;

function applyToVariant(
  event: VariantEvent,
  variant: Tracked | undefined,
  redact: (text: string) => string,
): void {
  if (variant === undefined) return;
  if (event.kind === "variant-started") start(variant, event.atMs);
  else if (event.kind === "variant-rerouted") restart(variant, event.to);
  else if (event.kind === "vertex") applyVertex(variant, event.vertex, redact);
  else if (event.kind === "log") keepTail(variant.rawTail, event.line, redact);
  else if (event.kind === "variant-pushed") variant.state = "confirming";
  else if (event.kind === "variant-done") finish(variant, event.outcome);
}

function start(variant: Tracked, atMs: number): void {
  variant.state = "building";
  variant.startedMs = atMs;
}

/** What an attempt that came to nothing has done counts no more. */
function restart(variant: Tracked, { execution }: Route): void {
  variant.execution = execution;
  variant.state = "waiting";
  variant.step = undefined;
  variant.vertexes.clear();
  variant.complete = 0;
  variant.cached = 0;
}

function applyVertex(variant: Tracked, vertex: Vertex, redact: (text: string) => string): void {
  variant.vertexes.set(vertex.digest, vertex);
  const all = [...variant.vertexes.values()];
  const complete = all.filter((each) => each.completedMs !== undefined && isStep(each));
  variant.complete = complete.length;
  variant.cached = complete.filter((each) => each.cached).length;
  const running = all.filter((each) => each.startedMs !== undefined && each.completedMs === undefined);
  const latest = running.toSorted((a, b) => (a.startedMs ?? 0) - (b.startedMs ?? 0)).at(-1);
  variant.step = latest === undefined ? undefined : redact(plainLine(latest.name));
}

function keepTail(tail: string[], line: string, redact: (text: string) => string): void {
  // The end is kept, where a progress bar has its last state; secrets are looked for before a cut could halve one.
  tail.push(line.length > TAIL_CHARACTERS ? redact(line).slice(-TAIL_CHARACTERS) : line);
  if (tail.length > TAIL_LINES) tail.shift();
}

function finish(variant: Tracked, outcome: VariantOutcome): void {
  variant.state = outcome.kind;
  variant.outcome = outcome;
  variant.durationMs = outcome.durationMs;
  variant.step = undefined;
  if (outcome.kind === "built") {
    variant.complete = outcome.cache.steps;
    variant.cached = outcome.cache.cached;
  }
}

function applyToRelease(event: ReleaseEvent, release: Mutable<ReleaseProgress> | undefined): void {
  if (release === undefined) return;
  if (event.kind === "release-stitched") release.digest = event.digest;
  if (event.kind === "tag-moved" || event.kind === "tag-unchanged")
    release.tags = [...release.tags, formatReference(event.tag)];
}
