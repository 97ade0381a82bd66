import { expect, test } from "vitest";
import type { Descriptor, Document } from "../../../core/oci/descriptor.ts";
import { digestOf } from "../../../core/oci/digest-of.ts";
import type { Digest } from "../../../core/oci/digest.ts";
import { createUploads } from "../../../core/publish/transfer-uploads.ts";
import { transfer, transferContent, type Transfer } from "../../../core/publish/transfer.ts";
import type { Store } from "../../../core/registry/store.ts";
import { ok } from "../../../core/result.ts";
import { makeReferrer, pushGraph, releaseGraph } from "../../support/graphs.ts";
import { makeDocument, makeImage, OCI } from "../../support/images.ts";
import { memoryRegistry, type MemoryRegistry } from "../../support/memory-registry.ts";

const source = { registry: "one.example", path: "team/app" };
const mirror = { registry: "one.example", path: "team/mirror" };
const abroad = { registry: "two.example", path: "team/app" };

function transferTo(
  registry: MemoryRegistry,
  root: Document,
  changes: Partial<Transfer & { readonly tags: readonly string[] }> = {},
) {
  const from = registry.store(source);
  return transfer({ from, to: registry.store(mirror), root, tags: ["v1"], referrers: true, ...changes });
}

/** What was written to a repository, in order, without its name. */
function writesTo(registry: MemoryRegistry, { registry: host, path }: typeof source): readonly string[] {
  const own = `${host}/${path}`;
  return registry.writes.filter((each) => each.startsWith(own)).map((each) => each.slice(own.length + 1));
}

/** A store that counts what it is asked. */
function counting(store: Store): { readonly store: Store; readonly asked: string[] } {
  const asked: string[] = [];
  const counted: Store = {
    ...store,
    manifest: (reference, signal) => {
      asked.push(`manifest ${reference}`);
      return store.manifest(reference, signal);
    },
    putBlob: (blob, signal) => {
      asked.push(`blob ${blob.descriptor.digest} ${blob.mountFrom ?? "-"}`);
      return store.putBlob(blob, signal);
    },
    putManifest: (reference, document, signal) => {
      asked.push(`put ${reference}`);
      return store.putManifest(reference, document, signal);
    },
  };
  return { store: counted, asked };
}

test("copies an index with everything below it: each once, blobs mounted, children first, the root last", async () => {
  const registry = memoryRegistry();
  const graph = releaseGraph();
  await pushGraph(registry, source, graph);
  const from = counting(registry.store(source));
  const to = counting(registry.store(mirror));
  const result = await transferTo(registry, graph.index, {
    from: from.store,
    to: to.store,
    tags: ["v1", "latest"],
  });
  // 6 configs and layers of their own, one layer of all, one config of all attestations and their 6 layers.
  expect(result).toMatchObject({
    ok: true,
    value: { manifests: 13, referrers: 0, blobs: { present: 0, mounted: 20, uploaded: 0 }, bytes: 0 },
  });
  expect(from.asked).toHaveLength(12);
  expect(to.asked.filter((each) => each.startsWith("blob"))).toHaveLength(20);
  expect(to.asked.filter((each) => each.endsWith(" team/app"))).toHaveLength(20);
  const { digest } = graph.index.descriptor;
  expect(to.asked.slice(-2)).toEqual(["put v1", "put latest"]);
  expect(to.asked).not.toContain(`put ${digest}`);
  for (const reference of ["v1", "latest"])
    expect(registry.find(`one.example/team/mirror:${reference}`)).toEqual(graph.index);
  for (const { manifest } of graph.images)
    expect(registry.find(`one.example/team/mirror@${manifest.descriptor.digest}`)).toEqual(manifest);
});

test("without a tag the root goes under its digest", async () => {
  const registry = memoryRegistry();
  const graph = releaseGraph();
  await pushGraph(registry, source, graph);
  await transferTo(registry, graph.index, { tags: [] });
  expect(registry.writes.at(-1)).toBe(`one.example/team/mirror@${graph.index.descriptor.digest}`);
});

test("in the same repository nothing but the tag is written", async () => {
  const registry = memoryRegistry();
  const graph = releaseGraph();
  await pushGraph(registry, source, graph);
  const before = registry.writes.length;
  const result = await transferTo(registry, graph.index, { to: registry.store(source), tags: ["v2"] });
  expect(result).toMatchObject({ ok: true, value: { manifests: 1, blobs: { mounted: 0 } } });
  expect(registry.writes.slice(before)).toEqual(["one.example/team/app:v2"]);
});

