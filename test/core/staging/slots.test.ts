import { describe, expect, test } from "vitest";
import { groupSlots, isHeld, putFirst, readSlot, slotOf, takeOut } from "../../../core/staging/slots.ts";
import type { Slot, StagingRecord } from "../../../core/staging/staged.ts";
import { stagedImage, stagingRecord } from "../../support/staging.ts";

const { published } = stagedImage();
const OTHER = stagedImage("other").published;

/** The slot of a pipeline, of an image that all of them have. */
function slotFor(changes: Partial<StagingRecord> = {}): Slot {
  return slotOf(published, stagingRecord(changes));
}

const [A, B, C] = [slotFor(), slotFor({ plan: "d".repeat(64) }), slotFor({ revision: "decaf" })];

test("a slot is the image and its attestations as they will stand in the release's index, and the record", () => {
  expect(readSlot(A)).toEqual({ ok: true, value: { slot: A, ...published, record: stagingRecord() } });
});

describe("entries of an index", () => {
  test("are an image and its attestations, again and again; the same image may be there twice, attested otherwise", () => {
    const again = slotOf({ ...published, attestations: [] }, stagingRecord({ revision: "decaf" }));
    const slots = [A, again, slotOf(OTHER, stagingRecord())];
    expect(groupSlots(slots.flat())).toEqual(slots);
  });

  test.each<readonly [string, Slot[number][]]>([
    ["none", []],
    ["an attestation without an image", [...published.attestations]],
    ["an attestation of another image", [OTHER.manifest, ...published.attestations]],
    [
      "an attestation of the image before the last",
      [...A.slice(0, 1), OTHER.manifest, ...published.attestations],
    ],
  ])("are no slots: %s", (_, entries) => {
    expect(groupSlots(entries)).toBeUndefined();
  });
});

describe("writing", () => {
  test("puts one's own before those of others, and in place of the one that the same pipeline had", () => {
    expect(putFirst([], A)).toEqual([A]);
    expect(putFirst([B, C], A)).toEqual([A, B, C]);
    const again = slotFor({ stagedAt: "2026-11-29T11:00:00.000Z", inputs: `sha256:${"2".repeat(64)}` });
    expect(putFirst([B, A, C], again)).toEqual([again, B, C]);
  });

  test("without a commit, the settings and tags alone tell pipelines apart", () => {
    const { revision: _, ...record } = stagingRecord();
    const slot = slotOf(published, record);
    expect(putFirst([A, slot], slot)).toEqual([slot, A]);
  });
});

describe("what is there", () => {
  const later = slotFor({ stagedAt: "2026-11-29T11:00:00.000Z" });

  test("is one's own slot, or that of a later attempt, but not that of an earlier one", () => {
    expect(isHeld([B, A], A)).toBe(true);
    expect(isHeld([B, C], A)).toBe(false);
    expect(isHeld([later], A)).toBe(true);
    expect(isHeld([A], later)).toBe(false);
  });

  test("only the very same slot is taken out", () => {
    expect(takeOut([B, A, C], A)).toEqual([B, C]);
    expect(takeOut([later], A)).toEqual([later]);
    const attested = slotOf({ ...published, attestations: [] }, stagingRecord());
    expect(takeOut([attested], A)).toEqual([attested]);
    const elsewhere = slotOf(OTHER, stagingRecord());
    expect(takeOut([elsewhere], A)).toEqual([elsewhere]);
  });
});
