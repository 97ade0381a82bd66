import { expect, test } from "vitest";
import type { RunEvent } from "../../../core/event.ts";
import { formatReference } from "../../../core/oci/reference.ts";
import type { PlannedRelease } from "../../../core/plan/plan.ts";
import type { Allowed, Candidate } from "../../../core/publish/guard.ts";
import type { ReleaseRecorder } from "../../../core/publish/record.ts";
import { readTags, releaseTags } from "../../../core/publish/release.ts";
import type { Publishing } from "../../../core/publish/tags.ts";
import type { FakeRegistry } from "../../support/fake-registry.ts";
import { addImage, makeDocument, makeImage, OCI, type TestImage } from "../../support/images.ts";
import { platform, variant } from "../../support/make.ts";
import { fakeRegistry, testClient } from "../../support/registry-rig.ts";
import { plannedRelease } from "../../support/release.ts";

const NEITHER: Allowed = { shrink: false, downgrade: false };

interface World {
  readonly fake: FakeRegistry;
  readonly publishing: Publishing;
  readonly events: RunEvent[];
  readonly controller: AbortController;
  readonly waitsMs: number[];
}

async function world(): Promise<World> {
  const fake = await fakeRegistry();
  const { registry } = await testClient();
  const events: RunEvent[] = [];
  const waitsMs: number[] = [];
  const controller = new AbortController();
  return {
    fake,
    events,
    controller,
    waitsMs,
    publishing: {
      registry,
      onEvent: (event) => void events.push(event),
      signal: controller.signal,
      now: () => 7,
      timing: { sleep: async (ms) => void waitsMs.push(ms) },
    },
  };
}

function imageOf(text: string, layer = "layer"): TestImage {
  return makeImage({ ...platform(text) }, [layer]);
}

/** A release of these tags (`path:tag`) whose children are in place, and its index. */
function stocked(
  { fake }: World,
  tags: readonly string[],
  changes: Partial<PlannedRelease> & { readonly layer?: string } = {},
): Candidate {
  const { layer = "layer", ...planned } = changes;
  const parsed = tags.map((text) => {
    const [path = "", tag = ""] = text.split(":");
    return { registry: fake.host, path, tag };
  });
  const paths = [...new Set(parsed.map(({ path }) => path))];
  const image = imageOf("linux/amd64", layer);
  for (const path of paths) addImage(fake, path, image);
  const where = platform("linux/amd64");
  const manifest = { ...image.manifest.descriptor, platform: where };
  const release = plannedRelease({
    variants: [variant("linux/amd64")],
    tags: parsed,
    repositories: paths.map((path) => ({ registry: fake.host, path })),
    ...planned,
  });
  return {
    release,
    index: makeDocument({ schemaVersion: 2, mediaType: OCI.index, manifests: [manifest] }),
    manifests: [
      { variant: "app linux/amd64", platform: where, manifest, attestations: [], size: 1, layers: [] },
    ],
  };
}

async function release(
  { publishing }: World,
  candidates: readonly Candidate[],
  changes: Partial<Publishing> & { readonly allowed?: Allowed } = {},
) {
  const { allowed = NEITHER, ...more } = changes;
  const releases = candidates.map((each) => each.release);
  const readings = await readTags(releases, publishing.registry, publishing.signal);
  const tagsRead = { readings, atMs: publishing.now() };
  return await releaseTags(candidates, { tagsRead, allowed }, { ...publishing, ...more });
}

/** An index of these platforms behind a tag. */
function occupy(fake: FakeRegistry, path: string, tag: string, platforms: readonly string[]): string {
  const manifests = platforms.map((text) => {
    const image = imageOf(text, "before");
    addImage(fake, path, image);
    return { ...image.manifest.descriptor, platform: { ...platform(text) } };
  });
  return fake.addManifest(path, { schemaVersion: 2, mediaType: OCI.index, manifests }, tag).digest;
}

function writes({ fake }: World): readonly string[] {
  return fake.log().filter((line) => line.startsWith("PUT"));
}

