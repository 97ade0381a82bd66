import type { RunEvent } from "../event.ts";
import type { Document } from "../oci/descriptor.ts";
import type { Digest } from "../oci/digest.ts";
import { assembleIndex, indexFormatOf, type IndexRefused } from "../oci/image-index.ts";
import type { Repository, TaggedReference } from "../oci/reference.ts";
import type { PlannedRelease } from "../plan/plan.ts";
import type { PublishedManifest } from "./confirm.ts";
import type { RegistryFailure } from "../registry/registry-failure.ts";
import type { Registry } from "../registry/registry.ts";
import { fail, ok, type Result } from "../result.ts";

/** A release and the index that it will be. */
export interface StitchedRelease {
  readonly release: PlannedRelease;
  readonly index: Document;
}

/** The world as publishing needs it. */
export interface Publishing {
  readonly registry: Registry;
  readonly onEvent: (event: RunEvent) => void;
  readonly signal: AbortSignal;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/** Why a release is not out. Only `release-failed` may leave tags moved, and it says which. */
export type ReleaseFailure =
  /** The gate: variants (by id) that are required and absent, or present and not of this release, or present twice. */
  | {
      readonly kind: "release-incomplete";
      readonly release: string;
      readonly missing: readonly string[];
      readonly unexpected: readonly string[];
    }
  | { readonly kind: "index-refused"; readonly release: string; readonly cause: IndexRefused }
  /** An index could not be stored under its digest: no tag of any release has moved. */
  | {
      readonly kind: "index-not-stored";
      readonly release: string;
      readonly repository: Repository;
      readonly digest: Digest;
      readonly cause: RegistryFailure;
    }
  /** A tag could not be moved. `moved` point at the new index, `notTried` at what they did before; both in the plan's order. */
  | {
      readonly kind: "release-failed";
      readonly release: string;
      readonly moved: readonly TaggedReference[];
      readonly failedTag: TaggedReference;
      readonly notTried: readonly TaggedReference[];
      readonly cause: RegistryFailure;
    };

/**
 * Assembles a release's index from what was confirmed: images in the plan's order, whatever order they were built in, then
 * their attestations in the same order, as BuildKit lays out an index of several platforms.
 * @see https://github.com/moby/buildkit/blob/master/exporter/containerimage/writer.go
 */
export function stitchRelease(
  release: PlannedRelease,
  published: readonly PublishedManifest[],
): Result<Document, ReleaseFailure> {
  const incomplete = findIncomplete(release, published);
  if (incomplete !== undefined) return fail(incomplete);
  const ordered = release.variants.flatMap(({ id }) => published.filter(({ variant }) => variant === id));
  const children = [
    ...ordered.map(({ manifest }) => manifest),
    ...ordered.flatMap(({ attestations }) => attestations),
  ];
  const annotations = release.indexAnnotations;
  const index = assembleIndex({ children, annotations, format: indexFormatOf(children, annotations) });
  return index.ok ? index : fail({ kind: "index-refused", release: release.name, cause: index.error });
}

/** Stores every index under its digest in every repository of its release, all at once: still nothing that a tag names. */
export async function putIndexes(
  stitched: readonly StitchedRelease[],
  publishing: Publishing,
): Promise<Result<void, ReleaseFailure>> {
  const puts = stitched.flatMap(({ release, index }) =>
    release.repositories.map((repository) => putIndex(repository, { release, index }, publishing)),
  );
  const failed = (await Promise.all(puts)).find((put) => !put.ok);
  return failed ?? ok(undefined);
}

/** Moves tags strictly in the plan's order, and stops at the first that does not move. */
export async function moveTags(
  stitched: readonly StitchedRelease[],
  publishing: Publishing,
): Promise<Result<void, ReleaseFailure>> {
  const moves = stitched.flatMap(({ release, index }) =>
    release.tags.map((tag) => ({ release, index, tag })),
  );
  for (const [at, { release, index, tag }] of moves.entries()) {
    const moved = await moveTag(tag, index, publishing);
    if (!moved.ok) {
      const tags = moves.map((move) => move.tag);
      return fail({
        kind: "release-failed",
        release: release.name,
        moved: tags.slice(0, at),
        failedTag: tag,
        notTried: tags.slice(at + 1),
        cause: moved.error,
      });
    }
    const { digest } = index.descriptor;
    publishing.onEvent({ kind: "tag-moved", atMs: publishing.now(), release: release.name, tag, digest });
  }
  return ok(undefined);
}

function findIncomplete(
  release: PlannedRelease,
  published: readonly PublishedManifest[],
): ReleaseFailure | undefined {
  const present = published.map(({ variant }) => variant);
  const expected = new Set(release.variants.map(({ id }) => id));
  const missing = release.variants.filter(
    ({ id, required }) => required && !present.some((each) => each === id),
  );
  const unexpected = present.filter((id, at) => !expected.has(id) || present.indexOf(id) !== at);
  if (missing.length === 0 && unexpected.length === 0) return undefined;
  return {
    kind: "release-incomplete",
    release: release.name,
    missing: missing.map(({ id }) => id),
    unexpected,
  };
}

async function putIndex(
  repository: Repository,
  { release, index }: StitchedRelease,
  { registry, onEvent, signal, now }: Publishing,
): Promise<Result<void, ReleaseFailure>> {
  const { digest } = index.descriptor;
  const put = await registry.store(repository).putManifest(digest, index, signal);
  if (!put.ok)
    return fail({ kind: "index-not-stored", release: release.name, repository, digest, cause: put.error });
  onEvent({ kind: "index-put", atMs: now(), release: release.name, repository, digest });
  return ok(undefined);
}

// A PUT without an answer may have been carried out all the same: the tag itself says so.
async function moveTag(
  tag: TaggedReference,
  index: Document,
  { registry, signal }: Publishing,
): Promise<Result<void, RegistryFailure>> {
  const put = await registry.store(tag).putManifest(tag.tag, index, signal);
  if (put.ok || put.error.kind !== "registry-unreachable") return put;
  const read = await registry.store(tag).manifest(tag.tag, signal);
  return read.ok && read.value.descriptor.digest === index.descriptor.digest ? ok(undefined) : put;
}
