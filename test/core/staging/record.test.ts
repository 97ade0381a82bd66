import { describe, expect, test } from "vitest";
import type { Document } from "../../../core/oci/descriptor.ts";
import { describeStaging, readStagingIndex, stagingIndex } from "../../../core/staging/record.ts";
import type { StagingRecord } from "../../../core/staging/staged.ts";
import { DOCKER, makeDocument, makeImage, OCI } from "../../support/images.ts";
import { STAGED_VARIANT, stagedImage, stagingRecord } from "../../support/staging.ts";

const KEY = "dev.buildx-plan.staging.";
const { published } = stagedImage();

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
  const index = written(stagingIndex(published, stagingRecord()));
  return makeDocument({ ...index, ...change(index) });
}

function annotated(changes: Readonly<Record<string, string | undefined>>): Document {
  return changed(({ annotations }) => ({
    annotations: {
      ...annotations,
      ...Object.fromEntries(Object.entries(changes).map(([name, value]) => [KEY + name, value])),
    },
  }));
}

describe("what was written is read", () => {
  test.each<readonly [string, StagingRecord]>([
    ["all of it", stagingRecord()],
    [
      "as little as there may be",
      {
        variant: STAGED_VARIANT.id,
        plan: "c".repeat(64),
        route: { node: 'tcp://[::1]:1234 <"&>', execution: "emulated" },
        durationMs: 0,
        stagedAt: "2026-01-01T00:00:00.000Z",
        gates: "1.x",
      },
    ],
  ])("%s", (_, record) => {
    const document = stagingIndex(published, record);
    expect(readStagingIndex(document, STAGED_VARIANT.id)).toEqual({
      ok: true,
      value: { ...published, record, digest: document.descriptor.digest },
    });
  });

  test("with what a later version adds", () => {
    const read = readStagingIndex(annotated({ later: "x" }), STAGED_VARIANT.id);
    expect(read).toMatchObject({ ok: true, value: { record: stagingRecord() } });
  });

  test("a part of a millisecond is none", () => {
    const document = stagingIndex(published, stagingRecord({ durationMs: 12.7 }));
    expect(readStagingIndex(document, STAGED_VARIANT.id)).toMatchObject({
      value: { record: { durationMs: 13 } },
    });
  });
});

test("it is OCI's index of the image and its attestation, as they will stand in the release's", () => {
  const { mediaType, manifests } = written(stagingIndex(published, stagingRecord()));
  expect(mediaType).toBe(OCI.index);
  expect(manifests).toEqual([published.manifest, ...published.attestations]);
});

test("and holds Docker's documents, too, which have no annotations of their own", () => {
  const docker = stagedImage("docker", DOCKER).published;
  const document = stagingIndex(docker, stagingRecord());
  expect(document.descriptor.mediaType).toBe(OCI.index);
  expect(readStagingIndex(document, STAGED_VARIANT.id)).toMatchObject({
    ok: true,
    value: { manifest: { mediaType: DOCKER.manifest }, attestations: [], record: stagingRecord() },
  });
});

describe("what nobody can take over", () => {
  test.each<readonly [string, Document, object]>([
    ["no JSON", makeDocument({ mediaType: OCI.index }), { kind: "staging-foreign" }],
    ["an image", makeImage(STAGED_VARIANT.platform).manifest, { kind: "staging-foreign" }],
    ["another index", changed(() => ({ annotations: {} })), { kind: "staging-foreign" }],
    ["another version", annotated({ version: "2" }), { kind: "staging-other-version", version: "2" }],
    [
      "another variant",
      annotated({ variant: "app linux/amd64" }),
      { kind: "staging-other-variant", variant: "app linux/amd64" },
    ],
    ["no image", changed(() => ({ manifests: [] })), { kind: "staging-malformed" }],
    [
      "an attestation alone",
      changed(({ manifests }) => ({ manifests: manifests.slice(1) })),
      { kind: "staging-malformed" },
    ],
    [
      "two images",
      changed(({ manifests }) => ({ manifests: [manifests[0], manifests[0]] })),
      { kind: "staging-malformed" },
    ],
    [
      "an attestation of another image",
      changed(({ manifests }) => ({
        manifests: [{ ...manifests[0], digest: `sha256:${"0".repeat(64)}` }, manifests[1]],
      })),
      { kind: "staging-malformed" },
    ],
  ])("%s", (_, document, why) => {
    const read = readStagingIndex(document, STAGED_VARIANT.id);
    expect(read).toMatchObject({ ok: false, error: { digest: document.descriptor.digest, ...why } });
  });

  test.each([
    ["inputs", "sha256:0123"],
    ["execution", "by hand"],
    ["duration-ms", "1e3"],
    ["staged-at", "yesterday"],
    ["gates", ""],
    ["node", undefined],
    ["variant", "x".repeat(1001)],
    ["checked", "x".repeat(64 * 1024 + 1)],
  ])("a record that is wrong about %s", (name, value) => {
    const read = readStagingIndex(annotated({ [name]: value }), STAGED_VARIANT.id);
    expect(read).toMatchObject({ ok: false, error: { kind: "staging-malformed" } });
    expect(JSON.stringify(read)).toContain(`${KEY}${name}: `);
  });
});

test("whatever version wrote it, it can be told what it is and how old", () => {
  const { annotations } = written(annotated({ version: "99", gates: undefined }));
  const { variant, route, stagedAt } = stagingRecord();
  expect(describeStaging(annotations)).toEqual({ variant, node: route.node, stagedAt });
  expect(describeStaging({ ...annotations, [`${KEY}staged-at`]: "soon" })).toEqual({
    variant,
    node: route.node,
  });
  expect(describeStaging({ [`${KEY}variant`]: "x" })).toBeUndefined();
  expect(describeStaging({})).toBeUndefined();
});