test("to another registry blobs are uploaded, and what is there is left", async () => {
  const registry = memoryRegistry();
  const graph = releaseGraph();
  await pushGraph(registry, source, graph);
  const [first] = graph.images;
  if (first === undefined) throw new Error("no image");
  registry.push(abroad, first);
  const result = await transferTo(registry, graph.index, { to: registry.store(abroad) });
  const all = new Set(graph.images.flatMap(({ config, layers }) => [config, ...layers].map(String)));
  const there = new Set([first.config, ...first.layers].map(String));
  const bytes = [...all].filter((each) => !there.has(each)).reduce((sum, each) => sum + each.length, 0);
  expect(result).toMatchObject({
    ok: true,
    value: { blobs: { present: 3, mounted: 0, uploaded: 17 }, bytes },
  });
});

test("takes referrers of the index, its images and attestations, and theirs in turn", async () => {
  const registry = memoryRegistry();
  const graph = releaseGraph();
  await pushGraph(registry, source, graph);
  const image = graph.images[0]?.manifest ?? graph.index;
  const ofIndex = makeReferrer(graph.index, "signature of the index");
  const ofImage = makeReferrer(image, "signature of an image");
  const ofReferrer = makeReferrer(ofImage.manifest, "signature of that");
  for (const each of [ofIndex, ofImage, ofReferrer]) registry.push(source, each);
  const without = await transferTo(registry, graph.index, { referrers: false, to: registry.store(abroad) });
  expect(without).toMatchObject({ ok: true, value: { manifests: 13, referrers: 0 } });
  const result = await transferTo(registry, graph.index);
  expect(result).toMatchObject({ ok: true, value: { manifests: 16, referrers: 3 } });
  for (const { manifest } of [ofIndex, ofImage, ofReferrer]) {
    const name = `@${manifest.descriptor.digest}`;
    expect(registry.find(`one.example/team/mirror${name}`)).toEqual(manifest);
    expect(registry.find(`two.example/team/app${name}`)).toBeUndefined();
  }
  expect(registry.writes.at(-1)).toBe("one.example/team/mirror:v1");
});

test("a list of referrers that leads back to itself or to something else is no trap", async () => {
  const registry = memoryRegistry();
  const graph = releaseGraph("", 1);
  await pushGraph(registry, source, graph);
  const signature = makeReferrer(graph.index, "signature");
  registry.push(source, signature);
  const store = registry.store(source);
  const listing = (lists: Readonly<Record<Digest, readonly Descriptor[]>>): Store => ({
    ...store,
    referrers: async (digest) => ok(lists[digest] ?? []),
  });
  const { descriptor } = graph.index;
  const circle = listing({
    [descriptor.digest]: [signature.manifest.descriptor],
    [signature.manifest.descriptor.digest]: [descriptor, signature.manifest.descriptor],
  });
  expect(await transferTo(registry, graph.index, { from: circle })).toMatchObject({
    ok: true,
    value: { referrers: 1 },
  });
  const stranger = makeImage({ os: "linux" }, ["stranger"]);
  registry.push(source, stranger);
  const lie = listing({ [descriptor.digest]: [stranger.manifest.descriptor] });
  expect(await transferTo(registry, graph.index, { from: lie, tags: ["lie"] })).toMatchObject({
    ok: false,
    error: {
      kind: "transfer-invalid",
      store: "one.example/team/app",
      digest: stranger.manifest.descriptor.digest,
    },
  });
  expect(registry.find("one.example/team/mirror:lie")).toBeUndefined();
});

test("a child that is missing fails before anything is tagged, and the rest is given up", async () => {
  const registry = memoryRegistry();
  const graph = releaseGraph();
  await pushGraph(registry, source, graph);
  const missing = graph.images[2]?.manifest.descriptor.digest ?? "sha256:";
  await registry.store(source).delete(missing);
  const result = await transferTo(registry, graph.index);
  expect(result).toMatchObject({
    ok: false,
    error: {
      kind: "transfer-failed",
      from: "one.example/team/app",
      to: "one.example/team/mirror",
      digest: missing,
      cause: { kind: "manifest-unknown" },
    },
  });
  expect(registry.find("one.example/team/mirror:v1")).toBeUndefined();
});

test("a blob that the target refuses fails the same way", async () => {
  const registry = memoryRegistry();
  const graph = releaseGraph();
  await pushGraph(registry, source, graph);
  const digest = digestOf(graph.images[3]?.config ?? Buffer.alloc(0));
  registry.refuse(`one.example/team/mirror@${digest}`);
  expect(await transferTo(registry, graph.index)).toMatchObject({
    ok: false,
    error: { kind: "transfer-failed", digest, cause: { kind: "registry-rejected" } },
  });
  expect(registry.find("one.example/team/mirror:v1")).toBeUndefined();
});

