import { MAX_OTHER_BYTES, scopeOf, type Access } from "./access.ts";
import type { Call } from "./requester.ts";
import type { RegistryFailure } from "./registry-failure.ts";
import { sessionOf, uploadsPath } from "./upload-session.ts";
import { ok, type Result } from "../result.ts";

const CANCEL_MS = 2_000;

/**
 * Asks whether this repository takes what we push, by beginning an upload and giving it up: nothing is sent, and nothing is left
 * behind. A registry that does not know how to give uploads up lets them expire, as it does with those that break.
 * @see https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#post-then-put
 */
export async function mayPush(
  access: Access,
  signal: AbortSignal | undefined,
): Promise<Result<void, RegistryFailure>> {
  const { requester, repository } = access;
  const call: Call = {
    method: "POST",
    path: uploadsPath(access),
    repository: repository.path,
    scope: scopeOf(repository, true),
    headers: {},
    maxBytes: MAX_OTHER_BYTES,
    signal,
  };
  const begun = await requester.call(call);
  if (!begun.ok) return begun;
  const session = sessionOf(begun.value, access, 0);
  // An interrupted run gives it up all the same, and what comes of that does not matter any more.
  if (session.ok)
    await requester.callOnce({
      ...call,
      method: "DELETE",
      path: session.value.url,
      signal: AbortSignal.timeout(CANCEL_MS),
    });
  return ok(undefined);
}
