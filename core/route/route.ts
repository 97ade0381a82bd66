import type { Node } from "../buildkit/buildkit.ts";
import type { Variant } from "../plan/plan.ts";
import { fail, ok } from "../result.ts";
import type { Result } from "../result.ts";
import { candidateFinder, reasonsAgainst, type Considered } from "./candidates.ts";
import { estimateAll, type Durations, type Placeable } from "./estimate.ts";
import { schedule } from "./schedule.ts";

export type { RefusalReason } from "./candidates.ts";
export type { Durations } from "./estimate.ts";

/** Where a variant is built, and whether on the CPU itself or under emulation. */
export interface Route {
  readonly variant: Variant;
  readonly node: Node;
  readonly execution: "native" | "emulated";
  /** When it is expected to begin, and how long to take, from what past runs took; absent where nothing was scheduled. */
  readonly expected?: Expected;
}

/** Milliseconds from the beginning of the run. */
export interface Expected {
  readonly startMs: number;
  readonly durationMs: number;
  /** Is the duration known from past runs, or only assumed? */
  readonly isKnown: boolean;
}

/** No node may build this variant: every node that was considered, and why not. */
export interface RouteRefused {
  readonly kind: "route-refused";
  readonly variant: Variant;
  readonly considered: readonly Considered[];
}

export interface RouteOptions {
  /** What past runs took; absent: nothing is known. */
  readonly durations?: Durations;
  /** Builds at the same time, over all nodes; absent: as many as the nodes have room for. */
  readonly maxParallelism?: number;
  /** Names of nodes, or of builders that could not be reached, that get nothing. */
  readonly lost?: ReadonlySet<string>;
}

/**
 * Chooses a node for each variant, in the order of the variants: one of those that suit it best (see {@link candidateFinder}), so that
 * all are expected to be done soonest (see {@link schedule}). Whoever starts the variants of each node in the order of their expected
 * starts has that schedule. The same variants, nodes and durations give the same routes. `needs` that are not among the variants hold nobody up.
 * Nothing is routed where one variant cannot be: then every refusal is returned.
 */
export function routeVariants(
  variants: readonly Variant[],
  nodes: readonly Node[],
  options: RouteOptions = {},
): Result<readonly Route[], readonly RouteRefused[]> {
  const { lost = new Set() } = options;
  const findCandidates = candidateFinder(nodes, lost);
  const placeable = variants.flatMap((variant) => {
    const candidates = findCandidates(variant);
    return candidates === undefined ? [] : [{ variant, candidates }];
  });
  if (placeable.length === variants.length) return ok(placeAll(placeable, nodes, options));
  const refused = variants.filter((variant) => findCandidates(variant) === undefined);
  return fail(
    refused.map((variant) => ({
      kind: "route-refused",
      variant,
      considered: reasonsAgainst(variant, nodes, lost),
    })),
  );
}

/** What has become of a variant's node, and of others. */
export interface RerouteOptions {
  /** As in {@link RouteOptions}. */
  readonly lost?: ReadonlySet<string>;
  /** Names of nodes on which it came to nothing. */
  readonly tried?: ReadonlySet<string>;
  /** How much a node has to do; of equally good nodes the one with the least is taken, then the first. Absent: the first. */
  readonly load?: (node: Node) => number;
}

/**
 * Chooses a node for a variant that came to nothing elsewhere: by the same rules, but one where it was tried already only if there is no
 * other. Undefined where no node is left that may build it.
 */
export function rerouteVariant(
  variant: Variant,
  nodes: readonly Node[],
  { lost = new Set(), tried = new Set(), load = () => 0 }: RerouteOptions,
): Route | undefined {
  const candidates =
    candidateFinder(nodes, new Set([...lost, ...tried]))(variant) ?? candidateFinder(nodes, lost)(variant);
  const best = candidates?.nodes
    .flatMap((at) => nodes[at] ?? [])
    .reduce((least, node) => (load(node) < load(least) ? node : least));
  return best && candidates && { variant, node: best, execution: candidates.execution };
}

/** Milliseconds until the last variant is expected to be done. */
export function makespanOf(routes: readonly Route[]): number {
  return routes.reduce(
    (latest, { expected }) => Math.max(latest, expected === undefined ? 0 : endOf(expected)),
    0,
  );
}

function endOf({ startMs, durationMs }: Expected): number {
  return startMs + durationMs;
}

function placeAll(
  placeable: readonly Placeable[],
  nodes: readonly Node[],
  { durations, maxParallelism }: RouteOptions,
): readonly Route[] {
  const estimates = estimateAll(placeable, nodes, durations);
  const needs = needsOf(placeable.map(({ variant }) => variant));
  const tasks = estimates.map((estimate, at) => ({ ...estimate, needs: needs[at] ?? [] }));
  const slots = nodes.map(({ maxParallelism }) => maxParallelism);
  const placements = schedule(tasks, { slots, inTotal: maxParallelism ?? Infinity });
  return estimates.flatMap(({ variant, candidates, isKnown }, at) => {
    const placement = placements[at];
    const node = placement && nodes[placement.node];
    if (placement === undefined || node === undefined) return [];
    const { startMs, durationMs } = placement;
    const expected = {
      startMs,
      durationMs,
      isKnown: isKnown[candidates.nodes.indexOf(placement.node)] === true,
    };
    return [{ variant, node, execution: candidates.execution, expected }];
  });
}

/** For each variant the positions of those it has to wait for. */
function needsOf(variants: readonly Variant[]): readonly (readonly number[])[] {
  const positions = new Map(variants.map(({ id }, at) => [id, at]));
  return variants.map(({ needs = [] }) =>
    needs.map((id) => positions.get(id)).filter((at) => at !== undefined),
  );
}
