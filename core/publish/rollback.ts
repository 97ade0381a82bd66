import type { Digest } from "../oci/digest.ts";
import { parseTaggedReference, type TaggedReference } from "../oci/reference.ts";
import type { RegistryFailure } from "../registry/registry-failure.ts";
import type { Registry } from "../registry/registry.ts";
import { ok, type Result } from "../result.ts";
import type { RecordedTag, ReleaseRecord } from "./record.ts";
import { moveTag } from "./put-patiently.ts";

/** The world as a rollback needs it. */
export interface RollbackWorld {
  readonly registry: Registry;
  readonly signal: AbortSignal;
  /** Put tags back that somebody has moved since, too. */
  readonly force: boolean;
}

/** A tag of the record, and what became of it. */
export interface RolledBack {
  readonly tag: TaggedReference;
  readonly outcome: RollbackOutcome;
}

/**
 * `untouched`: the release did not move it; `as-before`: it names again, or still, what it did; `restored` and `removed`: put
 * back now. All others leave the tag as it is.
 */
export type RollbackOutcome =
  | { readonly kind: "untouched" }
  | { readonly kind: "as-before"; readonly digest: Digest | null }
  | { readonly kind: "restored"; readonly digest: Digest }
  | { readonly kind: "removed" }
  | RollbackProblem;

export type RollbackProblem =
  /** It names neither what the release gave it nor what it had before: somebody has moved it since. */
  | { readonly kind: "moved-since"; readonly current: Digest | null }
  /** It was not there before, and the registry does not delete it. */
  | { readonly kind: "stays"; readonly cause: RegistryFailure }
  | { readonly kind: "failed"; readonly cause: RegistryFailure };

/** Some tags are not as they were before the release. */
export interface RollbackIncomplete {
  readonly kind: "rollback-incomplete";
  readonly tags: readonly { readonly tag: TaggedReference; readonly problem: RollbackProblem }[];
}

/**
 * Puts the tags of a release back to what they named before it, in reverse order. What a tag names is read right before: a
 * record of a run that was killed does not know how far it came, and a tag that somebody has moved since is not ours.
 */
export async function rollBack(record: ReleaseRecord, world: RollbackWorld): Promise<readonly RolledBack[]> {
  const rolledBack: RolledBack[] = [];
  for (const recorded of record.tags.toReversed()) {
    const parsed = parseTaggedReference(recorded.tag);
    if (!parsed.ok) throw new Error("Internal error: a record with a tag that is none");
    const tag = parsed.value;
    rolledBack.push({ tag, outcome: await rollBackTag(tag, recorded, world) });
  }
  return rolledBack;
}

/** What stands against calling it done; undefined where every tag is as it was. */
export function findIncomplete(rolledBack: readonly RolledBack[]): RollbackIncomplete | undefined {
  const tags = rolledBack.flatMap(({ tag, outcome }) =>
    isProblem(outcome) ? [{ tag, problem: outcome }] : [],
  );
  return tags.length === 0 ? undefined : { kind: "rollback-incomplete", tags };
}

function isProblem(outcome: RollbackOutcome): outcome is RollbackProblem {
  return outcome.kind === "moved-since" || outcome.kind === "stays" || outcome.kind === "failed";
}

async function rollBackTag(
  tag: TaggedReference,
  { before, after, state }: RecordedTag,
  world: RollbackWorld,
): Promise<RollbackOutcome> {
  if (before === after || state === "kept" || state === "unchanged") return { kind: "untouched" };
  const now = await readDigest(tag, world);
  if (!now.ok) return { kind: "failed", cause: now.error };
  const current = now.value;
  if (current === before) return { kind: "as-before", digest: before };
  if (current !== after && !world.force) return { kind: "moved-since", current };
  return before === null ? await remove(tag, world) : await restore(tag, before, world);
}

async function readDigest(
  tag: TaggedReference,
  { registry, signal }: RollbackWorld,
): Promise<Result<Digest | null, RegistryFailure>> {
  const read = await registry.store(tag).manifest(tag.tag, signal);
  if (read.ok) return ok(read.value.descriptor.digest);
  return read.error.kind === "manifest-unknown" ? ok(null) : read;
}

async function restore(
  tag: TaggedReference,
  before: Digest,
  { registry, signal }: RollbackWorld,
): Promise<RollbackOutcome> {
  const store = registry.store(tag);
  const document = await store.manifest(before, signal);
  if (!document.ok) return { kind: "failed", cause: document.error };
  const moved = await moveTag(store, { tag: tag.tag, document: document.value }, { signal });
  return moved.ok ? { kind: "restored", digest: before } : { kind: "failed", cause: moved.error };
}

async function remove(tag: TaggedReference, { registry, signal }: RollbackWorld): Promise<RollbackOutcome> {
  const deleted = await registry.store(tag).delete(tag.tag, signal);
  if (deleted.ok) return { kind: "removed" };
  return refusesDeletion(deleted.error)
    ? { kind: "stays", cause: deleted.error }
    : { kind: "failed", cause: deleted.error };
}

// A registry may do without deleting tags, and says so with 400 or 405; distribution 2.8 with a code about digests.
// https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#deleting-tags
function refusesDeletion(failure: RegistryFailure): boolean {
  return failure.kind === "registry-rejected" && (failure.status === 400 || failure.status === 405);
}
