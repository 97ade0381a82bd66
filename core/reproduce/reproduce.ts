import { systemTiming } from "../registry/timing.ts";
import type { Timing } from "../registry/retry.ts";
import type { BuildKit, SolveFailure } from "../buildkit/buildkit.ts";
import type { RunEvent, VariantOutcome } from "../event.ts";
import type { Finding } from "../findings/finding.ts";
import type { Digest } from "../oci/digest.ts";
import type { Build } from "../plan/build.ts";
import type { Plan } from "../plan/plan.ts";
import type { SourceFile } from "../plan/source.ts";
import type { ConfirmFailure } from "../publish/confirm.ts";
import type { StoreFailure } from "../registry/store.ts";
import type { Result } from "../result.ts";
import { openRooms, type Rooms } from "../rooms.ts";
import type { Route } from "../route/route.ts";
import { StepWatch } from "../step-watch.ts";
import { compareImages } from "./compare-images.ts";
import type { ImageDifference, Pair } from "./difference.ts";
import { findDifferences } from "./findings.ts";
import { levelsOf } from "./levels.ts";
import { solveOnce, type BuiltImage } from "./solve-once.ts";

/** A routed plan, and the world to build it in, twice. */
export interface ReproduceOptions {
  readonly plan: Pick<Plan, "maxParallelism">;
  readonly routes: readonly Route[];
  readonly buildkit: BuildKit;
  /** The Dockerfile of a build where it can be read here: findings then name its lines. */
  readonly readDockerfile: (build: Build) => Promise<SourceFile | undefined>;
  readonly onEvent: (event: RunEvent) => void;
  readonly signal: AbortSignal;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** For waits; the real clock unless a test has its own. */
  readonly timing?: Pick<Timing, "sleep">;
}

/** What came of building one variant twice. */
export interface Reproduced {
  readonly route: Route;
  readonly outcome: ReproduceOutcome;
}

export type ReproduceOutcome =
  /** Digest of both image manifests. */
  | { readonly kind: "same"; readonly digest: Digest }
  | {
      readonly kind: "different";
      readonly digests: Pair<Digest>;
      readonly difference: ImageDifference;
      readonly findings: readonly Finding[];
    }
  /** One of the builds failed, or its result could not be read. */
  | { readonly kind: "failed"; readonly failure: ReproduceFailure }
  /** `because`: the variant that it is built from and that is not there. */
  | { readonly kind: "cancelled"; readonly because?: string };

export type ReproduceFailure = SolveFailure | ConfirmFailure | StoreFailure;

interface World extends ReproduceOptions {
  readonly rooms: Rooms;
  readonly timing: Pick<Timing, "sleep">;
  /** The first builds of variants that others are built from. */
  readonly needed: Map<string, BuiltImage>;
}

/** Times in layers have whole seconds, those in ZIP files even ones: what writes a time must not write the same one twice by chance. */
const PAUSE_MS = 2_000;

/**
 * Builds every variant twice without a cache, and holds the two images against each other; nothing is pushed. All first builds end
 * before a second one begins: BuildKit runs a step once for all solves that ask for it at the same time, those of other platforms too.
 * What is built from another image is built from the first build of that, so that each variant answers for its own steps.
 */
export async function reproduce(options: ReproduceOptions): Promise<readonly Reproduced[]> {
  const { plan, routes, buildkit, onEvent, now, timing = systemTiming } = options;
  onEvent({ kind: "run-started", atMs: now(), routes, nodes: buildkit.nodes });
  const rooms = openRooms(buildkit.nodes, plan.maxParallelism);
  const world: World = { ...options, rooms, timing, needed: new Map() };
  const outcomes = new Map<string, ReproduceOutcome>();
  try {
    for (const level of levelsOf(routes))
      for (const { route, outcome } of await buildTwice(level, world))
        outcomes.set(route.variant.id, outcome);
  } finally {
    for (const image of world.needed.values()) await image.remove();
  }
  const isSame = routes.every(({ variant }) => outcomes.get(variant.id)?.kind === "same");
  onEvent({ kind: "run-ended", atMs: now(), ok: isSame });
  return routes.map((route) => ({ route, outcome: outcomes.get(route.variant.id) ?? { kind: "cancelled" } }));
}

type Solved = Result<BuiltImage, ReproduceFailure>;

