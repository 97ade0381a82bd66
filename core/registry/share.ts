import type { BlobOutcome, StoreFailure } from "./store.ts";
import type { Result } from "../result.ts";

type Outcome = Result<BlobOutcome, StoreFailure>;

/** Lets several that need the same blob in the same place wait for one upload. */
export interface SharedUploads {
  /** Does the work, or waits for whoever does it already under this key. */
  once(key: string, signal: AbortSignal | undefined, work: () => Promise<Outcome>): Promise<Outcome>;
}

/** Begins with nothing under way. */
export function createSharedUploads(): SharedUploads {
  const running = new Map<string, Promise<Outcome>>();
  return {
    once: async (key, signal, work) => {
      for (;;) {
        const other = running.get(key);
        if (other === undefined) break;
        await raceAbort(other, signal);
        // If it was us who was cancelled, the work itself says so; if it was whoever did it, it is still to be done.
        if (signal?.aborted === true) return work();
        const outcome = await other;
        if (outcome.ok || !outcome.error.kind.endsWith("-cancelled")) return outcome;
      }
      const own = work().finally(() => running.delete(key));
      running.set(key, own);
      return own;
    },
  };
}

/** Waits for work that several share, or only until the signal: one that is cancelled stops waiting, no more. */
export async function raceAbort(work: Promise<unknown>, signal: AbortSignal | undefined): Promise<void> {
  if (signal === undefined || signal.aborted) {
    if (signal === undefined) await work;
    return;
  }
  const { promise, resolve } = Promise.withResolvers<void>();
  const stop = (): void => resolve();
  signal.addEventListener("abort", stop, { once: true });
  try {
    await Promise.race([work, promise]);
  } finally {
    signal.removeEventListener("abort", stop);
  }
}
