import { Heap } from "./heap.ts";
import type { Order } from "./priority.ts";
import type { Site } from "./site.ts";
import type { Task } from "./task.ts";

/** Tasks that wait for a node, one queue for all that have the same candidates. */
export class Queues {
  readonly #ofTask: readonly Queue[];
  readonly #all: readonly Queue[];
  readonly #ofNode: readonly (readonly Queue[])[];
  readonly #sites: readonly Site[];
  readonly #hasRoom: boolean[];
  readonly #isBefore: Order;

  constructor(tasks: readonly Task[], isBefore: Order, sites: readonly Site[]) {
    this.#isBefore = isBefore;
    const queues = new Map<Task["candidates"], Queue>();
    this.#ofTask = tasks.map(({ candidates }) => {
      const queue = queues.get(candidates) ?? openQueue(candidates, isBefore);
      queues.set(candidates, queue);
      return queue;
    });
    this.#all = [...queues.values()];
    this.#sites = sites;
    this.#hasRoom = sites.map(() => true);
    this.#ofNode = sites.map((_, node) => this.#all.filter(({ nodes }) => nodes.has(node)));
  }

  add(at: number): void {
    this.#ofTask[at]?.waiting.push(at);
  }

  /** Takes the first task of which a candidate has room. */
  next(): number | undefined {
    let first: { readonly at: number; readonly queue: Queue } | undefined;
    for (const queue of this.#all) {
      const at = queue.free > 0 ? queue.waiting.peek() : undefined;
      if (at !== undefined && (first === undefined || this.#isBefore(at, first.at))) first = { at, queue };
    }
    return first?.queue.waiting.pop();
  }

  /** Notes whether the node has room now. */
  look(node: number, nowMs: number): void {
    const site = this.#sites[node];
    if (site === undefined) return;
    const hasRoom = site.earliest() <= nowMs;
    if (hasRoom === this.#hasRoom[node]) return;
    this.#hasRoom[node] = hasRoom;
    for (const queue of this.#ofNode[node] ?? []) queue.free += hasRoom ? 1 : -1;
  }
}

interface Queue {
  readonly nodes: ReadonlySet<number>;
  readonly waiting: Heap<number>;
  /** How many of the nodes have room. */
  free: number;
}

function openQueue({ nodes }: Task["candidates"], isBefore: (one: number, other: number) => boolean): Queue {
  return { nodes: new Set(nodes), waiting: new Heap(isBefore), free: nodes.length };
}
