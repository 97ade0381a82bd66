/** Reading staging tags: what is under one, and whether what it names is there. Who writes them is core/staging/hold.ts. */
import type { Digest } from "../oci/digest.ts";
import type { Variant } from "../plan/plan.ts";
import { confirmVariant, type ConfirmedImage } from "../publish/confirm.ts";
import type { Timing } from "../registry/retry.ts";
import type { Store, StoreFailure } from "../registry/store.ts";
import { fail, ok, type Result } from "../result.ts";
import type { Slot, StagedSlot, StagingUnusable } from "./staged.ts";
import { slotsIn } from "./staging-index.ts";

/** What is under a staging tag. */
export type StagingLookup =
  /** The newest slot first; what their records say, nobody has asked yet. */
  | { readonly kind: "slots"; readonly slots: readonly Slot[]; readonly digest: Digest }
  | { readonly kind: "absent" }
  | { readonly kind: "unusable"; readonly why: StagingUnusable };

/** Reads what is under a staging tag, with one request. A registry that cannot tell is a failure, and never an absence. */
export async function readSlots<F extends StoreFailure>(
  store: Store<F>,
  tag: string,
  signal?: AbortSignal,
): Promise<Result<StagingLookup, F>> {
  const read = await store.manifest(tag, signal);
  if (!read.ok) return isGone(read.error) ? ok({ kind: "absent" }) : read;
  const slots = slotsIn(read.value);
  if (!slots.ok) return ok({ kind: "unusable", why: slots.error });
  return ok({ kind: "slots", slots: slots.value, digest: read.value.descriptor.digest });
}

/** A slot, and the variant that is wanted of it. */
export interface SlotToConfirm {
  readonly staged: StagedSlot;
  /** Of the index that has the slot, for whoever is told of it. */
  readonly digest: Digest;
  readonly variant: Pick<Variant, "id" | "platform">;
  /** For waits; the real clock unless a test has its own. */
  readonly timing?: Pick<Timing, "sleep">;
}

/** What a slot names, read back. */
export type ConfirmedSlot =
  | { readonly kind: "confirmed"; readonly image: ConfirmedImage }
  | { readonly kind: "unusable"; readonly why: StagingUnusable };

/**
 * Reads an image back as if it had been pushed just now: a record alone is never believed, since what it names may have been collected as
 * garbage. A registry that cannot tell is a failure, and never an absence.
 */
export async function confirmSlot(
  store: Store,
  wanted: SlotToConfirm,
  signal?: AbortSignal,
): Promise<Result<ConfirmedSlot, StoreFailure>> {
  const { staged, digest } = wanted;
  const attested = staged.attestations.map((entry) => entry.digest);
  const [image, missing] = await Promise.all([
    confirmImage(store, wanted, signal),
    findMissing(store, attested, signal),
  ]);
  if (!image.ok) return image;
  if (!missing.ok) return missing;
  if (image.value.kind === "unusable") return ok(image.value);
  const [lost] = missing.value;
  if (lost !== undefined) return ok(unusable({ kind: "staging-image-lost", digest, missing: lost }));
  return ok({ kind: "confirmed", image: { ...image.value.image, attestations: staged.attestations } });
}

async function confirmImage(
  store: Store,
  { staged: { manifest }, digest, variant, timing }: SlotToConfirm,
  signal: AbortSignal | undefined,
): Promise<Result<ConfirmedSlot, StoreFailure>> {
  const confirmation = {
    variant: variant.id,
    platform: variant.platform,
    digest: manifest.digest,
    annotations: manifest.annotations ?? {},
    ...(timing === undefined ? {} : { timing }),
  };
  const confirmed = await confirmVariant(store, confirmation, signal);
  if (confirmed.ok)
    return ok(
      confirmed.value.manifest.digest === manifest.digest
        ? { kind: "confirmed", image: confirmed.value }
        : unusable({ kind: "staging-malformed", digest, detail: `${manifest.digest} is no image` }),
    );
  const { error } = confirmed;
  if (error.kind !== "confirm-unreadable")
    return ok(unusable({ kind: "staging-image-invalid", digest, cause: error }));
  return isGone(error.cause)
    ? ok(unusable({ kind: "staging-image-lost", digest, missing: error.digest }))
    : fail(error.cause);
}

/** Those of these that are not there. */
export async function findMissing<F extends StoreFailure>(
  store: Store<F>,
  digests: readonly Digest[],
  signal: AbortSignal | undefined,
): Promise<Result<readonly Digest[], F>> {
  const answers = await Promise.all(digests.map((digest) => store.resolve(digest, signal)));
  const failed = answers.find((answer) => !answer.ok);
  if (failed?.ok === false) return failed;
  return ok(digests.filter((_, at) => answers[at]?.ok === true && answers[at].value === undefined));
}

/** Does the store itself say that nothing is there? Another server's page says nothing about it. */
function isGone(failure: StoreFailure): boolean {
  if (failure.kind === "manifest-unknown") return failure.page !== true;
  return failure.kind === "layout-content-missing";
}

function unusable(why: StagingUnusable): ConfirmedSlot {
  return { kind: "unusable", why };
}
