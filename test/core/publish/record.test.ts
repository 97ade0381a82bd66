import { mkdir, readdir, readFile, stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Candidate, TagDecision } from "../../../core/publish/guard.ts";
import { MAX_RECORD_BYTES, openRecorder, readRecord } from "../../../core/publish/record-file.ts";
import { readRecordText } from "../../../core/publish/record-read.ts";
import { defaultRecordPath, type RecordHeader, type ReleaseRecord } from "../../../core/publish/record.ts";
import { makeDocument, OCI } from "../../support/images.ts";
import { platform } from "../../support/make.ts";
import { temporaryFolder } from "../../support/registry-rig.ts";
import { plannedRelease } from "../../support/release.ts";
import { digest } from "../../support/run-events.ts";

const LOCATION = { file: { path: "buildx-plan.yaml", text: "token: hunter2" }, range: { start: 0, end: 0 } };
const HEADER: RecordHeader = {
  tool: "buildx-plan/1.2.3",
  plan: "buildx-plan.yaml",
  registries: [
    {
      registry: "one.example",
      insecure: false,
      ca: "/pki/ca.pem",
      cert: "/pki/cert.pem",
      key: "/pki/key.pem",
      location: LOCATION,
    },
    { registry: "two.example:5000", insecure: true, location: LOCATION },
  ],
};
const TAG = { registry: "one.example", path: "app", tag: "1" };
const INDEX = makeDocument({ mediaType: OCI.index, manifests: [] });
const CANDIDATE: Candidate = {
  release: plannedRelease({ tags: [TAG] }),
  index: INDEX,
  manifests: [
    {
      variant: "app linux/amd64",
      platform: platform("linux/amd64"),
      manifest: { mediaType: OCI.manifest, digest: digest("child"), size: 1 },
      attestations: [],
      size: 1,
      layers: [],
    },
  ],
};

function decision(tag: string, changes: Partial<TagDecision> = {}): TagDecision {
  return { release: "app", tag: { ...TAG, tag }, action: "move", before: null, ...changes };
}

async function open(path: string) {
  const opened = await openRecorder({ path, header: HEADER, now: () => 1_000 });
  if (!opened.ok) throw new Error(opened.error.detail);
  return opened.value;
}

async function read(path: string): Promise<ReleaseRecord> {
  const found = await readRecord(path);
  if (!found.ok) throw new Error(found.error.detail);
  return found.value;
}

/** Until what is written in the background is on disk. */
async function soon(isSo: () => Promise<boolean>): Promise<void> {
  for (let turn = 0; turn < 2_000; turn += 1) {
    if (await isSo()) return;
    await new Promise((resolve) => setImmediate(resolve));
  }
  throw new Error("it did not come");
}