test("one repository: a request to read and one to write for each tag, and none besides", async () => {
  const here = await world();
  const one = stocked(here, ["team/app:1", "team/app:latest"]);
  const { digest } = one.index.descriptor;
  const released = await release(here, [one]);
  expect(here.fake.log().toSorted()).toEqual([
    "GET /v2/team/app/manifests/1",
    "GET /v2/team/app/manifests/latest",
    "PUT /v2/team/app/manifests/1",
    "PUT /v2/team/app/manifests/latest",
  ]);
  expect(released).toMatchObject({
    value: {
      tags: [
        { state: "moved", digest },
        { state: "moved", digest },
      ],
    },
  });
  expect(here.fake.stored("team/app", "latest")?.digest).toBe(digest);
  expect(here.events.map(({ kind }) => kind)).toEqual(["tag-moved", "tag-moved"]);
});

test("several repositories and releases: every index is everywhere before the first tag moves", async () => {
  const here = await world();
  const app = stocked(here, ["team/app:1", "mirror/app:1"]);
  const tool = stocked(here, ["team/app:tool", "team/tool:1"], { name: "tool", layer: "tool" });
  expect(await release(here, [app, tool])).toMatchObject({ ok: true });
  const [appDigest, toolDigest] = [app, tool].map(({ index }) => index.descriptor.digest);
  expect(writes(here).slice(0, 3).toSorted()).toEqual([
    `PUT /v2/mirror/app/manifests/${appDigest}`,
    `PUT /v2/team/app/manifests/${toolDigest}`,
    `PUT /v2/team/tool/manifests/${toolDigest}`,
  ]);
  expect(writes(here).slice(3)).toEqual([
    "PUT /v2/team/app/manifests/1",
    "PUT /v2/mirror/app/manifests/1",
    "PUT /v2/team/app/manifests/tool",
    "PUT /v2/team/tool/manifests/1",
  ]);
});

test("an index that one repository does not take keeps all tags where they are", async () => {
  const here = await world();
  const one = stocked(here, ["team/app:1", "mirror/app:1"]);
  here.fake.failNext({ method: "PUT", path: /mirror/ }, { kind: "status", status: 403 });
  expect(await release(here, [one])).toMatchObject({
    ok: false,
    error: { kind: "index-not-stored", repository: { path: "mirror/app" }, cause: { status: 403 } },
  });
  expect(here.fake.stored("team/app", "1")).toBeUndefined();
});

test("stores no index where a child is missing, and says so once it has waited for it", async () => {
  const here = await world();
  const { index, ...rest } = stocked(here, ["team/app:1"]);
  const missing = { ...imageOf("linux/arm64").manifest.descriptor, platform: platform("linux/arm64") };
  const broken = makeDocument({ schemaVersion: 2, mediaType: OCI.index, manifests: [missing] });
  expect(await release(here, [{ ...rest, index: broken }])).toMatchObject({
    error: { kind: "release-failed", moved: [], failedTag: { tag: "1" }, cause: { status: 404 } },
  });
  expect(here.waitsMs).toEqual([250, 500, 1_000, 2_000]);
  expect(index.descriptor.digest).not.toBe(broken.descriptor.digest);
});

test.each([
  [404, "MANIFEST_UNKNOWN"],
  [400, "MANIFEST_BLOB_UNKNOWN"],
  [400, "BLOB_UNKNOWN"],
  [404, ""],
])("a registry that needs a moment until its children can be named (%i %s) gets it", async (status, code) => {
  const here = await world();
  const one = stocked(here, ["team/app:1", "mirror/app:1"]);
  const body = code === "" ? "" : JSON.stringify({ errors: [{ code, message: "not yet" }] });
  here.fake.failNext({ method: "PUT" }, { kind: "status", status, body }, 3);
  expect(await release(here, [one])).toMatchObject({ ok: true });
  expect(here.waitsMs).toHaveLength(3);
});

test("a refusal that time does not mend is not waited for", async () => {
  const here = await world();
  here.fake.failNext({ method: "PUT" }, { kind: "status", status: 403 });
  expect(await release(here, [stocked(here, ["team/app:1"])])).toMatchObject({ ok: false });
  expect(here.waitsMs).toEqual([]);
});

