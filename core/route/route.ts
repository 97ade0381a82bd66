import type { Node } from "../buildkit/buildkit.ts";
import type { Variant } from "../plan/plan.ts";
import { fail, ok } from "../result.ts";
import type { Result } from "../result.ts";
import { candidateFinder, reasonsAgainst, type Candidates, type RefusalReason } from "./candidates.ts";
import { estimateAll, type Durations, type Estimate } from "./estimate.ts";
import { schedule } from "./schedule.ts";
import type { Placement } from "./task.ts";

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
  readonly considered: readonly { readonly node: string; readonly why: RefusalReason }[];
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
  { durations, maxParallelism, lost = new Set() }: RouteOptions = {},
): Result<readonly Route[], readonly RouteRefused[]> {
  const findCandidates = candidateFinder(nodes, lost);
  const placed = variants.flatMap((variant) => {
    const candidates = findCandidates(variant);
    return candidates === undefined ? [] : [{ variant, candidates }];
  });
  if (placed.length < variants.length) {
    const refused = variants.filter((variant) => findCandidates(variant) === undefined);
    return fail(refused.map((variant) => refuse(variant, nodes, lost)));
  }
  const estimates = estimateAll(placed, nodes, durations);
  const needs = needsOf(variants);
  const placements = schedule(
    placed.map(({ candidates }, at) => ({ candidates, ms: estimates[at]?.ms ?? [], needs: needs[at] ?? [] })),
    {
      slots: nodes.map((node) => node.maxParallelism),
      ...(maxParallelism === undefined ? {} : { inTotal: maxParallelism }),
    },
  );
  return ok(
    placed.flatMap((each, at) => routeOf({ ...each, estimate: estimates[at] }, placements[at], nodes)),
  );
}

function routeOf(
  {
    variant,
    candidates: { nodes: positions, execution },
    estimate,
  }: { readonly variant: Variant; readonly candidates: Candidates; readonly estimate: Estimate | undefined },
  placement: Placement | undefined,
  nodes: readonly Node[],
): readonly Route[] {
  const node = nodes[placement?.node ?? -1];
  if (node === undefined || placement === undefined) return [];
  const { startMs, durationMs } = placement;
  const isKnown = estimate?.isKnown[positions.indexOf(placement.node)] ?? false;
  return [{ variant, node, execution, expected: { startMs, durationMs, isKnown } }];
}

/** For each variant the positions of those it has to wait for. */
function needsOf(variants: readonly Variant[]): readonly (readonly number[])[] {
  const positions = new Map(variants.map(({ id }, at) => [id, at]));
  return variants.map(({ needs = [] }) =>
    needs.map((id) => positions.get(id)).filter((at) => at !== undefined),
  );
}

function refuse(variant: Variant, nodes: readonly Node[], lost: ReadonlySet<string>): RouteRefused {
  return { kind: "route-refused", variant, considered: reasonsAgainst(variant, nodes, lost) };
}
