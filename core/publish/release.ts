import { formatReference, type TaggedReference } from "../oci/reference.ts";
import type { Digest } from "../oci/digest.ts";
import type { GateFailure } from "../gate.ts";
import type { PlannedRelease } from "../plan/plan.ts";
import type { Registry } from "../registry/registry.ts";
import { fail, ok, type Result } from "../result.ts";
import {
  decideTags,
  isComparable,
  type Allowed,
  type Candidate,
  type TagDecision,
  type TagReadings,
  type TagRefusal,
} from "./guard.ts";
import { putBack } from "./put-back.ts";
import type { RecordUnwritable } from "./record.ts";
import type { ReleaseFailure } from "./release-failure.ts";
import { readTag } from "./tag-now.ts";
import { moveTags, planMoves, putIndexes, type Publishing } from "./tags.ts";

/** What a tag names once the release is out, and how it came to that. */
export interface TagOutcome {
  readonly release: string;
  readonly tag: TaggedReference;
  readonly state: "moved" | "kept" | "unchanged";
  readonly digest: Digest;
}

/** The tags of all releases, in the plan's order. They are out, even where their record could not be kept up. */
export interface ReleasedTags {
  readonly tags: readonly TagOutcome[];
  readonly unrecorded?: RecordUnwritable;
}

/** What tags named, and since when that is known. */
export interface TagsRead {
  readonly readings: TagReadings;
  /** When they were asked for, in milliseconds since the epoch. */
  readonly atMs: number;
}

/** What is known of a tag for so long is read again before it moves: signing and tests may have taken minutes, in which other runs end. */
const FRESH_MS = 1_000;

/** Reads what all tags of these releases point at now, all at once. Worth beginning while the last variants are read back. */
export async function readTags(
  releases: readonly PlannedRelease[],
  registry: Registry,
  signal: AbortSignal,
): Promise<TagReadings> {
  const readings = releases.flatMap((release) => {
    const comparable = isComparable(release);
    return release.tags.map(
      async (tag) => [formatReference(tag), await readTag(registry, { tag, comparable }, signal)] as const,
    );
  });
  return new Map(await Promise.all(readings));
}

/**
 * The guard, then the index by digest everywhere, then the tags in the plan's order. Before the first tag moves, all tags may
 * move, every repository holds its index, and the record is on disk. After the last one, what an older run has moved back is put back.
 */
export async function releaseTags(
  candidates: readonly Candidate[],
  { tagsRead, allowed }: { readonly tagsRead: TagsRead; readonly allowed: Allowed },
  publishing: Publishing,
): Promise<Result<ReleasedTags, ReleaseFailure | GateFailure>> {
  const foreseen = decideAll(candidates, tagsRead.readings, allowed);
  if (!foreseen.ok) return foreseen;
  const prepared = await prepare(candidates, foreseen.value, publishing);
  if (!prepared.ok) return prepared;
  const decided = isFresh(tagsRead, publishing)
    ? foreseen
    : decideAll(candidates, await readAgain(candidates, publishing), allowed);
  if (!decided.ok) return decided;
  const moves = planMoves(candidates, decided.value);
  const { recorder } = publishing;
  const begun = (await recorder?.begin(candidates, decided.value)) ?? ok(undefined);
  const moved = begun.ok ? await moveTags(moves, publishing) : begun;
  if (moved.ok && !allowed.downgrade) await putBack(moves, candidates, publishing);
  const ended = (await recorder?.end(moved.ok)) ?? ok(undefined);
  if (!moved.ok) return moved;
  const tags = moves.map(({ decision, index }) => outcomeOf(decision, index.descriptor.digest));
  return ok({ tags, ...(ended.ok ? {} : { unrecorded: ended.error }) });
}

/** All that takes time and names nothing. */
async function prepare(
  candidates: readonly Candidate[],
  decisions: readonly TagDecision[],
  publishing: Publishing,
): Promise<Result<void, ReleaseFailure | GateFailure>> {
  const put = await putIndexes(candidates, planMoves(candidates, decisions), publishing);
  return put.ok ? ((await publishing.beforeTags?.()) ?? put) : put;
}

function isFresh({ atMs }: TagsRead, { now }: Publishing): boolean {
  return now() - atMs <= FRESH_MS;
}

async function readAgain(
  candidates: readonly Candidate[],
  { registry, signal }: Publishing,
): Promise<TagReadings> {
  return await readTags(
    candidates.map(({ release }) => release),
    registry,
    signal,
  );
}

function decideAll(
  candidates: readonly Candidate[],
  readings: TagReadings,
  allowed: Allowed,
): Result<readonly TagDecision[], ReleaseFailure> {
  const refusals: TagRefusal[] = [];
  const decisions: TagDecision[] = [];
  for (const candidate of candidates) {
    const decided = decideTags(candidate, readings, allowed);
    if (decided.ok) decisions.push(...decided.value);
    else refusals.push(...decided.error);
  }
  return refusals.length === 0 ? ok(decisions) : fail({ kind: "tags-refused", refusals });
}

function outcomeOf({ release, tag, action, before }: TagDecision, index: Digest): TagOutcome {
  if (action === "keep" && before !== null) return { release, tag, state: "kept", digest: before };
  return { release, tag, state: action === "move" ? "moved" : "unchanged", digest: index };
}
