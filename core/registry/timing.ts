import { setTimeout } from "node:timers/promises";
import type { Timing } from "./retry.ts";

/** The real clock, timers and chance. */
export const systemTiming: Timing = {
  now: () => Date.now(),
  random: () => Math.random(),
  sleep: async (ms, signal) => {
    // An aborted wait is simply over: whoever waits looks at the signal next.
    await setTimeout(ms, undefined, signal === undefined ? {} : { signal }).catch(() => undefined);
  },
};