describe("the recorder", () => {
  test("writes what is planned, what has moved, and how it ended; nothing before", async () => {
    const path = join(await temporaryFolder(), "deep/er/record.json");
    const recorder = await open(path);
    expect(await readdir(join(path, ".."))).toEqual([]);
    expect(recorder.isWritten()).toBe(false);
    const decisions = [
      decision("1", { before: digest("before") }),
      decision("kept", { action: "keep", before: digest("pinned") }),
      decision("same", { action: "unchanged", before: INDEX.descriptor.digest }),
      decision("2"),
    ];
    await recorder.begin([CANDIDATE], decisions);
    expect(recorder.isWritten()).toBe(true);
    const after = INDEX.descriptor.digest;
    const planned = {
      schemaVersion: 1,
      kind: "release",
      tool: "buildx-plan/1.2.3",
      startedAt: "1970-01-01T00:00:01.000Z",
      ok: false,
      plan: "buildx-plan.yaml",
      registries: [
        {
          registry: "one.example",
          insecure: false,
          ca: "/pki/ca.pem",
          cert: "/pki/cert.pem",
          key: "/pki/key.pem",
        },
        { registry: "two.example:5000", insecure: true },
      ],
      releases: [
        {
          name: "app",
          digest: after,
          mediaType: OCI.index,
          platforms: [{ platform: "linux/amd64", digest: digest("child") }],
        },
      ],
      tags: [
        { tag: "one.example/app:1", release: "app", before: digest("before"), after, state: "planned" },
        {
          tag: "one.example/app:kept",
          release: "app",
          before: digest("pinned"),
          after: digest("pinned"),
          state: "kept",
        },
        { tag: "one.example/app:same", release: "app", before: after, after, state: "unchanged" },
        { tag: "one.example/app:2", release: "app", before: null, after, state: "planned" },
      ],
    };
    expect(JSON.parse(await readFile(path, "utf8"))).toEqual(planned);
    recorder.moved("one.example/app:1");
    await soon(async () => (await read(path)).tags[0]?.state === "moved");
    recorder.moved("one.example/app:2");
    expect(await recorder.end(true)).toEqual({ ok: true, value: undefined });
    expect(await read(path)).toMatchObject({
      ok: true,
      endedAt: "1970-01-01T00:00:01.000Z",
      tags: [{ state: "moved" }, { state: "kept" }, { state: "unchanged" }, { state: "moved" }],
    });
    expect(await readdir(join(path, ".."))).toEqual(["record.json"]);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
  });

  test("leaves nothing where no release began", async () => {
    const folder = await temporaryFolder();
    const recorder = await open(join(folder, "record.json"));
    expect(await recorder.end(false)).toMatchObject({ ok: true });
    expect(await readdir(folder)).toEqual([]);
  });

  test("a path that cannot be written is told before anything is built", async () => {
    const folder = await temporaryFolder();
    await writeFile(join(folder, "file"), "text");
    for (const path of [join(folder, "file/record.json"), folder, "/proc/nowhere/record.json"]) {
      expect(await openRecorder({ path, header: HEADER, now: () => 0 })).toMatchObject({
        ok: false,
        error: { kind: "record-unwritable", path, when: "before-build" },
      });
    }
  });

  test("replaces a record, and nothing else", async () => {
    const folder = await temporaryFolder();
    const path = join(folder, "record.json");
    const first = await open(path);
    await first.begin([CANDIDATE], [decision("1")]);
    await first.end(true);
    const second = await open(path);
    expect((await read(path)).ok).toBe(true);
    await second.begin([CANDIDATE], [decision("1")]);
    expect((await read(path)).ok).toBe(false);
    await writeFile(path, "version: 1\n");
    expect(await openRecorder({ path, header: HEADER, now: () => 0 })).toMatchObject({
      error: { detail: expect.stringContaining("no record of a release") },
    });
    expect(await readFile(path, "utf8")).toBe("version: 1\n");
    expect(await openRecorder({ path: "/dev/null", header: HEADER, now: () => 0 })).toMatchObject({
      ok: false,
    });
  });

  test("writes through a link", async () => {
    const folder = await temporaryFolder();
    await mkdir(join(folder, "real"));
    await writeFile(join(folder, "real/record.json"), "");
    await symlink(join(folder, "real/record.json"), join(folder, "link.json"));
    const recorder = await open(join(folder, "link.json"));
    await recorder.begin([CANDIDATE], [decision("1")]);
    expect((await read(join(folder, "real/record.json"))).tags).toHaveLength(1);
  });

  test("a folder that is gone meanwhile is told: no tag may move", async () => {
    const folder = await temporaryFolder();
    const path = join(folder, "state/record.json");
    const recorder = await open(path);
    await writeFile(join(folder, "moved-away"), "");
    const { rename, rm } = await import("node:fs/promises");
    await rm(join(folder, "state"), { recursive: true });
    await rename(join(folder, "moved-away"), join(folder, "state"));
    expect(await recorder.begin([CANDIDATE], [decision("1")])).toMatchObject({
      error: { kind: "record-unwritable", when: "before-tags" },
    });
    expect(recorder.isWritten()).toBe(false);
    expect(await recorder.end(true)).toMatchObject({ error: { when: "after-tags" } });
  });
});

