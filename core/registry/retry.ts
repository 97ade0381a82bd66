/** Time and chance as arguments, so that what depends on them can be tested. */
export interface Timing {
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Ends after `ms`, or at once when the signal is aborted. */
  readonly sleep: (ms: number, signal?: AbortSignal) => Promise<void>;
  /** In [0, 1). */
  readonly random: () => number;
}

/** How patient a request is. */
export interface Patience {
  readonly attempts: number;
  /** Milliseconds that all waits of a request may take together. */
  readonly budgetMs: number;
}

const BASE_MS = 250;
const CAP_MS = 8_000;

/**
 * How long to wait before the next attempt (the first failed one has number 1), or undefined where it is time to give up.
 * Full jitter keeps six parallel pushes from coming back in step; a Retry-After is obeyed, or the budget is too small for it.
 * @see https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
 */
export function nextDelayMs(
  state: { readonly attempt: number; readonly spentMs: number; readonly retryAfterMs: number | undefined },
  patience: Patience,
  random: () => number,
): number | undefined {
  if (state.attempt >= patience.attempts) return undefined;
  const jitter = Math.round(random() * Math.min(CAP_MS, BASE_MS * 2 ** (state.attempt - 1)));
  const delay = jitter + (state.retryAfterMs ?? 0);
  return state.spentMs + delay > patience.budgetMs ? undefined : delay;
}

/** Reads Retry-After, seconds or an HTTP date, as milliseconds from now; undefined where it is neither. */
export function parseRetryAfter(value: string | undefined, nowMs: number): number | undefined {
  if (value === undefined) return undefined;
  if (/^\s*\d{1,9}\s*$/.test(value)) return Number(value) * 1000;
  // Date.parse takes nearly anything for a date, "-1" included: only HTTP's own form is one here.
  const date = /^[A-Z][a-z]{2,8}, .* GMT$/.test(value) ? Date.parse(value) : Number.NaN;
  return Number.isNaN(date) ? undefined : Math.max(0, date - nowMs);
}

/** Is this status one that the same request may not meet again in a moment? */
export function isTransientStatus(status: number): boolean {
  if (status === 501 || status === 505) return false;
  return status === 408 || status === 429 || status >= 500;
}

/** Not "too late" or "too much": the registry has understood, and will not. 501 is what some answer to a method that they do not have. */
export function isRefusal(status: number): boolean {
  return (status >= 400 && status < 500 && !isTransientStatus(status)) || status === 501;
}
