import { setTimeout } from "node:timers/promises";
import { fail } from "../result.ts";
import type { BuildKit, Node, NodeLost } from "./buildkit.ts";

/** How a silent daemon is asked whether it is there. */
export interface Heartbeat {
  readonly ask: (node: Node, signal: AbortSignal) => Promise<boolean>;
  /** Ends early, and well, with the signal. */
  readonly sleep?: (ms: number, signal: AbortSignal) => Promise<void>;
}

/** Silence of all solves on a node before it is asked, in milliseconds. */
const EVERY_MS = 5_000;
/** Questions without an answer, one after the other, that make a node lost: a busy machine may miss one. */
const MISSES = 3;

/** The solves on one node, which all hear of it when it is lost. */
interface Heart {
  solves: number;
  isHeard: boolean;
  /** Aborted when nothing is solved there any more. */
  readonly idle: AbortController;
  readonly lost: AbortController;
}

/**
 * The same BuildKit, but a node that goes silent in the middle of a solve is lost after a while. Where packets are dropped, `buildctl` waits
 * without end: to it, a step that prints nothing looks the same. Whatever a solve reports is a sign of life; only without any is the daemon
 * asked.
 */
export function withHeartbeat(buildkit: BuildKit, heartbeat: Heartbeat): BuildKit {
  const hearts = new Map<string, Heart>();
  const heartOf = (node: Node): Heart => {
    const beating = hearts.get(node.name);
    if (beating !== undefined) return beating;
    const heart = { solves: 0, isHeard: true, idle: new AbortController(), lost: new AbortController() };
    hearts.set(node.name, heart);
    const { signal } = heart.idle;
    signal.addEventListener("abort", () => hearts.delete(node.name), { once: true });
    void beat(heart, node, heartbeat);
    return heart;
  };
  return {
    ...buildkit,
    solve: async (request, onStatus, signal) => {
      const heart = heartOf(request.node);
      heart.solves += 1;
      const either = AbortSignal.any([signal, heart.lost.signal]);
      const result = await buildkit.solve(request, (status) => hear(heart, () => onStatus(status)), either);
      leave(heart);
      const isLost = heart.lost.signal.aborted && !signal.aborted;
      return isLost && !result.ok && result.error.kind === "solve-cancelled"
        ? fail(silent(request.node))
        : result;
    },
  };
}

function hear(heart: Heart, then: () => void): void {
  heart.isHeard = true;
  then();
}

function leave(heart: Heart): void {
  heart.solves -= 1;
  if (heart.solves === 0) heart.idle.abort();
}

/** Until the node is idle or lost; a lost one is idle, too, so that whoever tries it again is watched anew. */
async function beat(heart: Heart, node: Node, { ask, sleep = rest }: Heartbeat): Promise<void> {
  const { signal } = heart.idle;
  for (let misses = 0; misses < MISSES;) {
    await sleep(EVERY_MS, signal);
    if (signal.aborted) return;
    const isThere = heart.isHeard || (await ask(node, signal)) || heart.isHeard;
    heart.isHeard = false;
    misses = isThere ? 0 : misses + 1;
  }
  if (signal.aborted) return;
  heart.idle.abort();
  heart.lost.abort();
}

async function rest(ms: number, signal: AbortSignal): Promise<void> {
  // The run does not stay for it.
  await setTimeout(ms, undefined, { signal, ref: false }).catch(() => undefined);
}

function silent({ name }: Node): NodeLost {
  return {
    kind: "node-lost",
    node: name,
    detail: `it was silent, and gave no answer to ${MISSES} questions`,
  };
}
