import { Heap } from "./heap.ts";
import { Lanes } from "./lanes.ts";
import { criticalPaths, graphOf, longestFirst, narrowestFirst, type Graph, type Order } from "./priority.ts";
import { Queues } from "./queues.ts";
import { chooseSite, Site } from "./site.ts";
import type { Placement, Room, Task } from "./task.ts";

/**
 * Places all tasks, one placement for each, in their order. Whenever there is room, the first task of a list goes to the candidate where it ends
 * first, be it that it has to wait there a while. So none of its candidates is idle while a task waits that all of them would build equally
 * fast: what list scheduling guarantees. Emulated tasks do not join another one while a candidate is free without. Of equally good nodes the
 * least busy one is taken, then the first. Needs that go in a circle are dropped.
 *
 * Two lists are tried. The one with the longest way first is hardly ever beaten where all tasks have the same candidates; where one
 * machine builds natively what no other does and could emulate the rest, long emulated tasks take its place in that list, and the other one is better.
 */
export function schedule(tasks: readonly Task[], room: Room): readonly Placement[] {
  const longest = longestFirst(criticalPaths(tasks, graphOf(tasks)));
  const first = new Simulation(tasks, room, longest).run();
  if (new Set(tasks.map(({ candidates }) => candidates.nodes.length)).size < 2) return first;
  const second = new Simulation(tasks, room, narrowestFirst(tasks, longest)).run();
  return lengthOf(second) < lengthOf(first) ? second : first;
}

/** When the last one ends. */
function lengthOf(placements: readonly Placement[]): number {
  return placements.reduce((end, { startMs, durationMs }) => Math.max(end, startMs + durationMs), 0);
}

class Simulation {
  readonly #tasks: readonly Task[];
  readonly #graph: Graph;
  readonly #sites: readonly Site[];
  readonly #total: Lanes;
  readonly #queues: Queues;
  readonly #ends = new Heap<{ readonly at: number; readonly atMs: number }>(
    (one, other) => one.atMs < other.atMs,
  );
  readonly #placements = new Map<number, Placement>();

  constructor(tasks: readonly Task[], { slots, inTotal }: Room, isBefore: Order) {
    // Room for more than there are tasks is never used.
    const atMost = (wanted: number): number => Math.min(wanted, tasks.length);
    this.#tasks = tasks;
    this.#graph = graphOf(tasks);
    this.#sites = slots.map((count) => new Site(atMost(count)));
    this.#total = new Lanes(atMost(inTotal));
    this.#queues = new Queues(tasks, isBefore, this.#sites);
  }

  run(): readonly Placement[] {
    for (const [at, waits] of this.#graph.waitsFor.entries()) if (waits === 0) this.#release(at);
    this.#startAll(0);
    let nowMs = 0;
    while (this.#placements.size < this.#tasks.length) {
      const end = this.#ends.peek();
      nowMs = end?.atMs ?? nowMs;
      if (end === undefined) this.#releaseAll();
      else this.#endAll(nowMs);
      this.#startAll(nowMs);
    }
    return this.#tasks.map((_, at) => placed(this.#placements.get(at)));
  }

  #release(at: number): void {
    // Once and for all: what ends later does not count it down to nothing again.
    this.#graph.waitsFor[at] = Infinity;
    this.#queues.add(at);
  }

  /** What is left when nothing is under way waits for itself. */
  #releaseAll(): void {
    for (const at of this.#tasks.keys()) if (Number.isFinite(this.#graph.waitsFor[at])) this.#release(at);
  }

  #startAll(nowMs: number): void {
    while (this.#total.earliest() <= nowMs) {
      const at = this.#queues.next();
      const task = at === undefined ? undefined : this.#tasks[at];
      if (at === undefined || task === undefined) return;
      this.#start(at, task, placed(chooseSite(task, this.#sites, nowMs)));
      this.#queues.look(this.#placements.get(at)?.node ?? -1, nowMs);
    }
  }

  #start(at: number, task: Task, placement: Placement): void {
    const { node, startMs, durationMs } = placement;
    this.#placements.set(at, placement);
    this.#total.take(startMs, startMs + durationMs);
    this.#sites[node]?.take(task, placement);
    this.#ends.push({ at, atMs: startMs + durationMs });
  }

  /** All that ends at one moment, before anything else begins. */
  #endAll(nowMs: number): void {
    for (let end = this.#ends.peek(); end?.atMs === nowMs; end = this.#ends.peek()) {
      this.#ends.pop();
      this.#queues.look(this.#placements.get(end.at)?.node ?? -1, nowMs);
      for (const next of this.#graph.dependents[end.at] ?? []) {
        const waits = (this.#graph.waitsFor[next] ?? 0) - 1;
        this.#graph.waitsFor[next] = waits;
        if (waits === 0) this.#release(next);
      }
    }
  }
}

function placed(placement: Placement | undefined): Placement {
  if (placement === undefined) throw new Error("Internal error: a build has no place");
  return placement;
}
