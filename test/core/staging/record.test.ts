import { describe, expect, test } from "vitest";
import { readRecord, recordAnnotations, withoutRecord } from "../../../core/staging/record.ts";
import type { StagingRecord } from "../../../core/staging/staged.ts";
import { STAGED_VARIANT, stagedImage, stagingRecord } from "../../support/staging.ts";

const KEY = "dev.buildx-plan.staging.";
const { manifest } = stagedImage().published;

/** The entry of an image with its record, and something else in it. */
function annotated(record: StagingRecord, changes: Readonly<Record<string, string | undefined>> = {}) {
  const changed = Object.entries({ ...recordAnnotations(record), ...withKey(changes) });
  const written = changed.flatMap(([key, value]) => (value === undefined ? [] : [[key, value] as const]));
  return { ...manifest, annotations: { ...manifest.annotations, ...Object.fromEntries(written) } };
}

function withKey(changes: Readonly<Record<string, string | undefined>>) {
  return Object.fromEntries(Object.entries(changes).map(([name, value]) => [KEY + name, value]));
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
    expect(readRecord(annotated(record))).toEqual({ ok: true, value: record });
  });

  test("with what a later version adds", () => {
    const read = readRecord(annotated(stagingRecord(), { later: "x" }));
    expect(read).toEqual({ ok: true, value: stagingRecord() });
  });

  test("a part of a millisecond is none", () => {
    const read = readRecord(annotated(stagingRecord({ durationMs: 12.7 })));
    expect(read).toMatchObject({ value: { durationMs: 13 } });
  });
});

test("the entry is what it was before, with annotations of its own or none", () => {
  expect(withoutRecord(annotated(stagingRecord()))).toEqual(manifest);
  const { annotations: _, ...bare } = manifest;
  expect(withoutRecord({ ...bare, annotations: recordAnnotations(stagingRecord()) })).toEqual(bare);
  expect(withoutRecord(bare)).toEqual(bare);
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
  const read = readRecord(annotated(stagingRecord(), { [name]: value }));
  expect(read).toMatchObject({ ok: false, error: expect.stringContaining(`${KEY}${name}: `) });
});
