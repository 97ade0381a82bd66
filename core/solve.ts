import { attempt, type Attempted } from "./attempts.ts";
import type { BuildResult, SolveFailure } from "./buildkit/buildkit.ts";
import { deliver, imageFor, storeOf, type Delivery, type DeliveryFailure } from "./deliver.ts";
import type { GateFailure, VariantToCheck } from "./gate.ts";
import { isOutOfReach, keptLayout, withLayout, withNeeds } from "./needs.ts";
import type { ConfirmedImage } from "./publish/confirm.ts";
import { fail, ok, type Result } from "./result.ts";
import type { Route } from "./route/route.ts";
import type { Solved, SolveWorld, VariantToSolve } from "./solve-world.ts";
import { StepWatch } from "./step-watch.ts";
import type { Circumstances } from "./taking-over/take-over.ts";
import { takeVariant } from "./taking.ts";

/**
 * Takes one variant over, or builds it where its route says and brings it to where it goes: the arrows `solve` and `confirm` of a
 * single variant.
 */
export async function solveVariant(toSolve: VariantToSolve, world: SolveWorld): Promise<Solved> {
  const { variant } = toSolve.route;
  const circumstances = circumstancesOf(toSolve);
  const found = await takeVariant(toSolve, circumstances, world);
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

async function build(
  toSolve: VariantToSolve,
  circumstances: Circumstances,
  world: SolveWorld,
): Promise<Solved> {
  const watch = new StepWatch(toSolve.route.variant.id, world);
  const { built, route, startedMs, layout } = await buildSomewhere(toSolve, watch, world);
  const there = { ...circumstances, node: route.node };
  const passed = built.ok ? await publish(route, built.value, { circumstances: there, world }) : built;
  const durationMs = world.now() - startedMs;
  if (!passed.ok && world.signal.aborted) return { route, outcome: { kind: "cancelled", durationMs } };
  if (!passed.ok) return { route, outcome: { kind: "failed", failure: passed.error, durationMs } };
  const { image, ...checked } = passed.value;
  if (image !== undefined)
    world.takeOver?.keep({ route, image, durationMs, circumstances: there, ...checked });
  const pushed = image === undefined ? {} : { published: image };
  const outcome = { kind: "built", ...pushed, cache: watch.cacheUse(), durationMs } as const;
  return { route, outcome, ...(layout === undefined ? {} : { layout }) };
}

interface BuiltSomewhere extends Attempted {
  /** The last attempt. */
  readonly startedMs: number;
  readonly layout?: string;
}

async function buildSomewhere(
  { route, needs, isNeeded }: VariantToSolve,
  watch: StepWatch,
  world: SolveWorld,
): Promise<BuiltSomewhere> {
  const { target } = world;
  const { variant } = route;
  const isHandedOn = isNeeded && isOutOfReach(variant, target);
  const own = isHandedOn ? withLayout(variant, target, await world.scratch()) : variant.build;
  const wanted = withNeeds(own, needs);
  let startedMs = world.now();
  const attempted = await attempt(route, world, async (at) => {
    startedMs = world.now();
    watch.begin();
    return await solve({ ...at, variant: { ...variant, build: wanted } }, watch, world);
  });
  if (!isHandedOn || !attempted.built.ok) return { ...attempted, startedMs };
  const { built, layout } = keptLayout(wanted, attempted.built.value);
  return { ...attempted, built: ok(built), startedMs, ...(layout === undefined ? {} : { layout }) };
}

interface Publishing {
  readonly circumstances: Circumstances;
  readonly world: SolveWorld;
}

/** Brings what was built to where it goes, and through its checks. */
async function publish(
  route: Route,
  built: BuildResult,
  { circumstances, world }: Publishing,
): Promise<Result<Passed, DeliveryFailure | GateFailure>> {
  const { variant } = route;
  const delivered = await deliver(variant, built, deliveryOf(route, world));
  if (!delivered.ok) return delivered;
  const image =
    delivered.value === undefined || world.takeOver === undefined
      ? delivered.value
      : await world.takeOver.mark(variant, delivered.value, circumstances);
  return await passGate(route, image, world);
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
