import { setImmediate } from "node:timers/promises";
import type { Clock } from "../../core/buildkit/clock.ts";

/** A clock that stands still until the test lets time pass. */
export interface SteeredClock extends Clock {
  /** Lets so much time pass; whoever sleeps wakes in order, and does what it does then before time goes on. */
  readonly pass: (ms: number) => Promise<void>;
  /** Lets time pass at once, as it does for a process that was stopped: nobody wakes before all of it is over. */
  readonly jump: (ms: number) => Promise<void>;
}

const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** Starts at a time that is not zero. */
export function steeredClock(): SteeredClock {
  let nowMs = 1_000_000;
  const sleepers = new Map<() => void, number>();
  const wakeDue = async (): Promise<void> => {
    for (const [wake, atMs] of sleepers) if (atMs <= nowMs) wake();
    await setImmediate();
  };
  return {
    now: () => nowMs,
    sleep: (ms, signal) =>
      new Promise((resolve) => {
        if (ms > LONGEST_TIMER_MS) throw new Error("Node's timers take no such time");
        const wake = (): void => {
          sleepers.delete(wake);
          signal.removeEventListener("abort", wake);
          resolve();
        };
        if (signal.aborted) return resolve();
        signal.addEventListener("abort", wake);
        sleepers.set(wake, nowMs + ms);
      }),
    pass: async (ms) => {
      const untilMs = nowMs + ms;
      for (;;) {
        // What was told just now may make somebody sleep anew.
        await setImmediate();
        const next = Math.min(...sleepers.values());
        if (next > untilMs) break;
        nowMs = Math.max(nowMs, next);
        await wakeDue();
      }
      nowMs = untilMs;
    },
    jump: async (ms) => {
      await setImmediate();
      nowMs += ms;
      await wakeDue();
    },
  };
}
