import type { Digest } from "../oci/digest.ts";
import type { RegistryErrorCode } from "../registry/registry-failure.ts";
import { isRefusal } from "../registry/retry.ts";
import type { Store, StoreFailure } from "../registry/store.ts";
import { ok, type Result } from "../result.ts";
import type { Held } from "./hold.ts";
import { rewriteTag, type Rewriting, type StagingWorld } from "./rewrite.ts";
import { takeOut } from "./slots.ts";

/** How the removal of a slot went. `refused`: it was the last one, and this registry removes no tag, or not for us: it stays until somebody else does. */
export type Unstaged =
  | { readonly kind: "removed" }
  | { readonly kind: "refused"; readonly status: number; readonly codes: readonly RegistryErrorCode[] };

/**
 * Removes the slot of a variant, and with the last slot the tag. What it names stays: by then, the index of the release names it. Nobody looks whether a
 * removal was overwritten by a run that had read the tag before: what is left then is a slot like that of a run which failed.
 */
export async function unstage<F extends StoreFailure>(
  store: Store<F>,
  held: Held,
  world: StagingWorld,
): Promise<Result<Unstaged, F>> {
  const { alone } = held;
  const [removed, left] = await Promise.all([
    alone === undefined ? ok({ kind: "removed" } as const) : unstageAlone(store, alone, world.signal),
    leave(store, held, world),
  ]);
  if (!left.ok) return alone === undefined ? left : removed;
  return left.value.kind === "alone" ? removed : ok(left.value);
}

/** Removes an index that has one slot alone, and the tag if that is what it names: one request, which takes nothing of others away. */
export async function unstageAlone<F extends StoreFailure>(
  store: Store<F>,
  index: Digest,
  signal: AbortSignal | undefined,
): Promise<Result<Unstaged, F>> {
  const removed = await store.delete(index, signal);
  if (removed.ok) return ok({ kind: "removed" });
  const failure: StoreFailure = removed.error;
  const isAnswer = failure.kind === "registry-denied" || failure.kind === "registry-rejected";
  if (!isAnswer || !isRefusal(failure.status)) return removed;
  return ok({ kind: "refused", status: failure.status, codes: failure.codes });
}

/** The tag may name an index by now into which another pipeline has put its own slot. `alone`: it names the one that is removed as a whole. */
async function leave<F extends StoreFailure>(
  store: Store<F>,
  { tag, slot, alone }: Held,
  world: StagingWorld,
): Promise<Result<Unstaged | { readonly kind: "alone" }, F>> {
  let isAlone = false;
  const change: Rewriting["change"] = (slots, digest) => {
    isAlone = digest !== undefined && digest === alone;
    const others = takeOut(slots, slot);
    return isAlone || others.length === slots.length ? undefined : others;
  };
  const left = await rewriteTag(store, { tag, change }, world);
  if (!left.ok) return left;
  if (isAlone) return ok({ kind: "alone" });
  const emptied = left.value.kind === "emptied" ? left.value.digest : undefined;
  return emptied === undefined ? ok({ kind: "removed" }) : await unstageAlone(store, emptied, world.signal);
}
