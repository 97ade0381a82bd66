import type { Store } from "../registry/store.ts";
import type { Result } from "../result.ts";

/** A store that asks for each manifest, and each list of referrers, once, however many transfers need it at the same time. */
export function rememberReads(store: Store): Store {
  const manifests = new Map<string, ReturnType<Store["manifest"]>>();
  const referrers = new Map<string, ReturnType<Store["referrers"]>>();
  return {
    ...store,
    manifest: (digest, signal) => once(manifests, digest, () => store.manifest(digest, signal)),
    referrers: (digest, signal) => once(referrers, digest, () => store.referrers(digest, signal)),
  };
}

// A failure is not kept: the transfer that asked may have been given up.
async function once<T, E>(
  known: Map<string, Promise<Result<T, E>>>,
  key: string,
  ask: () => Promise<Result<T, E>>,
): Promise<Result<T, E>> {
  const before = known.get(key);
  const answer = before === undefined ? undefined : await before;
  if (answer?.ok === true) return answer;
  const asked = known.get(key);
  if (asked !== undefined && asked !== before) return await once(known, key, ask);
  const asking = ask();
  known.set(key, asking);
  return await asking;
}
