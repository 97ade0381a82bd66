import { expect, test } from "vitest";
import { deleteUnreachable } from "../../../core/images/gc-delete.ts";
import { listStaging, stagedBefore, type StagingTag } from "../../../core/images/gc-staging.ts";
import { findUnreachable } from "../../../core/images/gc.ts";
import type { Digest } from "../../../core/oci/digest.ts";
import type { Store } from "../../../core/registry/store.ts";
import { pushGraph, releaseGraph } from "../../support/graphs.ts";
import { makeDocument, makeImage, OCI } from "../../support/images.ts";
import { memoryRegistry, type MemoryRegistry } from "../../support/memory-registry.ts";
import { stagedImage, stageImage, stagingRecord } from "../../support/staging.ts";

const repository = { registry: "one.example", path: "app" };
const NAME = "one.example/app";

function tagOf(digit: string): string {
  return `buildx-plan-staging.linux-arm64.${digit.repeat(24)}`;
}

/** Staged by these times, under tags of the digits 1, 2, ... */
async function stagedAt(
  ...times: readonly string[]
): Promise<{ registry: MemoryRegistry; store: Store; digests: readonly Digest[] }> {
  const registry = memoryRegistry();
  const store = registry.store(repository);
  const digests: Digest[] = [];
  for (const [at, stagedAt] of times.entries()) {
    const { image, attestation, published } = stagedImage(`layer ${at}`);
    for (const each of [image, attestation]) registry.push(repository, each);
    const record = stagingRecord({ variant: `app[n=${at + 1}] linux/arm64`, stagedAt });
    const { index } = await stageImage(store, { tag: tagOf(String(at + 1)), published, record });
    digests.push(index.digest);
  }
  return { registry, store, digests };
}

const [OLD, NEW] = ["2026-11-01T00:00:00.000Z", "2026-11-28T00:00:00.000Z"];

async function listOf(store: Store): Promise<readonly StagingTag[]> {
  const listed = await listStaging(store);
  if (!listed.ok) throw new Error(listed.error.kind);
  return listed.value;
}

async function sweep(store: Store, timeMs?: number, candidates: readonly Digest[] = []) {
  const going = new Map(stagedBefore(await listOf(store), timeMs).map(({ tag, digest }) => [tag, digest]));
  const found = await findUnreachable({ store }, candidates, { going });
  if (!found.ok) throw new Error(found.error.kind);
  return found.value;
}

test("lists staging tags with what their records say, the oldest first, and what is not ours as that", async () => {
  const { registry, store, digests } = await stagedAt(NEW, OLD);
  const foreign = makeImage({ os: "linux" }, ["foreign"]);
  registry.push(repository, foreign);
  await store.putManifest(tagOf("f"), foreign.manifest);
  await pushGraph(registry, repository, releaseGraph("released", 1), "latest");
  const listed = await listOf(store);
  expect(listed).toEqual([
    {
      tag: tagOf("2"),
      digest: digests[1],
      variant: "app[n=2] linux/arm64",
      node: "arm",
      stagedAtMs: Date.parse(OLD),
      isForeign: false,
      slots: 1,
      images: [expect.any(String), expect.any(String)],
    },
    expect.objectContaining({ tag: tagOf("1"), stagedAtMs: Date.parse(NEW) }),
    { tag: tagOf("f"), digest: foreign.manifest.descriptor.digest, isForeign: true, slots: 0, images: [] },
  ]);
  expect(stagedBefore(listed).map(({ tag }) => tag)).toEqual([tagOf("2"), tagOf("1")]);
  expect(stagedBefore(listed, Date.parse(OLD)).map(({ tag }) => tag)).toEqual([tagOf("2")]);
  expect(stagedBefore(listed, Date.parse(OLD) - 1)).toEqual([]);
});

test("one of several pipelines is as old as its newest slot, and keeps every image once", async () => {
  const { store } = await stagedAt(NEW);
  const { published } = stagedImage("layer 0");
  const later = "2026-11-28T01:00:00.000Z";
  const record = stagingRecord({ revision: "decaf", stagedAt: later });
  await stageImage(store, { tag: tagOf("1"), published, record });
  expect(await listOf(store)).toMatchObject([
    {
      stagedAtMs: Date.parse(later),
      slots: 2,
      images: [published.manifest.digest, published.attestations[0]?.digest],
    },
  ]);
});

