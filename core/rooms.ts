import type { Node } from "./buildkit/buildkit.ts";

/** Where a task wants to run, and how early: the smallest `order` goes first. */
export interface Wish {
  readonly node: string;
  readonly order: number;
}

/** Room for builds: so many at a time on each node, and so many in all. */
export interface Rooms {
  /** Runs the task once there is room; answers `lost` where the node has gone, or goes while the task waits. */
  hold<T>(wish: Wish, task: () => Promise<T>): Promise<T | "lost">;
  /** Nothing begins there any more. What runs there is not touched. */
  drop(node: string): void;
  /** How many builds are there, or wait to be. */
  load(node: string): number;
  /** Names of the nodes that were dropped. */
  lost(): ReadonlySet<string>;
}

interface Waiting extends Wish {
  readonly enter: (outcome: "room" | "lost") => void;
}

/** Opens the rooms of a run; `total` is how many builds there may be at a time on all nodes. */
export function openRooms(nodes: readonly Node[], total = Number.POSITIVE_INFINITY): Rooms {
  const sizes = new Map(nodes.map(({ name, maxParallelism }) => [name, maxParallelism]));
  const free = new Map(sizes);
  const lost = new Set<string>();
  const waiting: Waiting[] = [];
  let left = total;
  const next = (): Waiting | undefined =>
    left > 0 ? waiting.find(({ node }) => (free.get(node) ?? 0) > 0) : undefined;
  const admit = (): void => {
    for (let entering = next(); entering !== undefined; entering = next()) {
      waiting.splice(waiting.indexOf(entering), 1);
      take(entering.node, -1);
      entering.enter("room");
    }
  };
  const take = (node: string, by: 1 | -1): void => {
    free.set(node, (free.get(node) ?? 0) + by);
    left += by;
  };
  return {
    hold: async (wish, task) => {
      if (lost.has(wish.node)) return "lost";
      const entered = await new Promise<"room" | "lost">((enter) => {
        const at = waiting.findIndex(({ order }) => order > wish.order);
        waiting.splice(at < 0 ? waiting.length : at, 0, { ...wish, enter });
        admit();
      });
      if (entered === "lost") return "lost";
      try {
        return await task();
      } finally {
        take(wish.node, 1);
        admit();
      }
    },
    drop: (node) => {
      lost.add(node);
      for (const each of waiting.filter((one) => one.node === node)) {
        waiting.splice(waiting.indexOf(each), 1);
        each.enter("lost");
      }
    },
    load: (node) =>
      waiting.filter((one) => one.node === node).length + (sizes.get(node) ?? 0) - (free.get(node) ?? 0),
    lost: () => lost,
  };
}
