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
 * move, every repository holds its index, and the record is on disk.
 */
export async function releaseTags(
  candidates: readonly Candidate[],
  { readings, allowed }: { readonly readings: TagReadings; readonly allowed: Allowed },
  publishing: Publishing,
): Promise<Result<ReleasedTags, ReleaseFailure | GateFailure>> {
  const decided = decideAll(candidates, readings, allowed);
  if (!decided.ok) return decided;
  const decisions = decided.value;
  const moves = planMoves(candidates, decisions);
  const { recorder, beforeTags } = publishing;
  const [put, begun] = await Promise.all([
    putIndexes(candidates, moves, publishing),
    recorder?.begin(candidates, decisions) ?? ok(undefined),
  ]);
  const ready = !begun.ok ? begun : put;
  const prepared = ready.ok ? ((await beforeTags?.()) ?? ready) : ready;
  const moved = prepared.ok ? await moveTags(moves, publishing) : prepared;
  const ended = (await recorder?.end(moved.ok)) ?? ok(undefined);
  if (!moved.ok) return moved;
  const tags = moves.map(({ decision, index }) => outcomeOf(decision, index.descriptor.digest));
  return ok({ tags, ...(ended.ok ? {} : { unrecorded: ended.error }) });
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
