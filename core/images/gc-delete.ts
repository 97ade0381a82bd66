import type { GcFailure, GcPlace, GcReport } from "./gc.ts";
import type { Reached } from "./gc-walk.ts";
import type { Digest } from "../oci/digest.ts";
import { fail, ok, type Result } from "../result.ts";

/**
 * Removes what a report lists, after a look whether all names still lead where they did. Answers what was removed; stops at the
 * first refusal.
 */
export async function deleteUnreachable(
  place: GcPlace,
  { unreachable, roots }: GcReport,
  signal?: AbortSignal,
): Promise<Result<void, GcFailure>> {
  const { store, layout } = place;
  const changed = await changedNames(place, roots, signal);
  if (!changed.ok) return changed;
  if (changed.value.length > 0) return fail({ kind: "gc-changed", store: store.name, names: changed.value });
  const names = unreachable.map(({ tag, digest }) => tag ?? digest);
  for (const [at, { digest }] of unreachable.entries()) {
    // A list goes by its digest: not every registry removes a tag alone.
    const removed = await (layout === undefined ? store.delete(digest, signal) : layout.remove(digest));
    if (removed.ok) continue;
    const [deleted, notTried] = [names.slice(0, at), names.slice(at + 1)];
    const about = { kind: "gc-not-deleted", store: store.name, deleted, notTried } as const;
    return fail({ ...about, failed: names[at] ?? digest, cause: removed.error });
  }
  return ok(undefined);
}

async function changedNames(
  place: GcPlace,
  before: Reached["roots"],
  signal: AbortSignal | undefined,
): Promise<Result<readonly string[], GcFailure>> {
  const now = await namesNow(place, signal);
  if (!now.ok) return now;
  const names = [...new Set([...before.keys(), ...now.value.keys()])];
  const isOther = (name: string): boolean => before.get(name) !== now.value.get(name);
  return ok(names.filter((name) => before.has(name) !== now.value.has(name) || isOther(name)));
}

async function namesNow(
  { store, layout }: GcPlace,
  signal: AbortSignal | undefined,
): Promise<Result<ReadonlyMap<string, Digest | undefined>, GcFailure>> {
  if (layout !== undefined) {
    const roots = await layout.roots();
    return roots.ok ? ok(new Map(roots.value.map(({ digest }) => [digest, undefined]))) : roots;
  }
  const tags = await store.tags(signal);
  if (!tags.ok) return tags;
  const names = new Map<string, Digest | undefined>();
  for (const tag of tags.value) {
    const named = await store.resolve(tag, signal);
    if (!named.ok) return fail({ kind: "gc-incomplete", store: store.name, via: tag, cause: named.error });
    names.set(tag, named.value?.digest);
  }
  return ok(names);
}
