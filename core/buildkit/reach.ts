/** What is needed to look at daemons. */
export interface Reach {
  readonly buildctl: string;
  /** How buildx is called, `["docker", "buildx"]`. */
  readonly buildx: readonly [string, ...string[]];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly signal: AbortSignal;
}

/** A builder that has not said what it is by then counts as unreachable, in milliseconds: whoever drops packets costs no more. */
const DEADLINE_MS = 10_000;

/** What is said of a builder whose deadline has passed. */
export const NO_ANSWER = `it gave no answer within ${DEADLINE_MS / 1000} s`;

/** The same reach, until the deadline or an interruption, whichever comes first. It begins now. */
export function withDeadline<R extends Pick<Reach, "signal">>(
  reach: R,
  deadline = AbortSignal.timeout(DEADLINE_MS),
): R {
  return { ...reach, signal: AbortSignal.any([reach.signal, deadline]) };
}
