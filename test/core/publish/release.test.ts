import * as fc from "fast-check";
import { expect, test } from "vitest";
import type { RunEvent } from "../../../core/event.ts";
import { parseDocument } from "../../../core/oci/documents.ts";
import type { PlannedRelease } from "../../../core/plan/plan.ts";
import type { PublishedManifest } from "../../../core/publish/confirm.ts";
import { moveTags, putIndexes, stitchRelease, type Publishing } from "../../../core/publish/release.ts";
import { formatPlatform } from "../../../platforms/platform.ts";
import { isAttestation } from "../../../core/oci/attestation.ts";
import type { FakeRegistry } from "../../support/fake-registry.ts";
import { addImage, makeAttestation, makeImage } from "../../support/images.ts";
import { platform, variant } from "../../support/make.ts";
import { fakeRegistry, testClient } from "../../support/registry-rig.ts";
import { plannedRelease } from "../../support/release.ts";

const PLATFORMS = ["linux/amd64", "linux/arm64", "linux/arm/v7", "linux/386", "linux/ppc64le", "linux/s390x"];

function published(text: string): PublishedManifest {
  const image = makeImage({ ...platform(text) });
  const attestation = makeAttestation(`https://slsa.dev/provenance/v0.2#${text}`);
  const { digest } = image.manifest.descriptor;
  return {
    variant: `app ${text}`,
    platform: platform(text),
    manifest: { ...image.manifest.descriptor, platform: platform(text) },
    attestations: [
      {
        ...attestation.manifest.descriptor,
        platform: { os: "unknown", architecture: "unknown" },
        annotations: {
          "vnd.docker.reference.digest": digest,
          "vnd.docker.reference.type": "attestation-manifest",
        },
      },
    ],
    size: 0,
    layers: [],
  };
}

function release(changes: Partial<PlannedRelease> = {}): PlannedRelease {
  return plannedRelease({ variants: PLATFORMS.map((text) => variant(text)), ...changes });
}

const all = PLATFORMS.map(published);

function stitched(changes: Partial<PlannedRelease> = {}) {
  const planned = release(changes);
  const index = stitchRelease(planned, all);
  if (!index.ok) throw new Error(index.error.kind);
  return { release: planned, index: index.value };
}

test("stitches images in the plan's order, then their attestations in the same order", () => {
  const index = parseDocument(stitched({ indexAnnotations: { "org.example.a": "b" } }).index.bytes);
  if (!index.ok || index.value.kind !== "index") throw new Error("not an index");
  const { manifests, annotations } = index.value;
  expect(
    manifests.map((entry) =>
      isAttestation(entry) ? "attestation" : formatPlatform(entry.platform ?? platform("linux")),
    ),
  ).toEqual([...PLATFORMS, ...PLATFORMS.map(() => "attestation")]);
  expect(manifests.slice(PLATFORMS.length).map(({ digest }) => digest)).toEqual(
    all.flatMap(({ attestations }) => attestations.map(({ digest }) => digest)),
  );
  expect(annotations).toEqual({ "org.example.a": "b" });
});

test("stitches the same bytes whatever the order of completion", () => {
  const expected = stitched().index;
  fc.assert(
    fc.property(fc.shuffledSubarray(all, { minLength: all.length }), (shuffled) => {
      expect(stitchRelease(release(), shuffled)).toEqual({ ok: true, value: expected });
    }),
  );
});

test("lets nothing through but the expected set", () => {
  const extra = { ...published("linux/riscv64") };
  expect(stitchRelease(release(), all.slice(1))).toMatchObject({
    ok: false,
    error: { kind: "release-incomplete", release: "app", missing: ["app linux/amd64"], unexpected: [] },
  });
  expect(stitchRelease(release(), [...all, extra, ...all.slice(0, 1)])).toMatchObject({
    ok: false,
    error: { kind: "release-incomplete", missing: [], unexpected: ["app linux/riscv64", "app linux/amd64"] },
  });
  const optional = release({
    variants: PLATFORMS.map((text) => variant(text, { required: text !== "linux/amd64" })),
  });
  expect(stitchRelease(optional, all.slice(1))).toMatchObject({ ok: true });
});

test("refuses an index that no client could use", () => {
  const twice = all.map((each) => ({
    ...each,
    manifest: { ...each.manifest, platform: platform("linux/amd64") },
  }));
  expect(stitchRelease(release(), twice)).toMatchObject({
    ok: false,
    error: { kind: "index-refused", release: "app", cause: { kind: "platform-twice" } },
  });
});

/** A registry that has all children in these repositories, and what publishing there looks like from outside. */
async function withChildren(...paths: readonly string[]): Promise<{
  readonly fake: FakeRegistry;
  readonly publishing: Publishing;
  readonly events: RunEvent[];
  readonly controller: AbortController;
}> {
  const fake = await fakeRegistry();
  for (const path of paths) {
    for (const text of PLATFORMS) {
      addImage(fake, path, makeImage({ ...platform(text) }));
      addImage(fake, path, makeAttestation(`https://slsa.dev/provenance/v0.2#${text}`));
    }
  }
  const { registry } = await testClient();
  const events: RunEvent[] = [];
  const controller = new AbortController();
  const onEvent = (event: RunEvent): void => void events.push(event);
  return {
    fake,
    publishing: { registry, onEvent, signal: controller.signal, now: () => 7 },
    events,
    controller,
  };
}

