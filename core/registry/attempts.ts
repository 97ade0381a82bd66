import type { HttpAnswer } from "./http.ts";
import { isTransientStatus, nextDelayMs, parseRetryAfter, type Patience, type Timing } from "./retry.ts";
import type { TransportFault } from "./transport-fault.ts";
import type { Result } from "../result.ts";

/** How a request ended after all its attempts. */
export interface Attempted {
  readonly outcome: Result<HttpAnswer, TransportFault>;
  readonly attempts: number;
}

/** Sends the same idempotent request until it has an answer that another attempt would not change. */
export async function sendPatiently(
  send: () => Promise<Result<HttpAnswer, TransportFault>>,
  options: {
    readonly patience: Patience;
    readonly timing: Timing;
    readonly signal?: AbortSignal | undefined;
  },
): Promise<Attempted> {
  const { patience, timing, signal } = options;
  let spentMs = 0;
  for (let attempt = 1; ; attempt += 1) {
    const outcome = await send();
    if (!isTransient(outcome)) return { outcome, attempts: attempt };
    const state = { attempt, spentMs, retryAfterMs: retryAfterMs(outcome, timing.now()) };
    const delayMs = nextDelayMs(state, patience, timing.random);
    if (delayMs === undefined) return { outcome, attempts: attempt };
    // Cut short by a cancelled signal, it leads to an attempt that says so without sending anything.
    await timing.sleep(delayMs, signal);
    spentMs += delayMs;
  }
}

function isTransient(outcome: Result<HttpAnswer, TransportFault>): boolean {
  return outcome.ok ? isTransientStatus(outcome.value.status) : outcome.error.transient;
}

function retryAfterMs(outcome: Result<HttpAnswer, TransportFault>, nowMs: number): number | undefined {
  return outcome.ok ? parseRetryAfter(outcome.value.header("retry-after")[0], nowMs) : undefined;
}
