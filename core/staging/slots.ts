/**
 * A staging tag has a slot for each of several pipelines: a registry that never removes a tag is left with one for each variant, and
 * pipelines that overlap do not lose each other's parts. Values; who writes them is core/staging/hold.ts.
 */
import { attestedDigest, isAttestation } from "../oci/attestation.ts";
import type { Descriptor } from "../oci/descriptor.ts";
import type { PublishedManifest } from "../publish/confirm.ts";
import { ok, type Result } from "../result.ts";
import { readRecord, recordAnnotations, stagingValues, withoutRecord } from "./record.ts";
import type { Slot, StagedSlot, StagingRecord } from "./staged.ts";

/** The slot that a finished variant gets. */
export function slotOf(
  { manifest, attestations }: Pick<PublishedManifest, "manifest" | "attestations">,
  record: StagingRecord,
): Slot {
  const annotations = { ...manifest.annotations, ...recordAnnotations(record) };
  return [{ ...manifest, annotations }, ...attestations];
}

/** What a slot holds; the failure says what is wrong with its record, for people. */
export function readSlot(slot: Slot): Result<StagedSlot, string> {
  const [image, ...attestations] = slot;
  const record = readRecord(image);
  if (!record.ok) return record;
  return ok({ slot, manifest: withoutRecord(image), attestations, record: record.value });
}

/**
 * The entries of an index as slots; undefined where they are none. An attestation belongs to the image before it, which it names: the same
 * image may stand there twice, each time with what was attested of that build.
 */
export function groupSlots(entries: readonly Descriptor[]): readonly Slot[] | undefined {
  const slots: [Descriptor, ...Descriptor[]][] = [];
  for (const entry of entries) {
    const current = slots.at(-1);
    if (!isAttestation(entry)) slots.push([entry]);
    else if (current !== undefined && attestedDigest(entry) === current[0].digest) current.push(entry);
    else return undefined;
  }
  return slots.length === 0 ? undefined : slots;
}

/** The slots once this one is written: before all others, and instead of the one that the same pipeline had. */
export function putFirst(slots: readonly Slot[], slot: Slot): readonly [Slot, ...Slot[]] {
  return [slot, ...slots.filter((each) => !isSamePipeline(each, slot))];
}

/** The slots once this very one is gone. That of another attempt of the same pipeline stays. */
export function takeOut(slots: readonly Slot[], slot: Slot): readonly Slot[] {
  return slots.filter((each) => !isSame(each, slot));
}

/** Is it there, or what a later attempt of its pipeline has put instead? */
export function isHeld(slots: readonly Slot[], slot: Slot): boolean {
  return slots.some((each) => isSamePipeline(each, slot) && stagedAt(each) >= stagedAt(slot));
}

/** Those who finish the same settings, for the same tags, of the same commit are attempts of one pipeline. */
function isSamePipeline(one: Slot, other: Slot): boolean {
  return pipelineOf(one) === pipelineOf(other);
}

function pipelineOf([{ annotations }]: Slot): string {
  const { plan, revision } = stagingValues(annotations);
  return JSON.stringify([plan, revision]);
}

function stagedAt([{ annotations }]: Slot): string {
  return stagingValues(annotations)["staged-at"] ?? "";
}

function isSame(one: Slot, other: Slot): boolean {
  return factsOf(one) === factsOf(other);
}

function factsOf(slot: Slot): string {
  return JSON.stringify(
    slot.map(({ digest, annotations = {} }) => [
      digest,
      Object.keys(annotations)
        .toSorted()
        .map((key) => [key, annotations[key]]),
    ]),
  );
}
