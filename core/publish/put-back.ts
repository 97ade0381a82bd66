import { isComparable, isOlderThan, type Candidate } from "./guard.ts";
import { moveTag } from "./put-patiently.ts";
import { readTag } from "./tag-now.ts";
import type { PlannedMove, Publishing } from "./tags.ts";

/** A run that overtakes again and again is not fought for ever. */
const ROUNDS = 3;

/**
 * Looks once more at the tags that have moved, all at once. No registry can be told "only if it still names this", so a run that had looked
 * at a tag before it moved may write it afterwards. What is older then is put right; anything else is told. A registry that does not
 * answer here changes nothing: the tags had moved.
 */
export async function putBack(
  moves: readonly PlannedMove[],
  candidates: readonly Candidate[],
  publishing: Publishing,
): Promise<void> {
  const byName = new Map(candidates.map((candidate) => [candidate.release.name, candidate]));
  await Promise.all(
    moves.map(async (move) => {
      const candidate = byName.get(move.decision.release);
      // Where nothing tells revisions, nobody could say which of two runs is the newer one.
      if (move.decision.action !== "move" || candidate === undefined || !isComparable(candidate.release))
        return;
      for (let round = 0; round < ROUNDS; round += 1)
        if ((await lookAt(move, candidate, publishing)) === "settled") return;
    }),
  );
}

async function lookAt(
  { decision, index }: PlannedMove,
  candidate: Candidate,
  publishing: Publishing,
): Promise<"settled" | "restored"> {
  const { registry, signal, onEvent, now } = publishing;
  const { tag, release } = decision;
  const store = registry.store(tag);
  const seen = await store.resolve(tag.tag, signal);
  if (!seen.ok || seen.value === undefined || seen.value.digest === index.descriptor.digest) return "settled";
  const read = await readTag(registry, { tag, comparable: true }, signal);
  if (!read.ok || read.value.kind === "absent" || read.value.digest === index.descriptor.digest)
    return "settled";
  const restores = isOlderThan(read.value, candidate);
  const put = restores ? await moveTag(store, { tag: tag.tag, document: index }, publishing) : undefined;
  const restored = put?.ok === true;
  onEvent({ kind: "tag-overtaken", atMs: now(), release, tag, digest: read.value.digest, restored });
  return restored ? "restored" : "settled";
}
