import type { Candidates } from "./candidates.ts";

/** A build, as far as its place in time and on a node goes. */
export interface Task {
  readonly candidates: Candidates;
  /** Milliseconds on each of its candidates, in their order. */
  readonly ms: readonly number[];
  /** Positions of the tasks that must have ended before it begins. */
  readonly needs: readonly number[];
}

/** How many builds at a time there is room for: on each node, and on all together. */
export interface Room {
  readonly slots: readonly number[];
  readonly inTotal: number;
}

/** Where and when a task is done. */
export interface Placement {
  /** Position in the list of nodes. */
  readonly node: number;
  readonly startMs: number;
  readonly durationMs: number;
}
