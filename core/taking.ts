import { deliverTaken, storeOf } from "./deliver.ts";
import type { VariantOutcome } from "./event.ts";
import type { GateFailure, VariantToCheck } from "./gate.ts";
import { isOutOfReach } from "./needs.ts";
import { ok, type Result } from "./result.ts";
import type { Route } from "./route/route.ts";
import type { Solved, SolveWorld, VariantToSolve } from "./solve-world.ts";
import type { Circumstances, Taken, TakenFromStaging } from "./taking-over/take-over.ts";

type FailureOf = Extract<VariantOutcome, { readonly kind: "failed" }>["failure"];

/** Takes a variant over that is finished. Undefined: it has to be built. So it is where nobody can tell what is there, which is right in any case. */
export async function takeVariant(
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
  if (found.value.kind === "taken") {
    const solved = await take(route, found.value, world);
    if (found.value.from === "release" && solved.outcome.kind === "built")
      takeOver.keep({ route, image: found.value.image, durationMs: 0, circumstances, takenFrom: "release" });
    return solved;
  }
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
