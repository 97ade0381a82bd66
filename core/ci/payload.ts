import * as z from "zod/mini";

/**
 * The part of an event's payload that is read. The repository of a head is null where the fork is gone.
 * @see https://docs.github.com/en/webhooks/webhook-events-and-payloads#pull_request
 */
const payload = z.object({
  pull_request: z.object({
    number: z.optional(z.number()),
    head: z.object({ repo: z.nullish(z.object({ full_name: z.string() })) }),
    base: z.object({ repo: z.object({ full_name: z.string() }) }),
  }),
});

/** Does this event's pull request come from another repository? Undefined where it is none, or no payload of a kind that is known. */
export function forkInPayload(value: unknown): boolean | undefined {
  const read = payload.safeParse(value);
  if (!read.success) return undefined;
  const { head, base } = read.data.pull_request;
  return head.repo?.full_name !== base.repo.full_name;
}

/** The number of this event's pull request. */
export function pullRequestInPayload(value: unknown): string | undefined {
  const read = payload.safeParse(value);
  return read.success ? read.data.pull_request.number?.toString() : undefined;
}
