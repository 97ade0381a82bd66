import type { BuildKit, BuildResult, ImageResult, SolveFailure } from "./buildkit/buildkit.ts";
import { isStep, type SolveStatus, type Vertex } from "./buildkit/status.ts";
import type { CacheUse, RunEvent, VariantOutcome } from "./event.ts";
import type { Digest } from "./oci/digest.ts";
import {
  confirmPresent,
  confirmVariant,
  type ConfirmFailure,
  type PublishedManifest,
} from "./publish/confirm.ts";
import type { Variant } from "./plan/plan.ts";
import type { Registry } from "./registry/registry.ts";
import { ok, type Result } from "./result.ts";
import type { Route } from "./route/route.ts";

/** The world as one variant's solve needs it. */
export interface SolveWorld {
  readonly buildkit: BuildKit;
  readonly registry: Registry;
  readonly onEvent: (event: RunEvent) => void;
  readonly signal: AbortSignal;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

function imageOf({ build: { repositories } }: Variant): ImageResult {
  return repositories.length === 0 ? { kind: "none" } : { kind: "push", repositories };
}

/** Builds one variant where its route says, and reads back what was pushed: the arrows `solve` and `confirm` of a single variant. */
export async function solveVariant(route: Route, world: SolveWorld): Promise<VariantOutcome> {
  const { variant } = route;
  const startedMs = world.now();
  const durationMs = (): number => world.now() - startedMs;
  const watch = new StepWatch(variant.id, world);
  if (world.signal.aborted) return end(world, variant.id, { kind: "cancelled", durationMs: 0 });
  world.onEvent({ kind: "variant-started", atMs: startedMs, variant: variant.id });
  const built = await world.buildkit.solve(
    {
      node: route.node,
      platform: variant.platform,
      build: variant.build,
      image: imageOf(variant),
      ...(variant.timeoutMs === undefined ? {} : { timeoutMs: variant.timeoutMs }),
    },
    (status) => watch.take(status),
    world.signal,
  );
  const published = built.ok ? await confirm(route, built.value, world) : built;
  if (published.ok) {
    const pushed = published.value === undefined ? {} : { published: published.value };
    return end(world, variant.id, {
      kind: "built",
      ...pushed,
      cache: watch.cacheUse(),
      durationMs: durationMs(),
    });
  }
  if (world.signal.aborted) return end(world, variant.id, { kind: "cancelled", durationMs: durationMs() });
  return end(world, variant.id, { kind: "failed", failure: published.error, durationMs: durationMs() });
}

function end(world: SolveWorld, variant: string, outcome: VariantOutcome): VariantOutcome {
  world.onEvent({ kind: "variant-done", atMs: world.now(), variant, outcome });
  return outcome;
}

/**
 * Reads back what was pushed: all of it in the first repository, and that the others hold the same digest. Answers undefined
 * where the plan pushes nothing.
 */
async function confirm(
  route: Route,
  built: BuildResult,
  world: SolveWorld,
): Promise<Result<PublishedManifest | undefined, SolveFailure | ConfirmFailure>> {
  const { id, platform, build } = route.variant;
  const { digest } = built;
  const [first, ...others] = build.repositories;
  if (digest === undefined || first === undefined) return ok(undefined);
  world.onEvent({ kind: "variant-pushed", atMs: world.now(), variant: id, digest });
  const { registry, signal } = world;
  const annotations = build.annotations.manifestDescriptor;
  const exported = built.exported ?? {};
  const [published, ...present] = await Promise.all([
    confirmVariant(registry.store(first), { variant: id, platform, digest, annotations, exported }, signal),
    ...others.map((repository) => confirmPresent(registry.store(repository), { digest }, signal)),
  ]);
  return present.find((each) => !each.ok) ?? published;
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
