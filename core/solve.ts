import type { BuildKit, BuildResult, SolveFailure } from "./buildkit/buildkit.ts";
import { isStep, type SolveStatus, type Vertex } from "./buildkit/status.ts";
import { deliver, imageFor, storeOf, type Delivery, type Target } from "./deliver.ts";
import type { CacheUse, RunEvent, VariantOutcome } from "./event.ts";
import type { GateFailure, Gates, VariantToCheck } from "./gate.ts";
import type { Digest } from "./oci/digest.ts";
import type { ConfirmedImage } from "./publish/confirm.ts";
import { fail, ok, type Result } from "./result.ts";
import type { Route } from "./route/route.ts";

/** The world as one variant's solve needs it. */
export interface SolveWorld {
  readonly buildkit: BuildKit;
  readonly target: Target;
  /** What must hold before its tags move; nothing more than being confirmed where it is absent. */
  readonly gates?: Gates;
  /** See {@link Delivery.uploads}. */
  readonly uploads: Delivery["uploads"];
  /** Waits for room on the node, and holds it while the task runs: pushing what was built needs none. */
  readonly onNode: <T>(task: () => Promise<T>) => Promise<T>;
  readonly onEvent: (event: RunEvent) => void;
  readonly signal: AbortSignal;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/** Builds one variant where its route says, and brings it to where it goes: the arrows `solve` and `confirm` of a single variant. */
export async function solveVariant(route: Route, world: SolveWorld): Promise<VariantOutcome> {
  const { id } = route.variant;
  const watch = new StepWatch(id, world);
  let startedMs = world.now();
  const durationMs = (): number => world.now() - startedMs;
  const built = await world.onNode(async () => {
    startedMs = world.now();
    return await solve(route, watch, world);
  });
  const delivered = built.ok ? await deliver(route.variant, built.value, deliveryOf(route, world)) : built;
  const published = delivered.ok ? await passGate(route, delivered.value, world) : delivered;
  if (published.ok) {
    const pushed = published.value === undefined ? {} : { published: published.value };
    return end(world, id, { kind: "built", ...pushed, cache: watch.cacheUse(), durationMs: durationMs() });
  }
  if (world.signal.aborted) return end(world, id, { kind: "cancelled", durationMs: durationMs() });
  return end(world, id, { kind: "failed", failure: published.error, durationMs: durationMs() });
}

/** Looks into what was published, where it can be read again. */
async function passGate(
  route: Route,
  image: ConfirmedImage | undefined,
  { target, gates, onNode, onEvent, signal, now }: SolveWorld,
): Promise<Result<ConfirmedImage | undefined, GateFailure>> {
  const { id: variant, build } = route.variant;
  const store = storeOf(target, build.repositories);
  if (image === undefined || store === undefined || gates === undefined) return ok(image);
  const onFinding: VariantToCheck["onFinding"] = (finding) =>
    onEvent({ kind: "variant-finding", atMs: now(), variant, finding });
  const onLine = (line: string): void => onEvent({ kind: "test-line", atMs: now(), variant, line });
  const passed = await gates.variant({ route, image, store, onFinding, onLine, onNode, signal });
  return passed.ok ? ok(image) : passed;
}

async function solve(
  { variant, node }: Route,
  watch: StepWatch,
  { buildkit, target, onEvent, signal, now }: SolveWorld,
): Promise<Result<BuildResult, SolveFailure>> {
  if (signal.aborted) return fail({ kind: "solve-cancelled" });
  onEvent({ kind: "variant-started", atMs: now(), variant: variant.id });
  const { platform, build, timeoutMs } = variant;
  const limit = timeoutMs === undefined ? {} : { timeoutMs };
  const request = { node, platform, build, image: imageFor(variant, target), ...limit };
  return await buildkit.solve(request, (status) => watch.take(status), signal);
}

function deliveryOf({ variant }: Route, { target, uploads, onEvent, signal, now }: SolveWorld): Delivery {
  const onPushed: Delivery["onPushed"] = (digest) =>
    onEvent({ kind: "variant-pushed", atMs: now(), variant: variant.id, digest });
  return { target, uploads, signal, onPushed };
}

function end(world: SolveWorld, variant: string, outcome: VariantOutcome): VariantOutcome {
  world.onEvent({ kind: "variant-done", atMs: world.now(), variant, outcome });
  return outcome;
}

/** Turns the status of one solve into events, and counts what came from the cache. */
class StepWatch {
  readonly #variant: string;
  readonly #world: SolveWorld;
  readonly #vertexes = new Map<Digest, Vertex>();

  constructor(variant: string, world: SolveWorld) {
    this.#variant = variant;
    this.#world = world;
  }

  take(status: SolveStatus): void {
    const about = { atMs: this.#world.now(), variant: this.#variant };
    for (const vertex of status.vertexes) {
      this.#vertexes.set(vertex.digest, vertex);
      this.#world.onEvent({ kind: "vertex", ...about, vertex });
    }
    for (const { vertex, line } of status.logs) {
      const step = this.#vertexes.get(vertex)?.name ?? "";
      this.#world.onEvent({ kind: "log", ...about, vertex, step, line });
    }
    for (const warning of status.warnings) this.#world.onEvent({ kind: "warning", ...about, warning });
  }

  /** By name: BuildKit may solve one step as two vertexes and merge them when it sees that they are the same. */
  cacheUse(): CacheUse {
    const steps = new Map<string, boolean>();
    for (const vertex of this.#vertexes.values()) {
      if (isStep(vertex)) steps.set(vertex.name, vertex.cached || (steps.get(vertex.name) ?? false));
    }
    return { steps: steps.size, cached: [...steps.values()].filter(Boolean).length };
  }
}
