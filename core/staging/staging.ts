/** Staging tags in a repository: a finished variant is put under one, found there by a later run, and removed when its release is there. */
import type { Digest } from "../oci/digest.ts";
import type { Variant } from "../plan/plan.ts";
import { confirmVariant, type ConfirmedImage, type PublishedManifest } from "../publish/confirm.ts";
import { moveTag, type PutOptions } from "../publish/put-patiently.ts";
import type { RegistryErrorCode } from "../registry/registry-failure.ts";
import type { Timing } from "../registry/retry.ts";
import type { Store, StoreFailure } from "../registry/store.ts";
import { fail, ok, type Result } from "../result.ts";
import { readStagingIndex, stagingIndex } from "./record.ts";
import type { StagedIndex, StagedVariant, StagingRecord, StagingUnusable } from "./staged.ts";

/** A variant to be put under its staging tag. */
export interface ToStage {
  readonly tag: string;
  readonly published: Pick<PublishedManifest, "manifest" | "attestations">;
  readonly record: StagingRecord;
}

/** Puts a variant, which is there by its digest already, under its staging tag. Answers the digest by which it is removed again. */
export async function stage<F extends StoreFailure>(
  store: Store<F>,
  { tag, published, record }: ToStage,
  options: PutOptions = {},
): Promise<Result<Digest, F>> {
  const document = stagingIndex(published, record);
  const put = await moveTag(store, { tag, document }, options);
  return put.ok ? ok(document.descriptor.digest) : put;
}

/** The variant that is looked for. */
export interface Wanted {
  readonly tag: string;
  readonly variant: Pick<Variant, "id" | "platform">;
  /** For waits; the real clock unless a test has its own. */
  readonly timing?: Pick<Timing, "sleep">;
}

/** What is under a staging tag. */
export type StagingLookup =
  | { readonly kind: "staged"; readonly staged: StagedVariant }
  | { readonly kind: "absent" }
  | { readonly kind: "unusable"; readonly why: StagingUnusable };

/**
 * Looks for a variant under its staging tag, and reads its image back as if it had been pushed just now: a record alone is never believed,
 * since what it names may have been collected as garbage. A registry that cannot tell is a failure, and never an absence.
 */
export async function findStaged<F extends StoreFailure>(
  store: Store<F>,
  wanted: Wanted,
  signal?: AbortSignal,
): Promise<Result<StagingLookup, StoreFailure>> {
  const read = await store.manifest(wanted.tag, signal);
  if (!read.ok) return isGone(read.error) ? ok({ kind: "absent" }) : read;
  const index = readStagingIndex(read.value, wanted.variant.id);
  if (!index.ok) return unusable(index.error);
  const [image, missing] = await Promise.all([
    confirmImage(store, { index: index.value, wanted, signal }),
    findMissing(
      store,
      index.value.attestations.map(({ digest }) => digest),
      signal,
    ),
  ]);
  if (!image.ok) return image;
  if (!missing.ok) return missing;
  const { record, attestations, digest } = index.value;
  if ("kind" in image.value) return unusable(image.value);
  if (missing.value !== undefined)
    return unusable({ kind: "staging-image-lost", digest, missing: missing.value });
  const published = { ...image.value, attestations };
  return ok({ kind: "staged", staged: { published, record, digest } });
}

/** How the removal of a staging index went. `refused`: this registry removes nothing, or not for us; the tag stays until somebody else does. */
export type Unstaged =
  | { readonly kind: "removed" }
  | { readonly kind: "refused"; readonly status: number; readonly codes: readonly RegistryErrorCode[] };

/** Removes a staging index with its tag. What it names stays: by then, the index of the release names it. */
export async function unstage<F extends StoreFailure>(
  store: Store<F>,
  digest: Digest,
  signal?: AbortSignal,
): Promise<Result<Unstaged, F>> {
  const removed = await store.delete(digest, signal);
  if (removed.ok) return ok({ kind: "removed" });
  const failure: StoreFailure = removed.error;
  const isAnswer = failure.kind === "registry-denied" || failure.kind === "registry-rejected";
  if (!isAnswer || !isRefusal(failure.status)) return removed;
  return ok({ kind: "refused", status: failure.status, codes: failure.codes });
}

/** Not "too late" or "too much": the registry has understood, and will not. 501 is what some answer to a method that they do not have. */
function isRefusal(status: number): boolean {
  return (status >= 400 && status < 500 && status !== 408 && status !== 429) || status === 501;
}

async function confirmImage(
  store: Store,
  {
    index,
    wanted,
    signal,
  }: { readonly index: StagedIndex; readonly wanted: Wanted; readonly signal: AbortSignal | undefined },
): Promise<Result<ConfirmedImage | StagingUnusable, StoreFailure>> {
  const { manifest, digest } = index;
  const { variant, timing } = wanted;
  const confirmation = {
    variant: variant.id,
    platform: variant.platform,
    digest: manifest.digest,
    annotations: manifest.annotations ?? {},
    ...(timing === undefined ? {} : { timing }),
  };
  const confirmed = await confirmVariant(store, confirmation, signal);
  if (confirmed.ok)
    return confirmed.value.manifest.digest === manifest.digest
      ? confirmed
      : ok({ kind: "staging-malformed", digest, detail: `${manifest.digest} is no image` });
  const { error } = confirmed;
  if (error.kind !== "confirm-unreadable") return ok({ kind: "staging-image-invalid", digest, cause: error });
  return isGone(error.cause)
    ? ok({ kind: "staging-image-lost", digest, missing: error.digest })
    : fail(error.cause);
}

/** The first of these that is not there. */
async function findMissing(
  store: Store,
  digests: readonly Digest[],
  signal: AbortSignal | undefined,
): Promise<Result<Digest | undefined, StoreFailure>> {
  const answers = await Promise.all(digests.map((digest) => store.resolve(digest, signal)));
  const failed = answers.find((answer) => !answer.ok);
  if (failed?.ok === false) return failed;
  return ok(digests.find((_, at) => answers[at]?.ok === true && answers[at].value === undefined));
}

/** Does the store itself say that nothing is there? Another server's page says nothing about it. */
function isGone(failure: StoreFailure): boolean {
  if (failure.kind === "manifest-unknown") return failure.page !== true;
  return failure.kind === "layout-content-missing";
}

function unusable(why: StagingUnusable): Result<StagingLookup, never> {
  return ok({ kind: "unusable", why });
}