test("stops at the first tag that does not move, and says what became of each", async () => {
  const here = await world();
  const { fake } = here;
  occupy(fake, "team/app", "pinned", ["linux/amd64"]);
  const one = stocked(here, [
    "team/app:same",
    "team/app:1",
    "team/app:pinned",
    "team/app:1.2",
    "team/app:latest",
  ]);
  fake.addManifest("team/app", Buffer.from(one.index.bytes).toString("utf8"), "same");
  const tags = one.release.tags.map((tag) =>
    tag.tag === "pinned" ? { ...tag, ifExists: "skip" as const } : tag,
  );
  fake.failNext({ method: "PUT", path: /1\.2$/ }, { kind: "status", status: 403 });
  const result = await release(here, [{ ...one, release: { ...one.release, tags } }]);
  expect(result).toMatchObject({
    error: {
      kind: "release-failed",
      release: "app",
      moved: [{ tag: "1" }],
      unchanged: [{ tag: "same" }],
      kept: [{ tag: "pinned" }],
      failedTag: { tag: "1.2" },
      notTried: [{ tag: "latest" }],
      cause: { kind: "registry-denied", status: 403 },
    },
  });
  expect(writes(here)).toEqual(["PUT /v2/team/app/manifests/1", "PUT /v2/team/app/manifests/1.2"]);
  expect(here.events.map(({ kind }) => kind)).toEqual(["tag-unchanged", "tag-moved", "tag-kept"]);
});

test("moves no further tag once it is cancelled", async () => {
  const here = await world();
  const one = stocked(here, ["team/app:1", "team/app:2", "team/app:3"]);
  const onEvent = (event: RunEvent): void => {
    if (event.kind === "tag-moved") here.controller.abort();
  };
  expect(await release(here, [one], { onEvent })).toMatchObject({
    error: {
      moved: [{ tag: "1" }],
      failedTag: { tag: "2" },
      notTried: [{ tag: "3" }],
      cause: { kind: "registry-cancelled" },
    },
  });
  expect(writes(here)).toEqual(["PUT /v2/team/app/manifests/1"]);
});

test("takes a tag for moved where only the answer got lost", async () => {
  const here = await world();
  const one = stocked(here, ["team/app:1", "team/app:2"]);
  const readings = await readTags([one.release], here.publishing.registry, here.controller.signal);
  const { digest, mediaType } = one.index.descriptor;
  here.fake.failNext({ method: "PUT", path: /1$/ }, { kind: "reset" }, 5);
  here.fake.failNext(
    { method: "GET", path: /1$/ },
    {
      kind: "status",
      status: 200,
      headers: { "docker-content-digest": digest, "content-type": mediaType },
      body: Buffer.from(one.index.bytes).toString("utf8"),
    },
  );
  const released = await releaseTags(
    [one],
    { tagsRead: { readings, atMs: 7 }, allowed: NEITHER },
    here.publishing,
  );
  expect(released).toMatchObject({ ok: true });
  expect(here.fake.stored("team/app", "2")?.digest).toBe(digest);
});

test("a plain second run writes nothing", async () => {
  const here = await world();
  const one = stocked(here, ["team/app:1", "mirror/app:1"]);
  await release(here, [one]);
  const before = writes(here).length;
  expect(await release(here, [one])).toMatchObject({
    value: { tags: [{ state: "unchanged" }, { state: "unchanged" }] },
  });
  expect(writes(here)).toHaveLength(before);
  expect(here.events.slice(-2).map(({ kind }) => kind)).toEqual(["tag-unchanged", "tag-unchanged"]);
});

test("the guard refuses before anything is written, for all releases at once", async () => {
  const here = await world();
  occupy(here.fake, "team/app", "latest", ["linux/amd64", "linux/arm64"]);
  occupy(here.fake, "team/tool", "1", ["linux/amd64"]);
  const app = stocked(here, ["team/app:1", "team/app:latest"]);
  const tool = stocked(here, ["team/tool:1"], { name: "tool", layer: "tool" });
  const pinned = {
    ...tool.release,
    tags: tool.release.tags.map((tag) => ({ ...tag, ifExists: "fail" as const })),
  };
  here.fake.failNext({ method: "GET", path: /app\/manifests\/1$/ }, { kind: "status", status: 403 });
  expect(await release(here, [app, { ...tool, release: pinned }])).toMatchObject({
    error: {
      kind: "tags-refused",
      refusals: [
        { release: "app", tag: { tag: "1" }, why: "unreadable", cause: { status: 403 } },
        { release: "app", tag: { tag: "latest" }, why: "shrinks", lost: ["linux/arm64"] },
        { release: "tool", tag: { tag: "1" }, why: "exists" },
      ],
    },
  });
  expect(writes(here)).toEqual([]);
  expect(here.events).toEqual([]);
});

