import type { RunEvent } from "../event.ts";
import type { GateFailure } from "../gate.ts";
import type { Document } from "../oci/descriptor.ts";
import {
  formatReference,
  formatRepository,
  type Repository,
  type TaggedReference,
} from "../oci/reference.ts";
import type { RegistryFailure } from "../registry/registry-failure.ts";
import type { Registry } from "../registry/registry.ts";
import type { Timing } from "../registry/retry.ts";
import { fail, ok, type Result } from "../result.ts";
import type { Candidate, TagDecision } from "./guard.ts";
import { moveTag, putPatiently } from "./put-patiently.ts";
import type { ReleaseRecorder } from "./record.ts";
import type { ReleaseFailure } from "./release-failure.ts";

/** The world as publishing needs it. */
export interface Publishing {
  readonly registry: Registry;
  readonly onEvent: (event: RunEvent) => void;
  readonly signal: AbortSignal;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** For waits; the real clock unless a test has its own. */
  readonly timing?: Pick<Timing, "sleep">;
  /** What must be done once every index is stored and before any tag names one: signing. */
  readonly beforeTags?: () => Promise<Result<void, GateFailure>>;
  /** Keeps the record of this run. */
  readonly recorder?: ReleaseRecorder;
}

/** A tag that is decided, with the index that it is about. */
export interface PlannedMove {
  readonly decision: TagDecision;
  readonly index: Document;
}

/** Puts tags and indexes together, in the order in which the tags will be moved. */
export function planMoves(
  candidates: readonly Candidate[],
  decisions: readonly TagDecision[],
): readonly PlannedMove[] {
  const indexes = new Map(candidates.map(({ release, index }) => [release.name, index]));
  return decisions.flatMap((decision) => {
    const index = indexes.get(decision.release);
    return index === undefined ? [] : [{ decision, index }];
  });
}

/**
 * Stores every index under its digest in every repository of its release, all at once: still nothing that a tag names. Left out
 * is where a tag names it already, and where the very first tag is going to move, unless something is to be done before that: that one request stores and names it.
 */
export async function putIndexes(
  candidates: readonly Candidate[],
  moves: readonly PlannedMove[],
  publishing: Publishing,
): Promise<Result<void, ReleaseFailure>> {
  const stored = new Set(
    moves.filter(({ decision }) => decision.action === "unchanged").map(({ decision }) => placeOf(decision)),
  );
  const first = moves.find(({ decision }) => decision.action === "move");
  if (first !== undefined && publishing.beforeTags === undefined) stored.add(placeOf(first.decision));
  const puts = candidates.flatMap((candidate) =>
    candidate.release.repositories
      .filter((repository) => !stored.has(placeOf({ release: candidate.release.name, tag: repository })))
      .map((repository) => putIndex(repository, candidate, publishing)),
  );
  const failed = (await Promise.all(puts)).find((put) => !put.ok);
  return failed ?? ok(undefined);
}

/** Moves tags strictly in the plan's order, and stops at the first that does not move. Nothing is read in between. */
export async function moveTags(
  moves: readonly PlannedMove[],
  publishing: Publishing,
): Promise<Result<void, ReleaseFailure>> {
  for (const [at, { decision, index }] of moves.entries()) {
    if (decision.action === "move") {
      const { tag } = decision;
      const moved = await moveTag(
        publishing.registry.store(tag),
        { tag: tag.tag, document: index },
        publishing,
      );
      if (!moved.ok) return fail(halfMoved(moves, at, { cause: moved.error, publishing }));
      publishing.recorder?.moved(formatReference(decision.tag));
    }
    tell(decision, index, publishing);
  }
  return ok(undefined);
}

function tell(
  { release, tag, action, before }: TagDecision,
  index: Document,
  { onEvent, now }: Publishing,
): void {
  const about = { atMs: now(), release, tag };
  const { digest } = index.descriptor;
  if (action === "move") onEvent({ kind: "tag-moved", ...about, digest });
  else if (action === "unchanged") onEvent({ kind: "tag-unchanged", ...about, digest });
  else if (before !== null) onEvent({ kind: "tag-kept", ...about, digest: before });
}

function halfMoved(
  moves: readonly PlannedMove[],
  failedAt: number,
  { cause, publishing }: { readonly cause: RegistryFailure; readonly publishing: Publishing },
): ReleaseFailure {
  const decisions = moves.map(({ decision }) => decision);
  const before = (action: TagDecision["action"]): readonly TaggedReference[] =>
    decisions
      .filter((decision, at) => decision.action === action && (action !== "move" || at < failedAt))
      .map(({ tag }) => tag);
  const failed = decisions[failedAt];
  if (failed === undefined) throw new Error("Internal error: no such tag");
  const { recorder } = publishing;
  return {
    kind: "release-failed",
    release: failed.release,
    moved: before("move"),
    unchanged: before("unchanged"),
    kept: before("keep"),
    failedTag: failed.tag,
    notTried: decisions.filter(({ action }, at) => action === "move" && at > failedAt).map(({ tag }) => tag),
    cause,
    ...(recorder === undefined ? {} : { record: recorder.path }),
  };
}

async function putIndex(
  repository: Repository,
  { release, index }: Candidate,
  publishing: Publishing,
): Promise<Result<void, ReleaseFailure>> {
  const { digest } = index.descriptor;
  const store = publishing.registry.store(repository);
  const put = await putPatiently(store, { reference: digest, document: index }, publishing);
  if (!put.ok)
    return fail({ kind: "index-not-stored", release: release.name, repository, digest, cause: put.error });
  const { onEvent, now } = publishing;
  onEvent({ kind: "index-put", atMs: now(), release: release.name, repository, digest });
  return ok(undefined);
}

function placeOf({ release, tag }: { readonly release: string; readonly tag: Repository }): string {
  return `${release}\0${formatRepository(tag)}`;
}
