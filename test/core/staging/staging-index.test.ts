import { describe, expect, test } from "vitest";
import type { Document } from "../../../core/oci/descriptor.ts";
import { slotOf } from "../../../core/staging/slots.ts";
import {
  describeStaging,
  MAX_INDEX_BYTES,
  MAX_SLOTS,
  slotsIn,
  stagingIndex,
} from "../../../core/staging/staging-index.ts";
import type { Slot } from "../../../core/staging/staged.ts";
import { DOCKER, makeDocument, makeImage, OCI } from "../../support/images.ts";
import { STAGED_VARIANT, stagedDocument, stagedImage, stagingRecord } from "../../support/staging.ts";

const KEY = "dev.buildx-plan.staging.";
const { published } = stagedImage();
const { variant, route, stagedAt } = stagingRecord();

interface WrittenIndex {
  readonly mediaType: string;
  readonly manifests: readonly Record<string, unknown>[];
  readonly annotations: Readonly<Record<string, string>>;
}

function written(document: Document): WrittenIndex {
  return JSON.parse(Buffer.from(document.bytes).toString("utf8"));
}

/** A staging index with something else in it. */
function changed(change: (index: WrittenIndex) => object): Document {
  const index = written(stagedDocument(published, stagingRecord()));
  return makeDocument({ ...index, ...change(index) });
}

/** Of different pipelines, the newest first. */
function slots(count: number, more = ""): [Slot, ...Slot[]] {
  const others = Array.from({ length: count - 1 }, (_, at) =>
    slotOf(stagedImage(`layer ${at}`).published, stagingRecord({ revision: `${at}`, checked: `x${more}` })),
  );
  return [slotOf(published, stagingRecord({ checked: `x${more}` })), ...others];
}

test("it is OCI's index of all slots, one after the other, and no index within it", () => {
  const three = slots(3);
  const { document } = stagingIndex(three);
  const { mediaType, manifests } = written(document);
  expect(mediaType).toBe(OCI.index);
  expect(manifests).toEqual(three.flat());
  expect(slotsIn(document)).toEqual({ ok: true, value: three });
});

test("and holds Docker's documents, too, which have no annotations of their own", () => {
  const docker = slotOf(stagedImage("docker", DOCKER).published, stagingRecord());
  const { document } = stagingIndex([docker]);
  expect(document.descriptor.mediaType).toBe(OCI.index);
  expect(slotsIn(document)).toEqual({ ok: true, value: [docker] });
});

describe("of too many slots, the oldest are left out", () => {
  test("by number", () => {
    const all = slots(MAX_SLOTS + 2);
    expect(stagingIndex(all).slots).toEqual(all.slice(0, MAX_SLOTS));
    const more = changed(() => ({ manifests: all.flat() }));
    expect(slotsIn(more)).toEqual({ ok: true, value: all.slice(0, MAX_SLOTS) });
  });

  test("by size, as it is written; one's own is never left out", () => {
    // JSON makes two bytes of each.
    const all = slots(6, '"'.repeat(100 * 1024));
    const { document, slots: kept } = stagingIndex(all);
    expect(kept.length).toBe(5);
    expect(kept.every((slot, at) => slot === all[at])).toBe(true);
    expect(document.bytes.length).toBeLessThan(MAX_INDEX_BYTES);
    const [huge] = slots(1, "x".repeat(MAX_INDEX_BYTES));
    expect(stagingIndex([huge, ...all]).slots.length).toBe(1);
  });
});

describe("what nobody can take over", () => {
  test.each<readonly [string, Document, object]>([
    ["no JSON", makeDocument({ mediaType: OCI.index }), { kind: "staging-foreign" }],
    ["an image", makeImage(STAGED_VARIANT.platform).manifest, { kind: "staging-foreign" }],
    ["another index", changed(() => ({ annotations: {} })), { kind: "staging-foreign" }],
    [
      "another version",
      changed(({ annotations }) => ({ annotations: { ...annotations, [`${KEY}version`]: "1" } })),
      { kind: "staging-other-version", version: "1" },
    ],
    ["no image", changed(() => ({ manifests: [] })), { kind: "staging-malformed" }],
    [
      "an attestation alone",
      changed(({ manifests }) => ({ manifests: manifests.slice(1) })),
      { kind: "staging-malformed" },
    ],
  ])("%s", (_, document, why) => {
    const read = slotsIn(document);
    expect(read).toMatchObject({ ok: false, error: { digest: document.descriptor.digest, ...why } });
  });
});

test("whatever version wrote it, it can be told what it is and how old: by its newest slot", () => {
  const [newest, older] = slots(2);
  const { annotations } = written(stagingIndex([newest, older ?? newest]).document);
  const said = { variant, node: route.node, stagedAt };
  expect(describeStaging(annotations)).toEqual(said);
  expect(describeStaging({ ...annotations, [`${KEY}version`]: "99" })).toEqual(said);
  expect(describeStaging({ ...annotations, [`${KEY}staged-at`]: "soon" })).toEqual({
    variant,
    node: route.node,
  });
  expect(describeStaging({ [`${KEY}variant`]: "x" })).toBeUndefined();
  expect(describeStaging({})).toBeUndefined();
});