test("a tag that is kept costs nothing but the look at it, and its repository holds the index all the same", async () => {
  const here = await world();
  const before = occupy(here.fake, "team/app", "1", ["linux/amd64"]);
  const one = stocked(here, ["team/app:1"]);
  const kept = {
    ...one.release,
    tags: one.release.tags.map((tag) => ({ ...tag, ifExists: "skip" as const })),
  };
  expect(await release(here, [{ ...one, release: kept }])).toMatchObject({
    value: { tags: [{ state: "kept", digest: before }] },
  });
  expect(writes(here)).toEqual([`PUT /v2/team/app/manifests/${one.index.descriptor.digest}`]);
  expect(here.fake.stored("team/app", "1")?.digest).toBe(before);
});

/** Takes down what it is told, and when in relation to the requests. */
function spyingRecorder(log: string[], changes: Partial<ReleaseRecorder> = {}): ReleaseRecorder {
  return {
    path: "/state/record.json",
    isWritten: () => true,
    begin: async (_, decisions) => {
      log.push(`begin ${decisions.map(({ tag, before }) => `${tag.tag}=${before}`).join(" ")}`);
      return { ok: true, value: undefined };
    },
    moved: (tag) => void log.push(`moved ${tag}`),
    end: async (isDone) => {
      log.push(`end ${isDone}`);
      return { ok: true, value: undefined };
    },
    ...changes,
  };
}

test("the record begins before the first tag moves, follows each, and says how it ended", async () => {
  const here = await world();
  const before = occupy(here.fake, "team/app", "1", ["linux/amd64"]);
  const one = stocked(here, ["team/app:1", "team/app:2"]);
  const log: string[] = [];
  const onEvent = (event: RunEvent): void => void log.push(event.kind);
  await release(here, [one], { onEvent, recorder: spyingRecorder(log) });
  const [first, second] = one.release.tags.map(formatReference);
  expect(log).toEqual([
    `begin 1=${before} 2=null`,
    `moved ${first}`,
    "tag-moved",
    `moved ${second}`,
    "tag-moved",
    "end true",
  ]);
});

test("a release without a record moves no tag; one that lost it on the way is out, and says so", async () => {
  const failed = {
    ok: false,
    error: { kind: "record-unwritable", path: "/state/record.json", when: "before-tags", detail: "ENOSPC" },
  } as const;
  const here = await world();
  const one = stocked(here, ["team/app:1"]);
  const none = spyingRecorder([], { begin: async () => failed });
  expect(await release(here, [one], { recorder: none })).toEqual(failed);
  expect(here.fake.stored("team/app", "1")).toBeUndefined();
  const lost = spyingRecorder([], { end: async () => failed });
  expect(await release(here, [one], { recorder: lost })).toMatchObject({
    value: { tags: [{ state: "moved" }], unrecorded: failed.error },
  });
});

const CREATED = "org.opencontainers.image.created";

/** A release of a commit of that day, and what another run of another day has to do with its tags. */
function ofDay(here: World, day: number, tags: readonly string[], layer = `day ${day}`): Candidate {
  const annotations = { [CREATED]: `2026-01-0${day}T00:00:00Z` };
  const one = stocked(here, tags, { layer, indexAnnotations: annotations });
  const manifests = one.manifests.map(({ manifest }) => manifest);
  const index = makeDocument({ schemaVersion: 2, mediaType: OCI.index, manifests, annotations });
  return { ...one, index };
}

/** Another run moves the tag at this moment. */
function overwrite({ fake }: World, { index }: Candidate, tag: string): void {
  fake.addManifest("team/app", Buffer.from(index.bytes).toString("utf8"), tag);
}