test("one of another version goes with all others, and with no age where it does not say its own", async () => {
  const { registry, store } = await stagedAt();
  const image = makeImage({ os: "linux" }, ["later"]);
  registry.push(repository, image);
  const later = makeDocument({
    schemaVersion: 2,
    mediaType: OCI.index,
    manifests: [image.manifest.descriptor],
    annotations: { "dev.buildx-plan.staging.version": "9" },
  });
  await store.putManifest(tagOf("9"), later);
  const listed = await listOf(store);
  expect(stagedBefore(listed)).toHaveLength(1);
  expect(stagedBefore(listed, Infinity)).toEqual([]);
});

test("a staging tag keeps what it names, until it is to go; then the tag alone goes", async () => {
  const { registry, store, digests } = await stagedAt(OLD, NEW);
  const images = (await listOf(store)).flatMap((each) => each.images);
  const kept = await findUnreachable({ store }, [...digests, ...images]);
  expect(kept).toMatchObject({ ok: true, value: { unreachable: [] } });
  const report = await sweep(store, Date.parse(OLD));
  expect(report.unreachable.map(({ digest }) => digest)).toEqual([digests[0]]);
  expect(await deleteUnreachable({ store }, report)).toMatchObject({ ok: true });
  expect(registry.find(`${NAME}:${tagOf("1")}`)).toBeUndefined();
  expect(registry.find(`${NAME}:${tagOf("2")}`)).toBeDefined();
  for (const digest of images) expect(registry.find(`${NAME}@${digest}`)).toBeDefined();
});

test("its images go as well where they are named, but for those of a release", async () => {
  const { store, digests } = await stagedAt(OLD);
  const [image, attestation] = (await listOf(store)).flatMap((each) => each.images);
  if (image === undefined || attestation === undefined) throw new Error("no image");
  const all = await sweep(store, undefined, [image, attestation]);
  expect(all.unreachable.map(({ digest }) => digest)).toEqual([digests[0], image, attestation]);
  const read = await store.manifest(image);
  if (!read.ok) throw new Error(read.error.kind);
  const index = makeDocument({ schemaVersion: 2, mediaType: OCI.index, manifests: [read.value.descriptor] });
  await store.putManifest("latest", index);
  const some = await sweep(store, undefined, [image, attestation]);
  expect(some.unreachable.map(({ digest }) => digest)).toEqual([digests[0], attestation]);
  expect(some.kept).toEqual([{ digest: image, via: index.descriptor.digest }]);
});

test("a staging index that somebody has tagged otherwise stays", async () => {
  const { store, digests } = await stagedAt(OLD);
  const read = await store.manifest(tagOf("1"));
  if (!read.ok) throw new Error(read.error.kind);
  await store.putManifest("mine", read.value);
  expect(await sweep(store)).toMatchObject({ unreachable: [], kept: [{ digest: digests[0], via: "mine" }] });
});

test("nothing is deleted where a run stages anew meanwhile", async () => {
  const { registry, store, digests } = await stagedAt(OLD);
  const report = await sweep(store);
  const { published } = stagedImage("layer 0");
  await stageImage(store, { tag: tagOf("1"), published, record: stagingRecord({ stagedAt: NEW }) });
  expect(await deleteUnreachable({ store }, report)).toMatchObject({
    error: { kind: "gc-changed", names: [tagOf("1")] },
  });
  expect(registry.find(`${NAME}@${digests[0]}`)).toBeDefined();
});

test("a tag that cannot be read ends it; one that is gone by then is left out", async () => {
  const { store } = await stagedAt(OLD, NEW);
  const broken: Store = {
    ...store,
    manifest: (reference, signal) =>
      store.manifest(reference, reference === tagOf("2") ? AbortSignal.abort() : signal),
  };
  expect(await listStaging(broken)).toMatchObject({
    error: { kind: "gc-incomplete", via: tagOf("2"), cause: { kind: "registry-cancelled" } },
  });
  const tags = await store.tags();
  await store.delete(tagOf("1"));
  const late: Store = { ...store, tags: async () => tags };
  expect((await listOf(late)).map(({ tag }) => tag)).toEqual([tagOf("2")]);
});