test("a tag that is refused: which tags moved, which did not", async () => {
  const registry = memoryRegistry();
  const graph = releaseGraph();
  await pushGraph(registry, source, graph);
  registry.refuse("one.example/team/mirror:b");
  const result = await transferTo(registry, graph.index, { tags: ["a", "b", "c"] });
  expect(result).toMatchObject({
    ok: false,
    error: {
      kind: "tags-not-moved",
      digest: graph.index.descriptor.digest,
      moved: ["one.example/team/mirror:a"],
      failed: "one.example/team/mirror:b",
      notTried: ["one.example/team/mirror:c"],
    },
  });
});

test("an interruption is told as one", async () => {
  const registry = memoryRegistry();
  const graph = releaseGraph();
  await pushGraph(registry, source, graph);
  const signal = AbortSignal.abort();
  expect(await transferTo(registry, graph.index, { signal })).toMatchObject({
    ok: false,
    error: { kind: "transfer-failed", cause: { kind: "registry-cancelled" } },
  });
});

test("descriptors that lie about a size are refused", async () => {
  const registry = memoryRegistry();
  const image = makeImage({ os: "linux" });
  registry.push(source, image);
  const entry = { ...image.manifest.descriptor, size: 7 };
  const index = makeDocument({ schemaVersion: 2, mediaType: OCI.index, manifests: [entry] });
  const { digest } = image.manifest.descriptor;
  expect(await transferTo(registry, index)).toMatchObject({
    ok: false,
    error: { kind: "transfer-invalid", digest, detail: expect.stringContaining("says 7") },
  });
  const [layer] = image.layers;
  const blob = { mediaType: OCI.layer, digest: digestOf(layer ?? Buffer.alloc(0)) };
  const config = { ...blob, size: 5 };
  const twice = makeDocument({
    mediaType: OCI.manifest,
    schemaVersion: 2,
    config,
    layers: [{ ...blob, size: 6 }],
  });
  expect(await transferTo(registry, twice)).toMatchObject({
    ok: false,
    error: { kind: "transfer-invalid", digest: blob.digest },
  });
});

test("indexes nested without end are refused", async () => {
  const registry = memoryRegistry();
  let document = releaseGraph("", 1).index;
  await pushGraph(registry, source, releaseGraph("", 1));
  for (let depth = 0; depth < 20; depth += 1) {
    await registry.store(source).putManifest(document.descriptor.digest, document);
    document = makeDocument({ schemaVersion: 2, mediaType: OCI.index, manifests: [document.descriptor] });
  }
  expect(await transferTo(registry, document)).toMatchObject({
    ok: false,
    error: { kind: "transfer-invalid", detail: expect.stringContaining("levels") },
  });
});

test("entries of an index that are no images go along: blobs of a build cache, documents of unknown kinds", async () => {
  const registry = memoryRegistry();
  const cached = makeImage({}, ["cached layer"]);
  const other = makeDocument({ mediaType: "application/vnd.example.list.v1+json", schemaVersion: 2, x: 1 });
  registry.push(source, cached);
  const store = registry.store(source);
  await store.putManifest(other.descriptor.digest, other);
  const [layer = Buffer.alloc(0)] = cached.layers;
  const entries = [
    { mediaType: OCI.layer, digest: digestOf(layer), size: layer.length },
    {
      mediaType: "application/vnd.example.blob",
      digest: digestOf(cached.config),
      size: cached.config.length,
    },
    other.descriptor,
  ];
  const index = makeDocument({ schemaVersion: 2, mediaType: OCI.index, manifests: entries });
  const from = counting(registry.store(source));
  const content = { from: from.store, to: registry.store(mirror), root: index, referrers: false };
  expect(await transferContent(content)).toMatchObject({
    ok: true,
    value: { manifests: 1, blobs: { mounted: 2 } },
  });
  expect(from.asked).not.toContain(`manifest ${digestOf(layer)}`);
  expect(registry.find(`one.example/team/mirror@${other.descriptor.digest}`)).toEqual(other);
});

test("layers that may not be distributed stay where their URLs say, and that is told", async () => {
  const registry = memoryRegistry();
  const image = makeImage({ os: "windows" });
  registry.push(source, image);
  const foreign = {
    mediaType: "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
    digest: digestOf(Buffer.from("not here")),
    size: 8,
    urls: ["https://layers.example/base"],
  };
  const config = { mediaType: OCI.config, digest: digestOf(image.config), size: image.config.length };
  const manifest = makeDocument({ schemaVersion: 2, mediaType: OCI.manifest, config, layers: [foreign] });
  expect(await transferTo(registry, manifest)).toMatchObject({
    ok: true,
    value: { blobs: { mounted: 1 }, notCopied: [foreign] },
  });
  const without = makeDocument({
    schemaVersion: 2,
    mediaType: OCI.manifest,
    config,
    layers: [{ ...foreign, urls: [] }],
  });
  expect(await transferTo(registry, without)).toMatchObject({
    ok: false,
    error: { kind: "transfer-failed", digest: foreign.digest },
  });
});

