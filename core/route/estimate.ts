import type { Node } from "../buildkit/buildkit.ts";
import type { Variant } from "../plan/plan.ts";
import type { Candidates } from "./candidates.ts";

/** How long a variant's builds on a node took, in milliseconds; undefined where there was none. */
export type Durations = (variant: Variant, node: Node, execution: Execution) => number | undefined;

type Execution = Candidates["execution"];

/** What a build takes on each of its candidates, in their order. */
export interface Estimate {
  readonly ms: readonly number[];
  /** Which of them past runs tell; the others are assumed. */
  readonly isKnown: readonly boolean[];
}

/** A native build of which nothing is known, where nothing is known of any other one either. */
const ASSUMED_MS = 60_000;
/** Under QEMU a compiler takes five to ten times as long; fetching and copying do not. */
const EMULATED_FACTOR = 5;

/** A variant and where it may be built. */
interface Placed {
  readonly variant: Variant;
  readonly candidates: Candidates;
}

/**
 * How long each variant takes on its candidates. What past runs do not tell of a node is taken from what they tell of the other candidates;
 * where they tell of none, a variant is assumed to be like the others of the plan: their median, times a factor where it is emulated.
 */
export function estimateAll(
  placed: readonly Placed[],
  nodes: readonly Node[],
  durations: Durations | undefined,
): readonly Estimate[] {
  const known = durations === undefined ? [] : placed.map((each) => knownOf(each, nodes, durations));
  const assumedMs = typicalOf(placed, known);
  const assumed = assumedFor(assumedMs);
  return placed.map(({ candidates }, index) => {
    const ms = known[index] ?? [];
    const told = ms.filter((each) => each !== undefined);
    if (told.length === 0) return assumed(candidates);
    const otherwise = median(told);
    return { ms: ms.map((each) => each ?? otherwise), isKnown: ms.map((each) => each !== undefined) };
  });
}

function knownOf(
  { variant, candidates: { nodes: positions, execution } }: Placed,
  nodes: readonly Node[],
  durations: Durations,
): readonly (number | undefined)[] {
  return positions.map((at) => {
    const node = nodes[at];
    const ms = node && durations(variant, node, execution);
    return ms !== undefined && Number.isFinite(ms) && ms >= 0 ? ms : undefined;
  });
}

/** What a native build of this plan takes. */
function typicalOf(placed: readonly Placed[], known: readonly (readonly (number | undefined)[])[]): number {
  const all = known.flatMap((ms, index) =>
    ms.flatMap((each) => (each === undefined ? [] : [each / factorOf(placed[index]?.candidates)])),
  );
  return all.length === 0 ? ASSUMED_MS : median(all);
}

/** One estimate for all that have the same candidates: there may be thousands. */
function assumedFor(assumedMs: number): (candidates: Candidates) => Estimate {
  const made = new Map<Candidates, Estimate>();
  return (candidates) => {
    const ms = Math.round(assumedMs * factorOf(candidates));
    const estimate = made.get(candidates) ?? {
      ms: candidates.nodes.map(() => ms),
      isKnown: candidates.nodes.map(() => false),
    };
    made.set(candidates, estimate);
    return estimate;
  };
}

function factorOf(candidates: Candidates | undefined): number {
  return candidates?.execution === "emulated" ? EMULATED_FACTOR : 1;
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((one, other) => one - other);
  return sorted[Math.floor((sorted.length - 1) / 2)] ?? 0;
}
