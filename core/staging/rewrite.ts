import type { Digest } from "../oci/digest.ts";
import { isLag, LAG_WAITS_MS, moveTagOnce } from "../publish/put-patiently.ts";
import { isRefusal, type Timing } from "../registry/retry.ts";
import type { Store, StoreFailure } from "../registry/store.ts";
import { systemTiming } from "../registry/timing.ts";
import { fail, ok, type Result } from "../result.ts";
import type { Slot } from "./staged.ts";
import { MAX_SLOTS, stagingIndex } from "./staging-index.ts";
import { findMissing, readSlots } from "./staging.ts";

/** What writing staging tags needs of a run and of the world. */
export interface StagingWorld {
  readonly signal?: AbortSignal | undefined;
  /** For waits; the real clock unless a test has its own. */
  readonly timing?: Pick<Timing, "sleep"> | undefined;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/** A tag, and what it is to name instead of what it names. */
export interface Rewriting {
  readonly tag: string;
  /** The slot that is written whatever becomes of the others. */
  readonly own?: Slot;
  /** The slots that are to be there, given those that are, and the digest of their index; undefined: all stays as it is. */
  readonly change: (slots: readonly Slot[], digest: Digest | undefined) => readonly Slot[] | undefined;
}

/** What has become of a tag. `emptied`: none of its slots is to stay, and its index is still there. */
export type Rewritten =
  | { readonly kind: "written"; readonly index: WrittenIndex }
  | { readonly kind: "untouched" }
  | { readonly kind: "emptied"; readonly digest: Digest | undefined };

/** An index that was just put under a tag. */
export interface WrittenIndex {
  readonly digest: Digest;
  readonly slots: readonly Slot[];
  /** When it was there, and how long it took from asking what was there before. */
  readonly atMs: number;
  readonly tookMs: number;
}

/**
 * Reads a tag, and writes what is to become of it. Registries have no compare-and-swap: whatever stands between the two is read anew before
 * the next attempt, so that it is always one read and one write. A slot whose images were removed meanwhile is left out where the registry refuses
 * it, and all others where nobody can tell what it refuses: one's own is not to be lost for them.
 */
export async function rewriteTag<F extends StoreFailure>(
  store: Store<F>,
  { tag, own, change }: Rewriting,
  world: StagingWorld,
): Promise<Result<Rewritten, F>> {
  const { signal, timing = systemTiming } = world;
  const waitsMs = [...LAG_WAITS_MS];
  const barred: ((slot: Slot) => boolean)[] = [];
  const isWritten = (slot: Slot): boolean => slot === own || !barred.some((isBarred) => isBarred(slot));
  const changeWritten: Rewriting["change"] = (...before) => change(...before)?.filter(isWritten);
  for (;;) {
    const tried = await rewriteOnce(store, { tag, change: changeWritten }, world);
    if (tried.ok) return tried;
    const { cause, refused } = tried.error;
    if (refused === undefined || signal?.aborted === true) return fail(cause);
    const offending = await findOffending(store, { cause, refused, own }, signal);
    if (offending !== undefined && barred.length < MAX_SLOTS) barred.push(offending);
    else {
      const waitMs = isLag(cause) ? waitsMs.shift() : undefined;
      if (waitMs === undefined) return fail(cause);
      await timing.sleep(waitMs, signal);
    }
  }
}

interface NotRewritten<F> {
  readonly cause: F;
  /** The slots that the registry did not take; absent where it is not about them. */
  readonly refused?: readonly Slot[];
}

async function rewriteOnce<F extends StoreFailure>(
  store: Store<F>,
  { tag, change }: Rewriting,
  { signal, now }: StagingWorld,
): Promise<Result<Rewritten, NotRewritten<F>>> {
  const startedMs = now();
  const read = await readSlots(store, tag, signal);
  if (!read.ok) return fail({ cause: read.error });
  const before = read.value.kind === "slots" ? read.value : { slots: [], digest: undefined };
  const after = change(before.slots, before.digest);
  if (after === undefined) return ok({ kind: "untouched" });
  const [first, ...others] = after;
  if (first === undefined) return ok({ kind: "emptied", digest: before.digest });
  const { document, slots } = stagingIndex([first, ...others]);
  const put = await moveTagOnce(store, { tag, document }, signal);
  if (!put.ok) return fail({ cause: put.error, ...(isRefused(put.error) ? { refused: slots } : {}) });
  const { digest } = document.descriptor;
  return ok({ kind: "written", index: { digest, slots, atMs: now(), tookMs: now() - startedMs } });
}

interface Refusal {
  readonly cause: StoreFailure;
  readonly refused: readonly Slot[];
  readonly own: Slot | undefined;
}

/** Tells which slots to leave out; one's own never counts. Undefined: none, and it may be that one's own is not seen yet. */
async function findOffending(
  store: Store,
  { cause, refused, own }: Refusal,
  signal: AbortSignal | undefined,
): Promise<((slot: Slot) => boolean) | undefined> {
  const digests = new Set(refused.flat().map(({ digest }) => digest));
  const missing = await findMissing(store, [...digests], signal);
  if (!missing.ok) return undefined;
  const gone = new Set(missing.value);
  const isDead = (slot: Slot): boolean => slot.some(({ digest }) => gone.has(digest));
  if (gone.size > 0) return own !== undefined && isDead(own) ? undefined : isDead;
  return own === undefined || refused.length === 1 || isLag(cause) ? undefined : () => true;
}

function isRefused(failure: StoreFailure): boolean {
  if (failure.kind === "manifest-unknown") return true;
  return failure.kind === "registry-rejected" && isRefusal(failure.status);
}
