import type { Node } from "../buildkit/buildkit.ts";
import type { Variant } from "../plan/plan.ts";
import type { Candidates } from "./candidates.ts";

/** How long a variant's builds on a node took, in milliseconds; undefined where there was none. */
export type Durations = (variant: Variant, node: Node, execution: Execution) => number | undefined;

type Execution = Candidates["execution"];

/** A variant, and where it may be built. */
export interface Placeable {
  readonly variant: Variant;
  readonly candidates: Candidates;
}

/** What its build takes on each of the candidates, in their order. */
export interface Estimated extends Placeable {
  readonly ms: readonly number[];
  /** Which of them past runs tell; the others are assumed. */
  readonly isKnown: readonly boolean[];
}

/** A native build of which nothing is known, where nothing is known of any other one either. */
const ASSUMED_MS = 60_000;
/** Under QEMU a compiler takes five to ten times as long; fetching and copying do not. */
const EMULATED_FACTOR = 5;

/**
 * How long each variant takes on its candidates. What past runs do not tell of a node is taken from what they tell of the other candidates;
 * where they tell of none, a variant is assumed to be like the others of the plan: their median, times a factor where it is emulated.
 */
export function estimateAll(
  placeable: readonly Placeable[],
  nodes: readonly Node[],
  durations: Durations = () => undefined,
): readonly Estimated[] {
  const told = placeable.map((each) => toldOf(each, nodes, durations));
  const assume = assumptions(typicalMs(placeable, told));
  return placeable.map((each, index) => ({ ...each, ...(complete(told[index]) ?? assume(each.candidates)) }));
}

type Guess = Pick<Estimated, "ms" | "isKnown">;
/** Undefined where past runs tell nothing of a candidate, or of none at all. */
type Told = readonly (number | undefined)[] | undefined;

function toldOf(
  { variant, candidates: { nodes: positions, execution } }: Placeable,
  nodes: readonly Node[],
  durations: Durations,
): Told {
  const told = positions.map((at) => {
    const node = nodes[at];
    const ms = node && durations(variant, node, execution);
    return ms !== undefined && Number.isFinite(ms) && ms >= 0 ? ms : undefined;
  });
  return told.some((ms) => ms !== undefined) ? told : undefined;
}

/** What a native build of this plan takes. */
function typicalMs(placeable: readonly Placeable[], told: readonly Told[]): number {
  const all = placeable.flatMap(({ candidates }, index) =>
    (told[index] ?? []).flatMap((ms) => (ms === undefined ? [] : [ms / factorOf(candidates)])),
  );
  return median(all) ?? ASSUMED_MS;
}

/** Nodes that nothing is told of are like the others. */
function complete(told: Told): Guess | undefined {
  const otherwise = median((told ?? []).filter((ms) => ms !== undefined));
  if (told === undefined || otherwise === undefined) return undefined;
  return { ms: told.map((ms) => ms ?? otherwise), isKnown: told.map((ms) => ms !== undefined) };
}

/** One guess for all that have the same candidates: there may be thousands. */
function assumptions(typicalMs: number): (candidates: Candidates) => Guess {
  const made = new Map<Candidates, Guess>();
  return (candidates) => {
    const ms = Math.round(typicalMs * factorOf(candidates));
    const { nodes } = candidates;
    const guess = made.get(candidates) ?? { ms: nodes.map(() => ms), isKnown: nodes.map(() => false) };
    made.set(candidates, guess);
    return guess;
  };
}

function factorOf({ execution }: Candidates): number {
  return execution === "emulated" ? EMULATED_FACTOR : 1;
}

/** The lower one of the two in the middle, where there are two. */
function median(values: readonly number[]): number | undefined {
  return values.toSorted((one, other) => one - other)[(values.length - 1) >> 1];
}