test("what was read long ago is read again before the first tag moves", async () => {
  const here = await world();
  const [newer, older] = [ofDay(here, 2, ["team/app:latest"]), ofDay(here, 1, ["team/app:latest"])];
  const log: string[] = [];
  let nowMs = 7;
  const beforeTags: Publishing["beforeTags"] = async () => {
    nowMs += 1_001;
    overwrite(here, newer, "latest");
    return { ok: true, value: undefined };
  };
  const recorder = spyingRecorder(log);
  const released = await release(here, [older], { beforeTags, recorder, now: () => nowMs });
  expect(released).toMatchObject({
    error: { kind: "tags-refused", refusals: [{ why: "older", digest: newer.index.descriptor.digest }] },
  });
  expect(writes(here)).toEqual([`PUT /v2/team/app/manifests/${older.index.descriptor.digest}`]);
  expect(log).toEqual([]);
});

test("the record has what a tag named at the second look", async () => {
  const here = await world();
  const [first, second] = [ofDay(here, 1, ["team/app:latest"]), ofDay(here, 2, ["team/app:latest"])];
  const log: string[] = [];
  let nowMs = 7;
  const beforeTags: Publishing["beforeTags"] = async () => {
    nowMs += 1_001;
    overwrite(here, first, "latest");
    return { ok: true, value: undefined };
  };
  await release(here, [second], { beforeTags, recorder: spyingRecorder(log), now: () => nowMs });
  expect(log[0]).toBe(`begin latest=${first.index.descriptor.digest}`);
});

/** Ends with the last tag of `own` overwritten by `other`, right after it has moved. */
async function overtaken(here: World, own: Candidate, other: Candidate, allowed: Allowed = NEITHER) {
  let left = own.release.tags.length;
  const onEvent = (event: RunEvent): void => {
    here.events.push(event);
    if (event.kind === "tag-moved" && (left -= 1) === 0) overwrite(here, other, "latest");
  };
  return await release(here, [own], { onEvent, allowed });
}

test("a tag that an older run has moved back is put right, and that is told", async () => {
  const here = await world();
  const [older, newer] = [
    ofDay(here, 1, ["team/app:latest"]),
    ofDay(here, 2, ["team/app:2", "team/app:latest"]),
  ];
  expect(await overtaken(here, newer, older)).toMatchObject({ ok: true });
  expect(here.fake.stored("team/app", "latest")?.digest).toBe(newer.index.descriptor.digest);
  expect(here.events.at(-1)).toMatchObject({
    kind: "tag-overtaken",
    tag: { tag: "latest" },
    digest: older.index.descriptor.digest,
    restored: true,
  });
});

test("a tag that a newer run has moved on stays there, and that is told", async () => {
  const here = await world();
  const [older, newer] = [ofDay(here, 1, ["team/app:latest"]), ofDay(here, 2, ["team/app:latest"])];
  expect(await overtaken(here, older, newer)).toMatchObject({ ok: true });
  expect(here.fake.stored("team/app", "latest")?.digest).toBe(newer.index.descriptor.digest);
  expect(here.events.at(-1)).toMatchObject({ kind: "tag-overtaken", restored: false });
});

test("whoever may go back to an older revision puts nothing right", async () => {
  const here = await world();
  const [older, newer] = [ofDay(here, 1, ["team/app:latest"]), ofDay(here, 2, ["team/app:latest"])];
  await overtaken(here, newer, older, { shrink: false, downgrade: true });
  expect(here.fake.stored("team/app", "latest")?.digest).toBe(older.index.descriptor.digest);
});

test("a registry that does not answer the last look has moved the tags all the same", async () => {
  const here = await world();
  here.fake.failNext({ method: "HEAD" }, { kind: "status", status: 503 }, 99);
  const one = ofDay(here, 1, ["team/app:latest"]);
  expect(await release(here, [one])).toMatchObject({ value: { tags: [{ state: "moved" }] } });
});

test("an older run that always comes again is fought three times", async () => {
  const here = await world();
  const [older, newer] = [ofDay(here, 1, ["team/app:latest"]), ofDay(here, 2, ["team/app:latest"])];
  const onEvent = (event: RunEvent): void => {
    here.events.push(event);
    if (event.kind === "tag-moved" || event.kind === "tag-overtaken") overwrite(here, older, "latest");
  };
  expect(await release(here, [newer], { onEvent })).toMatchObject({ ok: true });
  expect(here.events.filter(({ kind }) => kind === "tag-overtaken")).toHaveLength(3);
});
