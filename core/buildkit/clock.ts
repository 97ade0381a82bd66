import { setTimeout } from "node:timers/promises";

/** Time as a solve needs it, as an argument, so that a test decides when it passes. */
export interface Clock {
  /** Milliseconds of a clock that nobody sets: only differences mean anything, and a machine that was asleep has not aged. */
  readonly now: () => number;
  /** Ends after `ms`, or at once when the signal is aborted. */
  readonly sleep: (ms: number, signal: AbortSignal) => Promise<void>;
}

/** The real one. */
export const systemClock: Clock = {
  now: () => performance.now(),
  sleep: async (ms, signal) => {
    await setTimeout(ms, undefined, { signal }).catch(() => undefined);
  },
};