test("without a path it goes to the user's state folder, by time", () => {
  const when = { nowMs: Date.UTC(2026, 0, 2, 3, 4, 5, 678), id: "a1b2c3" };
  const name = "buildx-plan/releases/20260102T030405Z-a1b2c3.json";
  expect(defaultRecordPath({ env: {}, home: "/home/me" }, when)).toBe(`/home/me/.local/state/${name}`);
  expect(defaultRecordPath({ env: { XDG_STATE_HOME: "/state" }, home: "/home/me" }, when)).toBe(
    `/state/${name}`,
  );
  expect(defaultRecordPath({ env: { XDG_STATE_HOME: "relative" }, home: "/home/me" }, when)).toBe(
    `/home/me/.local/state/${name}`,
  );
});

describe("reading a record", () => {
  const tag = { tag: "one.example/app:1", release: "app", before: null, after: digest("a"), state: "moved" };
  const good = {
    schemaVersion: 1,
    kind: "release",
    tool: "buildx-plan/1.2.3",
    startedAt: "2026-01-01T00:00:00.000Z",
    ok: true,
    plan: "buildx-plan.yaml",
    registries: [{ registry: "one.example:5000", insecure: true, ca: "/ca.pem" }],
    releases: [
      {
        name: "app",
        digest: digest("a"),
        mediaType: OCI.index,
        platforms: [{ platform: "linux/amd64", digest: digest("c") }],
      },
    ],
    tags: [tag],
  };

  test("takes what the recorder writes", () => {
    expect(readRecordText(JSON.stringify(good))).toEqual({ ok: true, value: good });
  });

  test.each<[string, unknown]>([
    ["another version", { ...good, schemaVersion: 2 }],
    ["another kind", { ...good, kind: "plan" }],
    ["a key that it does not know", { ...good, run: "rm -rf" }],
    ["no tags", { ...good, tags: undefined }],
    ["a tag without a registry", { ...good, tags: [{ ...tag, tag: "app:1" }] }],
    ["a tag with a digest", { ...good, tags: [{ ...tag, tag: `one.example/app:1@${digest("a")}` }] }],
    ["a reference without a tag", { ...good, tags: [{ ...tag, tag: "one.example/app" }] }],
    ["a URL for a tag", { ...good, tags: [{ ...tag, tag: "https://one.example/app:1" }] }],
    ["a path that climbs", { ...good, tags: [{ ...tag, tag: "one.example/../v2/app:1" }] }],
    ["a digest that is none", { ...good, tags: [{ ...tag, before: "sha256:../../x" }] }],
    ["a state that it does not know", { ...good, tags: [{ ...tag, state: "gone" }] }],
    ["one tag twice", { ...good, tags: [tag, tag] }],
    [
      "too many tags",
      {
        ...good,
        tags: Array.from({ length: 10_001 }, (_, at) => ({ ...tag, tag: `one.example/app:${at}` })),
      },
    ],
    [
      "a relative certificate",
      { ...good, registries: [{ registry: "one.example", insecure: false, ca: "ca.pem" }] },
    ],
    ["a registry that is none", { ...good, registries: [{ registry: "one.example/app", insecure: true }] }],
    ["a time that is none", { ...good, startedAt: "yesterday" }],
    ["a list", [good]],
  ])("refuses %s", (_, json) => {
    expect(readRecordText(JSON.stringify(json))).toMatchObject({
      ok: false,
      error: { detail: expect.any(String) },
    });
  });

  test("never throws, whatever it reads", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
        expect(readRecordText(text).ok).toBe(false);
      }),
    );
  });

  test("says what is the matter with the file", async () => {
    const folder = await temporaryFolder();
    const large = join(folder, "large.json");
    await writeFile(large, " ".repeat(MAX_RECORD_BYTES + 1));
    const broken = join(folder, "broken.json");
    await writeFile(broken, '{"schemaVersion": 1');
    expect(await readRecord(join(folder, "none.json"))).toMatchObject({
      error: { kind: "record-unreadable" },
    });
    expect(await readRecord(folder)).toMatchObject({ error: { kind: "record-unreadable" } });
    expect(await readRecord(large)).toMatchObject({ error: { kind: "record-invalid" } });
    expect(await readRecord(broken)).toMatchObject({ error: { kind: "record-invalid" } });
  });
});
