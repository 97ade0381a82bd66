import { gatesFingerprint } from "../staging/gates-fingerprint.ts";
import { readSlot } from "../staging/slots.ts";
import type { Slot, StagingRecord } from "../staging/staged.ts";
import type { StagingLookup } from "../staging/staging.ts";
import { planDigest } from "../staging/tag.ts";
import type { FoundSlot, Place, TakeOverOptions } from "./place.ts";
import type { NotTakenReason } from "./take-over.ts";

/** A slot that may be taken over, or why it is not: as far as that can be told without knowing what a build would be made of. */
export type Candidate =
  | { readonly kind: "fits"; readonly found: FoundSlot }
  | { readonly kind: "differs"; readonly why: NotTakenReason };

/** What is under a staging tag, in the order in which it is looked at: those of this very commit first, then the newest. */
export function candidatesIn(
  lookup: StagingLookup,
  place: Place,
  options: TakeOverOptions,
): readonly Candidate[] {
  if (lookup.kind === "absent") return [];
  if (lookup.kind === "unusable") return [{ kind: "differs", why: lookup.why }];
  const ranked = lookup.slots
    .map((slot) => rank(slot, lookup, { place, options }))
    .toSorted((one, other) => one.distance - other.distance);
  return ranked.map(({ candidate }) => candidate);
}

interface Ranked {
  readonly distance: 0 | 1 | 2;
  readonly candidate: Candidate;
}

function rank(
  slot: Slot,
  { slots, digest }: Extract<StagingLookup, { readonly kind: "slots" }>,
  { place, options }: { readonly place: Place; readonly options: TakeOverOptions },
): Ranked {
  const staged = readSlot(slot);
  if (!staged.ok) {
    const why = { kind: "staging-malformed", digest, detail: staged.error } as const;
    return { distance: 2, candidate: { kind: "differs", why } };
  }
  const { record } = staged.value;
  const distance = options.revision !== undefined && record.revision === options.revision ? 0 : 1;
  if (record.variant !== place.variant.id) {
    const why = { kind: "staging-other-variant", digest, variant: record.variant } as const;
    return { distance: 2, candidate: { kind: "differs", why } };
  }
  const why = differenceOf(record, place, options);
  if (why !== undefined) return { distance, candidate: { kind: "differs", why } };
  const found = { staged: staged.value, digest, isAlone: slots.length === 1 };
  return { distance, candidate: { kind: "fits", found } };
}

function differenceOf(
  record: StagingRecord,
  { release, variant }: Place,
  { joined, planPartOf, revision }: TakeOverOptions,
): NotTakenReason | undefined {
  // Labels may tell the commit: with another one, the settings are others, too.
  const commit = joined.has(variant.id) ? otherRevision(record.revision, revision) : undefined;
  if (commit !== undefined) return commit;
  if (record.plan !== planDigest(release, planPartOf(variant))) return { kind: "other-settings" };
  return record.gates === gatesFingerprint({ release, variant }) ? undefined : { kind: "other-checks" };
}

/** Where one of the two is not known, nothing speaks against it. */
function otherRevision(staged: string | undefined, own: string | undefined): NotTakenReason | undefined {
  if (staged === undefined || own === undefined || staged === own) return undefined;
  return { kind: "other-revision", staged, own };
}
