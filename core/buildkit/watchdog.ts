import type { Clock } from "./clock.ts";

/** How long a step may be silent after its emulator said that the program crashed: BuildKit does not notice when nobody reaps it. */
export const CRASH_SILENCE_MS = 120_000;
/** What was said while this very process was stopped (Ctrl-Z) is still to be read when time is up: so long it is waited for. */
export const SECOND_LOOK_MS = 1_000;
/** Node's timers take no longer time than 24.8 days, and fire at once where they are given more. */
const LONGEST_SLEEP_MS = 86_400_000;

/** What a solve is held to. */
export interface Limits {
  readonly timeoutMs?: number;
  readonly stallMs?: number;
}

/** Why a solve was ended: `crashed` is silence after a crash. */
export type Bite = "timed-out" | "stalled" | "crashed";

/** Watches over one solve. */
export interface Watchdog {
  /** Aborted when time is up. */
  readonly signal: AbortSignal;
  /** Absent while nothing has been ended. */
  readonly bite: () => Bite | undefined;
  /** There was a sign of life. `isSuspect`: a crash is the last thing that a running step has said. */
  readonly heard: (isSuspect: boolean) => void;
  /** The solve is over. */
  readonly stop: () => void;
}

/** The last sign of life. */
interface Life {
  readonly atMs: number;
  readonly isSuspect: boolean;
}

/** Begins to watch. Whoever hears the solve tells of it; time alone decides the rest. */
export function startWatchdog(limits: Limits, clock: Clock): Watchdog {
  const over = new AbortController();
  const bitten = new AbortController();
  const startMs = clock.now();
  let life: Life = { atMs: startMs, isSuspect: false };
  let wake = new AbortController();
  let bite: Bite | undefined;
  const watch = async (): Promise<Bite | undefined> => {
    for (;;) {
      const seen = life;
      const due = dueOf(limits, startMs, seen);
      const leftMs = due.atMs - clock.now();
      const waitMs = leftMs > 0 ? Math.min(leftMs, LONGEST_SLEEP_MS) : due.graceMs;
      await clock.sleep(waitMs, AbortSignal.any([over.signal, wake.signal]));
      if (over.signal.aborted) return undefined;
      if (leftMs <= 0 && (due.bite === "timed-out" || life === seen)) return due.bite;
    }
  };
  void watch().then((why) => {
    bite = why;
    if (why !== undefined) bitten.abort();
  });
  return {
    signal: bitten.signal,
    bite: () => bite,
    heard: (isSuspect) => {
      const isNew = life.isSuspect !== isSuspect;
      life = { atMs: clock.now(), isSuspect };
      if (!isNew) return;
      // Something else is due now than what is being waited for.
      wake.abort();
      wake = new AbortController();
    },
    stop: () => over.abort(),
  };
}

/** What comes first if nothing more is heard, and how long to wait still when it has come. */
function dueOf(
  { timeoutMs = Infinity, stallMs = Infinity }: Limits,
  startMs: number,
  life: Life,
): { readonly atMs: number; readonly bite: Bite; readonly graceMs: number } {
  const silenceMs = life.isSuspect ? Math.min(CRASH_SILENCE_MS, stallMs) : stallMs;
  return startMs + timeoutMs <= life.atMs + silenceMs
    ? { atMs: startMs + timeoutMs, bite: "timed-out", graceMs: 0 }
    : { atMs: life.atMs + silenceMs, bite: life.isSuspect ? "crashed" : "stalled", graceMs: SECOND_LOOK_MS };
}