/** Variants that do not need each other. */
async function buildTwice(routes: readonly Route[], world: World): Promise<readonly Reproduced[]> {
  const startedMs = world.now();
  const lacking = new Map(routes.map((route) => [route.variant.id, lackingOf(route, world)]));
  const ready = routes.filter(({ variant }) => lacking.get(variant.id) === undefined);
  const watches = new Map(ready.map(({ variant }) => [variant.id, new StepWatch(variant.id, world)]));
  const first = await solveAll(ready, watches, world);
  const built = ready.filter(({ variant }) => first.get(variant.id)?.ok === true);
  if (built.length > 0) await world.timing.sleep(PAUSE_MS, world.signal);
  const second = await solveAll(built, watches, world);
  const ended: Reproduced[] = [];
  for (const route of routes) {
    const { id } = route.variant;
    const because = lacking.get(id);
    const outcome: ReproduceOutcome =
      because === undefined
        ? await compare(route, [first.get(id), second.get(id)], world)
        : { kind: "cancelled", because };
    ended.push({ route, outcome });
    const told = toldOutcome(outcome, { durationMs: world.now() - startedMs, watch: watches.get(id) });
    for (const finding of outcome.kind === "different" ? outcome.findings : [])
      world.onEvent({ kind: "variant-finding", atMs: world.now(), variant: id, finding });
    world.onEvent({ kind: "variant-done", atMs: world.now(), variant: id, outcome: told });
  }
  return ended;
}

function lackingOf({ variant }: Route, { needed }: World): string | undefined {
  return variant.needs?.find((need) => !needed.has(need));
}

async function solveAll(
  routes: readonly Route[],
  watches: ReadonlyMap<string, StepWatch>,
  world: World,
): Promise<ReadonlyMap<string, Solved>> {
  const solved = await Promise.all(
    routes.map(async (route): Promise<readonly [string, Solved]> => {
      const { id } = route.variant;
      const order = route.expected?.startMs ?? 0;
      const held = await world.rooms.hold({ node: route.node.name, order }, async () => {
        world.onEvent({ kind: "variant-started", atMs: world.now(), variant: id });
        return await solveOnce(route, { ...world, watch: watches.get(id) });
      });
      if (held === "lost") throw new Error("Internal error: nodes are not dropped here");
      return [id, held];
    }),
  );
  return new Map(solved);
}

async function compare(
  { variant }: Route,
  [first, second]: readonly [Solved | undefined, Solved | undefined],
  world: World,
): Promise<ReproduceOutcome> {
  const { id, build } = variant;
  try {
    for (const solved of [first, second]) if (solved?.ok === false) return ended(solved.error, world);
    if (first?.ok !== true || second?.ok !== true) return { kind: "cancelled" };
    const [one, other] = [first.value, second.value];
    const compared = await compareImages(one, other, world.signal);
    if (!compared.ok) return ended(compared.error, world);
    if (compared.value === undefined) return { kind: "same", digest: one.manifest };
    const image = await toVerify(variant, one, world);
    const difference = compared.value;
    const findings = findDifferences(difference, image, build);
    return { kind: "different", digests: [one.manifest, other.manifest], difference, findings };
  } finally {
    if (second?.ok === true) await second.value.remove();
    if (first?.ok === true) await keepWhereNeeded(id, first.value, world);
  }
}

function ended(failure: ReproduceFailure, { signal }: World): ReproduceOutcome {
  return signal.aborted ? { kind: "cancelled" } : { kind: "failed", failure };
}

async function keepWhereNeeded(id: string, image: BuiltImage, { routes, needed }: World): Promise<void> {
  if (routes.some(({ variant }) => variant.needs?.includes(id) === true)) needed.set(id, image);
  else await image.remove();
}

async function toVerify(
  { release, platform, build }: Route["variant"],
  { manifest, image }: BuiltImage,
  { readDockerfile }: World,
): Promise<Parameters<typeof findDifferences>[1]> {
  const dockerfile = await readDockerfile(build);
  const { target, args, contexts } = build;
  const request = { platform, args, contexts, ...(target === undefined ? {} : { target }) };
  const { config, layers } = image;
  return {
    reference: release,
    platform,
    manifest,
    config,
    layers,
    ...(dockerfile === undefined ? {} : { dockerfile, request }),
  };
}

/** As renderers know it: a variant whose images differ was built, and what is wrong with it is a finding. */
function toldOutcome(
  outcome: ReproduceOutcome,
  { durationMs, watch }: { readonly durationMs: number; readonly watch: StepWatch | undefined },
): VariantOutcome {
  if (outcome.kind === "failed" || outcome.kind === "cancelled") return { ...outcome, durationMs };
  return { kind: "built", cache: watch?.cacheUse() ?? { steps: 0, cached: 0 }, durationMs };
}
