/*
 * The part of an event's payload that is read; the rest is nobody's business here.
 * @see https://docs.github.com/en/webhooks/webhook-events-and-payloads#pull_request
 */

/**
 * Does this event's pull request come from another repository? Undefined where it is none, or where the payload is of a kind that
 * is not known. A fork that is gone has no repository any more.
 */
export function forkInPayload(payload: unknown): boolean | undefined {
  const own = at(payload, "pull_request", "base", "repo", "full_name");
  const head = at(payload, "pull_request", "head");
  if (typeof own !== "string" || head === undefined) return undefined;
  return at(head, "repo", "full_name") !== own;
}

/** The number of this event's pull request. */
export function pullRequestInPayload(payload: unknown): string | undefined {
  const number = at(payload, "pull_request", "number");
  return typeof number === "number" ? String(number) : undefined;
}

function at(value: unknown, ...path: readonly string[]): unknown {
  return path.reduce<unknown>(
    (inner, key) => (typeof inner === "object" && inner !== null ? Reflect.get(inner, key) : undefined),
    value,
  );
}