test("transfers at the same time upload each blob once to a registry and mount it in its other repositories", async () => {
  const registry = memoryRegistry();
  const graphs = [releaseGraph("a"), releaseGraph("a", 3), releaseGraph("b", 2)];
  for (const [at, graph] of graphs.entries()) await pushGraph(registry, source, graph, `v${at}`);
  const uploads = createUploads();
  const second = { ...abroad, path: "team/second" };
  const outcomes = await Promise.all(
    graphs.flatMap(({ index }) =>
      [abroad, second].map((to) =>
        transferTo(registry, index, { to: registry.store(to), tags: [], uploads }),
      ),
    ),
  );
  const counts = outcomes.flatMap((each) => (each.ok ? [each.value.blobs] : []));
  expect(counts).toHaveLength(6);
  const sum = (outcome: "uploaded" | "mounted"): number =>
    counts.reduce((total, blobs) => total + blobs[outcome], 0);
  const distinct = new Set(
    graphs.flatMap(({ images }) => images.flatMap(({ config, layers }) => [config, ...layers].map(String))),
  ).size;
  expect(sum("uploaded")).toBe(distinct);
  expect(sum("mounted")).toBe(distinct);
  expect(writesTo(registry, second).filter((each) => each.startsWith("sha256"))).not.toHaveLength(0);
});

test("one that was given up leaves its blobs to the others", async () => {
  const registry = memoryRegistry();
  const graph = releaseGraph();
  await pushGraph(registry, source, graph);
  const uploads = createUploads();
  const to = registry.store(abroad);
  const [givenUp, other] = await Promise.all([
    transferTo(registry, graph.index, { to, uploads, signal: AbortSignal.abort() }),
    transferTo(registry, graph.index, { to, uploads }),
  ]);
  expect(givenUp).toMatchObject({ ok: false });
  expect(other).toMatchObject({ ok: true, value: { blobs: { uploaded: 20 } } });
});

test("tells its progress: bytes as they are sent, blobs and manifests when they are there", async () => {
  const registry = memoryRegistry();
  const image = makeImage({ os: "linux" }, ["twelve bytes"]);
  registry.push(source, image);
  const seen: string[] = [];
  await transferTo(registry, image.manifest, {
    to: registry.store(abroad),
    onProgress: (progress) =>
      void seen.push(progress.kind === "bytes" ? `bytes ${progress.bytes}` : progress.kind),
  });
  expect(seen.toSorted()).toEqual(["blob", "blob", `bytes ${image.config.length}`, "bytes 12"].toSorted());
});

test("waits for what is slow: children before their index, referrers before the root is named", async () => {
  const registry = memoryRegistry();
  const graph = releaseGraph("", 2);
  await pushGraph(registry, source, graph);
  const signature = makeReferrer(graph.index, "signature");
  registry.push(source, signature);
  const later = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  const [from, to] = [registry.store(source), registry.store(mirror)];
  const slowFrom: Store = {
    ...from,
    referrers: async (digest, signal) => {
      for (let turn = 0; turn < 20; turn += 1) await later();
      return await from.referrers(digest, signal);
    },
  };
  const slowTo: Store = {
    ...to,
    putManifest: async (reference, document, signal) => {
      for (let turn = 0; turn < 60 && reference.includes(":"); turn += 1) await later();
      return await to.putManifest(reference, document, signal);
    },
  };
  const result = await transferTo(registry, graph.index, { from: slowFrom, to: slowTo });
  expect(result).toMatchObject({ ok: true, value: { manifests: 6, referrers: 1 } });
  // Without a referrer that is as slow as they are, nothing else waits for the children.
  const plain = { from: slowFrom, to: slowTo, referrers: false };
  expect(await transferTo(registry, graph.index, plain)).toMatchObject({ ok: true, value: { manifests: 5 } });
  expect(registry.writes.at(-1)).toBe("one.example/team/mirror:v1");
});

test("a blob that could not be brought is tried again by whoever waited for it", async () => {
  const registry = memoryRegistry();
  const image = makeImage({ os: "linux" });
  registry.push(source, image);
  const to = registry.store(abroad);
  let failures = 1;
  const flaky: Store = {
    ...to,
    putBlob: (blob, signal) => to.putBlob(blob, failures-- > 0 ? AbortSignal.abort() : signal),
  };
  const uploads = createUploads();
  const { signal } = new AbortController();
  const blob = { mediaType: OCI.config, digest: digestOf(image.config), size: image.config.length };
  const put = () => uploads.put(blob, { from: registry.store(source), to: flaky, signal });
  const answers = await Promise.all([put(), put(), put()]);
  expect(answers.map((each) => (each.ok ? each.value : each.error.kind))).toEqual([
    "registry-cancelled",
    "uploaded",
    "present",
  ]);
});
