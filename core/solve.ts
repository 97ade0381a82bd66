import { attempt } from "./attempts.ts";
import type { BuildKit, BuildResult, SolveFailure } from "./buildkit/buildkit.ts";
import { deliver, deliverTaken, imageFor, storeOf, type Delivery, type Target } from "./deliver.ts";
import type { RunEvent, VariantOutcome } from "./event.ts";
import type { GateFailure, Gates, VariantToCheck } from "./gate.ts";
import { handOver, isOutOfReach, withNeeds, type Need } from "./needs.ts";
import type { ConfirmedImage } from "./publish/confirm.ts";
import { fail, ok, type Result } from "./result.ts";
import type { Rooms } from "./rooms.ts";
import type { Route } from "./route/route.ts";
import { StepWatch } from "./step-watch.ts";
import type { Circumstances, Taken, TakenFromStaging, TakeOver } from "./take-over.ts";

/** The world as one variant's solve needs it. */
export interface SolveWorld {
  readonly buildkit: BuildKit;
  readonly target: Target;
  /** What must hold before its tags move; nothing more than being confirmed where it is absent. */
  readonly gates?: Gates;
  /** What was finished before; nothing is taken over where it is absent. */
  readonly takeOver?: TakeOver;
  /** Ids of the variants that are taken over only, and not built. */
  readonly joined: ReadonlySet<string>;
  /** A private folder of the run, for what one build hands to another. */
  readonly scratch: () => Promise<string>;
  /** See {@link Delivery.uploads}. */
  readonly uploads: Delivery["uploads"];
  readonly rooms: Rooms;
  readonly onEvent: (event: RunEvent) => void;
  readonly signal: AbortSignal;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/** What one variant is built from, and whether others wait for it. */
export interface VariantToSolve {
  readonly route: Route;
  readonly needs: readonly Need[];
  /** Is another variant built from it? */
  readonly isNeeded: boolean;
}

/** How a variant ended, and where it was built at last. */
export interface Solved {
  readonly route: Route;
  readonly outcome: VariantOutcome;
  /** Folder of the layout that it was handed over as, for those that are built from it. */
  readonly layout?: string;
}

/**
 * Takes one variant over, or builds it where its route says and brings it to where it goes: the arrows `solve` and `confirm` of a
 * single variant.
 */
export async function solveVariant(toSolve: VariantToSolve, world: SolveWorld): Promise<Solved> {
  const { variant } = toSolve.route;
  const circumstances = circumstancesOf(toSolve);
  const found = await find(toSolve, circumstances, world);
  const solved = found ?? (await build(toSolve, circumstances, world));
  const { outcome } = solved;
  world.onEvent({ kind: "variant-done", atMs: world.now(), variant: variant.id, outcome });
  return solved;
}

function circumstancesOf({ route, needs }: VariantToSolve): Circumstances {
  const digests = needs.flatMap(({ variant, digest }) =>
    digest === undefined ? [] : [[variant.id, digest] as const],
  );
  return { needs: new Map(digests), node: route.node };
}

type FailureOf = Extract<VariantOutcome, { readonly kind: "failed" }>["failure"];

/** Undefined: it has to be built. So it is where nobody can tell what is there, which is right in any case. */
async function find(
  { route, isNeeded }: VariantToSolve,
  circumstances: Circumstances,
  world: SolveWorld,
): Promise<Solved | undefined> {
  const { takeOver, joined, target, signal } = world;
  const { variant } = route;
  // What is handed over as a layout is in no registry.
  if (takeOver === undefined || (isNeeded && isOutOfReach(variant, target))) return undefined;
  const found = await takeOver.find(variant, circumstances);
  if (signal.aborted) return { route, outcome: { kind: "cancelled", durationMs: 0 } };
  const failed = (failure: FailureOf): Solved | undefined =>
    joined.has(variant.id) ? { route, outcome: { kind: "failed", failure, durationMs: 0 } } : undefined;
  if (!found.ok) return failed(found.error);
  if (found.value.kind === "taken") return await take(route, found.value, world);
  return failed({ ...found.value, kind: "variant-not-staged", variant: variant.id });
}

async function take(route: Route, taken: Taken, world: SolveWorld): Promise<Solved> {
  const { onEvent, now } = world;
  const { from, image } = taken;
  const startedMs = now();
  const { digest } = image.manifest;
  onEvent({ kind: "variant-taken-over", atMs: now(), variant: route.variant.id, from, digest });
  const where = taken.from === "staging" ? builtAt(route, taken) : route;
  const { target, uploads, signal } = world;
  const delivered = await deliverTaken(route.variant, image, { target, uploads, signal });
  const passed = delivered.ok && taken.from === "staging" ? await passAgain(where, taken, world) : delivered;
  const durationMs = now() - startedMs;
  if (!passed.ok) return { route: where, outcome: { kind: "failed", failure: passed.error, durationMs } };
  const cache = { steps: 0, cached: 0 };
  return { route: where, outcome: { kind: "built", published: image, cache, durationMs, takenFrom: from } };
}

function builtAt(route: Route, { built }: TakenFromStaging): Route {
  if (built === undefined) return route;
  return { ...route, node: { ...route.node, name: built.node }, execution: built.execution };
}

async function passAgain(
  route: Route,
  { image, checked }: TakenFromStaging,
  { gates, target, onEvent, signal, now }: SolveWorld,
): Promise<Result<void, GateFailure>> {
  const { id: variant, build: wanted } = route.variant;
  const store = storeOf(target, wanted.repositories);
  if (gates === undefined || store === undefined) return ok(undefined);
  const onFinding: VariantToCheck["onFinding"] = (finding) =>
    onEvent({ kind: "variant-finding", atMs: now(), variant, finding });
  const known = checked === undefined ? {} : { checked };
  return await gates.taken({ route, image, store, ...known, onFinding, signal });
}

async function build(
  { route, needs, isNeeded }: VariantToSolve,
  circumstances: Circumstances,
  world: SolveWorld,
): Promise<Solved> {
  const { target, takeOver } = world;
  const { variant } = route;
  const output =
    isNeeded && isOutOfReach(variant, target) ? handOver(variant, await world.scratch()) : undefined;
  const wanted = withNeeds(variant.build, needs);
  const outputs = output === undefined ? wanted.outputs : [...wanted.outputs, output];
  const watch = new StepWatch(variant.id, world);
  let startedMs = world.now();
  const { built, route: last } = await attempt(route, world, async (at) => {
    startedMs = world.now();
    watch.begin();
    return await solve({ ...at, variant: { ...variant, build: { ...wanted, outputs } } }, watch, world);
  });
  const there = { ...circumstances, node: last.node };
  const delivered = built.ok ? await deliver(variant, built.value, deliveryOf(last, world)) : built;
  const marked =
    delivered.ok && delivered.value !== undefined && takeOver !== undefined
      ? ok(await takeOver.mark(variant, delivered.value, there))
      : delivered;
  const passed = marked.ok ? await passGate(last, marked.value, world) : marked;
  const durationMs = world.now() - startedMs;
  const layout = output === undefined ? {} : { layout: output.dest };
  if (passed.ok) {
    const { image, checked } = passed.value;
    if (image !== undefined)
      takeOver?.keep({
        route: last,
        image,
        durationMs,
        circumstances: there,
        ...(checked === undefined ? {} : { checked }),
      });
    const pushed = image === undefined ? {} : { published: image };
    const cache = watch.cacheUse();
    return { route: last, outcome: { kind: "built", ...pushed, cache, durationMs }, ...layout };
  }
  if (world.signal.aborted) return { route: last, outcome: { kind: "cancelled", durationMs } };
  return { route: last, outcome: { kind: "failed", failure: passed.error, durationMs } };
}

interface Passed {
  readonly image: ConfirmedImage | undefined;
  readonly checked?: string;
}

/** Looks into what was published, where it can be read again. */
async function passGate(
  route: Route,
  image: ConfirmedImage | undefined,
  { target, gates, rooms, onEvent, signal, now }: SolveWorld,
): Promise<Result<Passed, GateFailure>> {
  const { id: variant, build: wanted } = route.variant;
  const store = storeOf(target, wanted.repositories);
  if (image === undefined || store === undefined || gates === undefined) return ok({ image });
  const onFinding: VariantToCheck["onFinding"] = (finding) =>
    onEvent({ kind: "variant-finding", atMs: now(), variant, finding });
  const onLine = (line: string): void => onEvent({ kind: "test-line", atMs: now(), variant, line });
  const wish = { node: route.node.name, order: 0 };
  const onNode: VariantToCheck["onNode"] = async (task) => {
    const held = await rooms.hold(wish, async () => ({ value: await task() }));
    // It will say itself that the node is gone.
    return held === "lost" ? await task() : held.value;
  };
  const passed = await gates.variant({ route, image, store, onFinding, onLine, onNode, signal });
  return passed.ok ? ok({ image, ...passed.value }) : passed;
}

async function solve(
  { variant, node, execution }: Route,
  watch: StepWatch,
  { buildkit, target, onEvent, signal, now }: SolveWorld,
): Promise<Result<BuildResult, SolveFailure>> {
  if (signal.aborted) return fail({ kind: "solve-cancelled" });
  onEvent({ kind: "variant-started", atMs: now(), variant: variant.id });
  const { platform, build: wanted, timeoutMs, stallMs } = variant;
  const request = {
    node,
    platform,
    build: wanted,
    image: imageFor(variant, target),
    isEmulated: execution === "emulated",
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
    ...(stallMs === undefined ? {} : { stallMs }),
  };
  return await buildkit.solve(request, (status) => watch.take(status), signal);
}

function deliveryOf({ variant }: Route, { target, uploads, onEvent, signal, now }: SolveWorld): Delivery {
  const onPushed: Delivery["onPushed"] = (digest) =>
    onEvent({ kind: "variant-pushed", atMs: now(), variant: variant.id, digest });
  return { target, uploads, signal, onPushed };
}
