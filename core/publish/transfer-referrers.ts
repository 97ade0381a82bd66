import { referrersTag } from "../registry/referrers.ts";
import type { Store } from "../registry/store.ts";
import type { Digest } from "../oci/digest.ts";
import { ok, type Result } from "../result.ts";

/** Asks a store what refers to many manifests, with as few questions as it allows. */
export type ReferrerLookup = (digest: Digest, signal: AbortSignal) => ReturnType<Store["referrers"]>;

/**
 * The first question shows whether the registry answers such questions at all. One that does not keeps lists in tags: its tags
 * tell which lists there are, in place of a question for each manifest.
 */
export function createReferrerLookup(store: Store): ReferrerLookup {
  let first: ReturnType<Store["referrers"]> | undefined;
  let listing: Promise<ReadonlySet<string> | undefined> | undefined;
  return async (digest, signal) => {
    if (first === undefined) return await (first = store.referrers(digest, signal));
    await first;
    if (store.keepsReferrersInTags?.() !== true) return await store.referrers(digest, signal);
    const tags = await (listing ??= listTags(store, signal));
    return tags?.has(referrersTag(digest)) === false ? ok([]) : await store.referrers(digest, signal);
  };
}

// Tags that cannot be listed tell nothing: then each list has to be asked for.
async function listTags(store: Store, signal: AbortSignal): Promise<ReadonlySet<string> | undefined> {
  const tags: Result<readonly string[], unknown> = await store.tags(signal);
  return tags.ok ? new Set(tags.value) : undefined;
}
