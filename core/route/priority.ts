import type { Task } from "./task.ts";

/** Does the one task, by its position, go before the other? */
export type Order = (one: number, other: number) => boolean;

/** What has the longest way before it goes first (see {@link criticalPaths}); of equal ones the first in the list. */
export function longestFirst(paths: readonly number[]): Order {
  return (one, other) => {
    const difference = (paths[other] ?? 0) - (paths[one] ?? 0);
    return difference === 0 ? one < other : difference < 0;
  };
}

/** What has the smallest choice goes first, so that nobody takes its place who could have gone elsewhere. */
export function narrowestFirst(tasks: readonly Task[], otherwise: Order): Order {
  const choices = tasks.map(({ candidates }) => candidates.nodes.length);
  return (one, other) => {
    const difference = (choices[one] ?? 0) - (choices[other] ?? 0);
    return difference === 0 ? otherwise(one, other) : difference < 0;
  };
}

/** Which tasks wait for which, both ways. */
export interface Graph {
  /** How many others each task waits for. */
  readonly waitsFor: number[];
  /** Which tasks wait for each one. */
  readonly dependents: readonly (readonly number[])[];
}

export function graphOf(tasks: readonly Task[]): Graph {
  const dependents = tasks.map(() => new Array<number>());
  for (const [at, { needs }] of tasks.entries()) for (const need of needs) dependents[need]?.push(at);
  return { waitsFor: tasks.map(({ needs }) => needs.length), dependents };
}

/**
 * How long it takes from the start of each task to the end of all that wait for it, at best: what has the most behind it goes first.
 * Without `needs` that is its own duration: longest first.
 */
export function criticalPaths(tasks: readonly Task[], { waitsFor, dependents }: Graph): readonly number[] {
  const paths = tasks.map(({ ms }) => ms.reduce((least, each) => Math.min(least, each), Infinity));
  const left = [...waitsFor];
  const order = [...left.keys()].filter((at) => left[at] === 0);
  // The list grows while it is walked. Tasks that wait for each other in a circle never get into it.
  for (const at of order)
    for (const next of dependents[at] ?? []) {
      left[next] = (left[next] ?? 0) - 1;
      if (left[next] === 0) order.push(next);
    }
  for (const at of order.toReversed()) {
    const behind = (dependents[at] ?? []).reduce((most, next) => Math.max(most, paths[next] ?? 0), 0);
    paths[at] = (paths[at] ?? 0) + behind;
  }
  return paths;
}
