import type { StoreFailure } from "../registry/store.ts";
import { ok, type Result } from "../result.ts";
import type { Held } from "../staging/hold.ts";
import type { StagingRecord } from "../staging/staged.ts";
import { candidatesIn, type Candidate } from "./candidates.ts";
import { isWhole } from "./marks.ts";
import type { Place, TakeOverOptions } from "./place.ts";
import type { Circumstances, NotTaken, NotTakenReason, TakenFromStaging } from "./take-over.ts";

/** What a variant would be made of now, and what is wanted. */
export interface Judging {
  readonly circumstances: Circumstances;
  readonly options: TakeOverOptions;
}

/** A variant that is taken over from under its staging tag, and what has held it there. */
export interface TakenSlot {
  readonly kind: "taken";
  readonly taken: TakenFromStaging;
  readonly held: Held;
}

/**
 * Is what was finished before what would come of a build now? The first slot that fits is taken; only what fits is read back, and
 * where it is not there any more, the next one is asked.
 */
export async function judge(
  place: Place,
  judging: Judging,
): Promise<Result<TakenSlot | NotTaken, StoreFailure>> {
  const read = await place.staging();
  if (!read.ok) return read;
  const reasons: NotTakenReason[] = [];
  for (const candidate of candidatesIn(read.value, place, judging.options)) {
    const judged = await judgeOne(candidate, place, judging);
    if (!judged.ok) return judged;
    if (judged.value.kind === "taken") return ok(judged.value);
    reasons.push(judged.value);
  }
  const why = reasons.find(isOfImage) ?? reasons[0];
  return ok({ kind: "absent", lookedAt: [place.tag], ...(why === undefined ? {} : { why }) });
}

async function judgeOne(
  candidate: Candidate,
  place: Place,
  judging: Judging,
): Promise<Result<TakenSlot | NotTakenReason, StoreFailure>> {
  if (candidate.kind === "differs") return ok(candidate.why);
  const { staged, digest, isAlone } = candidate.found;
  const { record, slot } = staged;
  const why = await inputsDifference(record, place, judging);
  if (why !== undefined) return ok(why);
  const confirmed = await place.confirm(candidate.found);
  if (!confirmed.ok) return confirmed;
  if (confirmed.value.kind === "unusable") return ok(confirmed.value.why);
  const checked = record.checked === undefined ? {} : { checked: record.checked };
  const { image } = confirmed.value;
  return ok({
    kind: "taken",
    taken: { kind: "taken", from: "staging", image, built: record.route, ...checked },
    held: { tag: place.tag.tag, slot, ...(isAlone ? { alone: digest } : {}) },
  });
}

async function inputsDifference(
  record: StagingRecord,
  { release, variant }: Place,
  { circumstances, options }: Judging,
): Promise<NotTakenReason | undefined> {
  if (options.joined.has(variant.id)) return undefined;
  if (record.inputs === undefined) return { kind: "inputs-unknown" };
  const inputs = await options.inputsOf(variant, circumstances);
  if (inputs === undefined || !isWhole(inputs, release)) return { kind: "inputs-unknown" };
  return inputs.digest === record.inputs ? undefined : { kind: "inputs-differ" };
}

/** Its record fits, so nothing comes nearer. */
function isOfImage({ kind }: NotTakenReason): boolean {
  return kind === "staging-image-lost" || kind === "staging-image-invalid";
}
