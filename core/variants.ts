import type { Need } from "./needs.ts";
import type { Plan } from "./plan/plan.ts";
import type { Route } from "./route/route.ts";
import { solveVariant } from "./solve.ts";
import type { Solved, SolveWorld } from "./solve-world.ts";

/**
 * All variants of a run at once, as far as their nodes have room and what they need is there. One that fails stops no other but
 * those that are built from it, unless the plan says so: what is built can still be used.
 */
export async function solveVariants(
  routes: readonly Route[],
  { failFast }: Pick<Plan, "failFast">,
  world: SolveWorld,
): Promise<readonly Solved[]> {
  const stop = new AbortController();
  const signal = failFast === true ? AbortSignal.any([world.signal, stop.signal]) : world.signal;
  const needed = new Set(routes.flatMap(({ variant }) => variant.needs ?? []));
  const begun = new Map<string, Promise<Solved>>();
  const byId = new Map(routes.map((route) => [route.variant.id, route]));
  const solve = async (route: Route): Promise<Solved> => {
    const { id, needs = [], required } = route.variant;
    const solved = await Promise.all(needs.map((need) => begin(need)));
    const lacking = needs.find((_, at) => solved[at]?.outcome.kind !== "built");
    if (lacking !== undefined) return skipped(route, lacking, world);
    const toSolve = { route, needs: solved.flatMap(needOf), isNeeded: needed.has(id) };
    const ended = await solveVariant(toSolve, { ...world, signal });
    if (ended.outcome.kind === "failed" && required) stop.abort();
    return ended;
  };
  const begin = (id: string): Promise<Solved | undefined> => {
    const route = byId.get(id);
    if (route === undefined) return Promise.resolve(undefined);
    const known = begun.get(id);
    if (known !== undefined) return known;
    const solving = solve(route);
    begun.set(id, solving);
    return solving;
  };
  const early = routes.toSorted((one, other) => startOf(one) - startOf(other));
  for (const { variant } of early) void begin(variant.id);
  const ended = await Promise.all(routes.map(({ variant }) => begin(variant.id)));
  return ended.filter((each) => each !== undefined);
}

function startOf({ expected }: Route): number {
  return expected?.startMs ?? 0;
}

function needOf(solved: Solved | undefined): readonly Need[] {
  if (solved?.outcome.kind !== "built") return [];
  const { route, outcome, layout } = solved;
  const digest = outcome.published?.manifest.digest;
  return [
    {
      variant: route.variant,
      ...(digest === undefined ? {} : { digest }),
      ...(layout === undefined ? {} : { layout }),
    },
  ];
}

/** What it is built from is not there, which has been told of that one. */
function skipped(route: Route, because: string, { onEvent, now }: SolveWorld): Solved {
  const outcome = { kind: "cancelled", durationMs: 0, because } as const;
  onEvent({ kind: "variant-done", atMs: now(), variant: route.variant.id, outcome });
  return { route, outcome };
}
