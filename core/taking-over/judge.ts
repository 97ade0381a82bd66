import { gatesFingerprint } from "../staging/gates-fingerprint.ts";
import type { StagingRecord } from "../staging/staged.ts";
import type { StagingLookup } from "../staging/staging.ts";
import { planDigest } from "../staging/tag.ts";
import { isWhole } from "./marks.ts";
import type { Place, TakeOverOptions } from "./place.ts";
import type { Circumstances, NotTaken, NotTakenReason, Taken } from "./take-over.ts";

/** What a variant would be made of now, and what is wanted. */
export interface Judging {
  readonly circumstances: Circumstances;
  readonly options: TakeOverOptions;
}

/** Is what was finished before what would come of a build now? */
export async function judge(found: StagingLookup, place: Place, judging: Judging): Promise<Taken | NotTaken> {
  const lookedAt = [place.tag];
  if (found.kind === "absent") return { kind: "absent", lookedAt };
  if (found.kind === "unusable") return { kind: "absent", lookedAt, why: found.why };
  const { published, record } = found.staged;
  const why = await differenceOf(record, place, judging);
  if (why !== undefined) return { kind: "absent", lookedAt, why };
  return {
    kind: "taken",
    from: "staging",
    image: published,
    built: record.route,
    ...(record.checked === undefined ? {} : { checked: record.checked }),
  };
}

async function differenceOf(
  record: StagingRecord,
  { release, variant }: Place,
  { circumstances, options }: Judging,
): Promise<NotTakenReason | undefined> {
  const { joined, planPartOf, revision } = options;
  const isJoined = joined.has(variant.id);
  // Labels may tell the commit: with another one, the settings are others, too.
  const commit = isJoined ? otherRevision(record.revision, revision) : undefined;
  if (commit !== undefined) return commit;
  if (record.plan !== planDigest(release, planPartOf(variant))) return { kind: "other-settings" };
  if (record.gates !== gatesFingerprint({ release, variant })) return { kind: "other-checks" };
  if (isJoined) return undefined;
  if (record.inputs === undefined) return { kind: "inputs-unknown" };
  const inputs = await options.inputsOf(variant, circumstances);
  if (inputs === undefined || !isWhole(inputs, release)) return { kind: "inputs-unknown" };
  return inputs.digest === record.inputs ? undefined : { kind: "inputs-differ" };
}

/** Where one of the two is not known, nothing speaks against it. */
function otherRevision(staged: string | undefined, own: string | undefined): NotTakenReason | undefined {
  if (staged === undefined || own === undefined || staged === own) return undefined;
  return { kind: "other-revision", staged, own };
}