test("puts the index by digest into every repository, then moves the tags in order", async () => {
  const { fake, publishing, events } = await withChildren("team/app", "team/other");
  const repositories = ["team/app", "team/other"].map((path) => ({ registry: fake.host, path }));
  const tags = repositories.flatMap((repository) => ["v1", "latest"].map((tag) => ({ ...repository, tag })));
  const one = stitched({ repositories, tags });
  expect(await putIndexes([one], publishing)).toEqual({ ok: true, value: undefined });
  const { digest } = one.index.descriptor;
  expect(fake.log().toSorted()).toEqual([
    `PUT /v2/team/app/manifests/${digest}`,
    `PUT /v2/team/other/manifests/${digest}`,
  ]);
  expect(fake.stored("team/app", "v1")).toBeUndefined();
  expect(await moveTags([one], publishing)).toEqual({ ok: true, value: undefined });
  expect(fake.log().slice(2)).toEqual([
    "PUT /v2/team/app/manifests/v1",
    "PUT /v2/team/app/manifests/latest",
    "PUT /v2/team/other/manifests/v1",
    "PUT /v2/team/other/manifests/latest",
  ]);
  expect(fake.stored("team/other", "latest")?.digest).toBe(digest);
  expect(events.map(({ kind }) => kind)).toEqual(["index-put", "index-put", ...tags.map(() => "tag-moved")]);
  expect(events.at(-1)).toEqual({ kind: "tag-moved", atMs: 7, release: "app", tag: tags[3], digest });
});

test("stores no index where a child is missing, and says which", async () => {
  const { fake, publishing, events } = await withChildren("team/app");
  const repository = { registry: fake.host, path: "team/empty" };
  const one = stitched({ repositories: [repository] });
  expect(await putIndexes([one], publishing)).toMatchObject({
    ok: false,
    error: { kind: "index-not-stored", release: "app", repository, cause: { kind: "registry-rejected" } },
  });
  expect(events).toEqual([]);
});

test("stops at the first tag that does not move, and says which did", async () => {
  const { fake, publishing, events } = await withChildren("team/app");
  const repository = { registry: fake.host, path: "team/app" };
  const tags = ["v1", "v1.2", "latest"].map((tag) => ({ ...repository, tag }));
  fake.failNext({ path: /v1\.2$/ }, { kind: "status", status: 403 });
  const result = await moveTags([stitched({ repositories: [repository], tags })], publishing);
  expect(result).toMatchObject({
    ok: false,
    error: {
      kind: "release-failed",
      release: "app",
      moved: tags.slice(0, 1),
      failedTag: tags[1],
      notTried: tags.slice(2),
      cause: { kind: "registry-denied", status: 403 },
    },
  });
  expect(fake.log()).toHaveLength(2);
  expect(events).toHaveLength(1);
});

test("moves no further tag once it is cancelled", async () => {
  const { fake, publishing, controller } = await withChildren("team/app");
  const repository = { registry: fake.host, path: "team/app" };
  const tags = ["v1", "v2", "v3"].map((tag) => ({ ...repository, tag }));
  const onEvent = (event: RunEvent): void => {
    if (event.kind === "tag-moved") controller.abort();
  };
  const result = await moveTags([stitched({ repositories: [repository], tags })], { ...publishing, onEvent });
  expect(result).toMatchObject({
    ok: false,
    error: {
      moved: tags.slice(0, 1),
      failedTag: tags[1],
      notTried: tags.slice(2),
      cause: { kind: "registry-cancelled" },
    },
  });
  expect(fake.log()).toEqual(["PUT /v2/team/app/manifests/v1"]);
});

test("takes a tag for moved where only the answer got lost", async () => {
  const { fake, publishing } = await withChildren("team/app");
  const repository = { registry: fake.host, path: "team/app" };
  const tags = ["v1", "v2"].map((tag) => ({ ...repository, tag }));
  const one = stitched({ repositories: [repository], tags });
  const { digest, mediaType } = one.index.descriptor;
  fake.failNext({ method: "PUT", path: /v1$/ }, { kind: "reset" }, 5);
  fake.failNext(
    { method: "GET", path: /v1$/ },
    {
      kind: "status",
      status: 200,
      headers: { "docker-content-digest": digest, "content-type": mediaType },
      body: Buffer.from(one.index.bytes).toString("utf8"),
    },
  );
  expect(await moveTags([one], publishing)).toEqual({ ok: true, value: undefined });
  expect(fake.stored("team/app", "v2")?.digest).toBe(digest);
});

test("costs one request for each repository and one for each tag", async () => {
  const { fake, publishing } = await withChildren("team/app");
  const repository = { registry: fake.host, path: "team/app" };
  const one = stitched({ repositories: [repository], tags: [{ ...repository, tag: "v1" }] });
  await putIndexes([one], publishing);
  await moveTags([one], publishing);
  expect(fake.requests).toHaveLength(2);
});
