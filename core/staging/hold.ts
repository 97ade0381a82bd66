/** Writing staging tags: a finished variant gets a slot under one, and keeps it though others write at the same time. */
import type { Digest } from "../oci/digest.ts";
import { moveTag } from "../publish/put-patiently.ts";
import type { Store, StoreFailure } from "../registry/store.ts";
import { systemTiming } from "../registry/timing.ts";
import { fail, ok, type Result } from "../result.ts";
import { rewriteTag, type StagingWorld, type WrittenIndex } from "./rewrite.ts";
import { isHeld, putFirst } from "./slots.ts";
import type { Slot } from "./staged.ts";
import { stagingIndex } from "./staging-index.ts";
import { readSlots } from "./staging.ts";

/** The slot that holds a variant, and where it is. */
export interface Held {
  readonly tag: string;
  readonly slot: Slot;
  /** An index that has this slot alone: it can be removed whatever the tag names by now. */
  readonly alone?: Digest;
}

/** A slot that was just written, by whoever has to see that it stays. */
export interface Staged {
  readonly held: Held;
  readonly index: WrittenIndex;
}

/** Other runs have written the tag again and again without this slot, which they had not read. */
export interface StagingContended {
  readonly kind: "staging-contended";
  readonly attempts: number;
}

/** Puts a variant, which is there by its digest already, first under its staging tag, beside those of other pipelines. */
export async function stage<F extends StoreFailure>(
  store: Store<F>,
  { tag, slot }: Pick<Held, "tag" | "slot">,
  world: StagingWorld,
): Promise<Result<Staged, F>> {
  const change = (slots: readonly Slot[]): readonly Slot[] => putFirst(slots, slot);
  const written = await rewriteTag(store, { tag, own: slot, change }, world);
  if (!written.ok) return written;
  if (written.value.kind !== "written") throw new Error("Internal error: what was to be written was not");
  const { index } = written.value;
  return ok({ held: { tag, slot, ...(index.slots.length === 1 ? { alone: index.digest } : {}) }, index });
}

/** The same where no other pipeline has the tag: nobody is asked what was there. */
export async function stageAlone<F extends StoreFailure>(
  store: Store<F>,
  { tag, slot }: Pick<Held, "tag" | "slot">,
  world: StagingWorld,
): Promise<Result<Held, F>> {
  const { document } = stagingIndex([slot]);
  const put = await moveTag(store, { tag, document }, world);
  return put.ok ? ok({ tag, slot, alone: document.descriptor.digest }) : put;
}

/** A look at the tag comes so long after it was written, or after the look before, at least. */
const LOOK_MS = 500;
/** Nobody's read and write is thought to take more than so many of one's own. */
const PATIENCE = 3;
const LONGEST_LOOK_MS = 10_000;
const MAX_LOOKS = 10;

/**
 * Sees that a slot stays. Another run may have read the tag before this slot was there, and write it afterwards: so the tag is looked at after a
 * time in which every such read has led to its write. Where it still names the same index, nobody is left who does not know the
 * slot; where it names another, the same is asked of that one. A slot that was lost is written anew.
 */
export async function seeItStays<F extends StoreFailure>(
  store: Store<F>,
  { held, index }: Staged,
  world: StagingWorld,
): Promise<Result<void, F | StagingContended>> {
  const { signal, timing = systemTiming, now } = world;
  let [own, last, attempts] = [index, index.digest, 1];
  let sinceMs = own.atMs;
  for (let look = 1; ; look++) {
    await timing.sleep(Math.max(0, lookAfterMs(own, attempts) - (now() - sinceMs)), signal);
    const read = await readSlots(store, held.tag, signal);
    // It was written. That nobody can tell whether it is there still is no reason to say that it is not.
    if (!read.ok) return ok(undefined);
    const names = read.value.kind === "slots" ? read.value : { slots: [], digest: undefined };
    const isThere = isHeld(names.slots, held.slot);
    if (isThere && (names.digest === last || look === MAX_LOOKS)) return ok(undefined);
    if (look === MAX_LOOKS) return fail({ kind: "staging-contended", attempts });
    [last, sinceMs] = [names.digest ?? last, now()];
    if (isThere) continue;
    const again = await stage(store, held, world);
    if (!again.ok) return again;
    own = again.value.index;
    [last, sinceMs, attempts] = [own.digest, own.atMs, attempts + 1];
  }
}

/** The more often a slot was lost, the longer; and not as long as others wait who lost theirs at the same time. */
function lookAfterMs({ tookMs, digest }: WrittenIndex, attempts: number): number {
  const usualMs = Math.max(LOOK_MS, PATIENCE * tookMs);
  const spread =
    attempts === 1 ? 1 : 2 ** (attempts - 1) * (1 + Number.parseInt(digest.slice(-4), 16) / 0xffff);
  return Math.min(LONGEST_LOOK_MS, Math.round(usualMs * spread));
}
