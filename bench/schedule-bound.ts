import { candidateFinder, type Candidates } from "../core/route/candidates.ts";
import type { Instance } from "./schedule-instances.ts";

/** More groups of equal candidates than this are not tried in all combinations. */
const MAX_GROUPS = 12;

/** Milliseconds that no schedule can do without. */
export interface Bounds {
  /** All work over all slots, the longest variant, the longest chain of needs: as if any node could do anything natively. */
  readonly anywhere: number;
  /** That, and the work of variants over the slots of the nodes that may build them, for each set of such nodes. */
  readonly permitted: number;
  /** Builds that may be under way at a time. */
  readonly slots: number;
}

export function lowerBounds(instance: Instance): Bounds {
  const { variants, nodes, maxParallelism = Infinity } = instance;
  const costs = leastCosts(instance);
  const slotsOf = (chosen: Iterable<number>): number =>
    [...chosen].reduce((sum, at) => sum + (nodes[at]?.maxParallelism ?? 0), 0);
  const slots = Math.min(slotsOf(nodes.keys()), maxParallelism);
  const work = [...costs.values()].reduce((sum, { ms }) => sum + ms, 0);
  const ways = new Map<string, number>();
  for (const { id, needs = [] } of variants)
    ways.set(id, (costs.get(id)?.ms ?? 0) + Math.max(0, ...needs.map((need) => ways.get(need) ?? 0)));
  const anywhere = Math.max(
    work / slots,
    [...ways.values()].reduce((most, way) => Math.max(most, way), 0),
  );
  const groups = groupWork([...costs.values()]);
  const permitted = unions([...groups.keys()]).map((union) => {
    const inside = [...groups].filter(([candidates]) => candidates.nodes.every((at) => union.has(at)));
    return inside.reduce((sum, [, ms]) => sum + ms, 0) / slotsOf(union);
  });
  return { anywhere, permitted: Math.max(anywhere, ...permitted), slots };
}

interface Cost {
  readonly candidates: Candidates;
  readonly ms: number;
}

/** What each variant takes on the fastest of the nodes that may build it. */
function leastCosts({ variants, nodes, durations }: Instance): ReadonlyMap<string, Cost> {
  const find = candidateFinder(nodes, new Set());
  return new Map(
    variants.map((variant) => {
      const candidates = find(variant);
      if (candidates === undefined) throw new Error(`${variant.id} has no node`);
      const all = candidates.nodes.flatMap((at) => nodes[at] ?? []);
      const ms = all.map((node) => durations(variant, node, candidates.execution) ?? Infinity);
      return [variant.id, { candidates, ms: Math.min(...ms) }];
    }),
  );
}

function groupWork(costs: readonly Cost[]): ReadonlyMap<Candidates, number> {
  const groups = new Map<Candidates, number>();
  for (const { candidates, ms } of costs) groups.set(candidates, (groups.get(candidates) ?? 0) + ms);
  return groups;
}

/** The nodes of every combination of groups. */
function unions(groups: readonly Candidates[]): readonly ReadonlySet<number>[] {
  const found: ReadonlySet<number>[] = [];
  for (const { nodes } of groups.slice(0, MAX_GROUPS)) {
    const own = new Set(nodes);
    found.push(...found.map((union) => new Set([...union, ...own])), own);
  }
  return found;
}
