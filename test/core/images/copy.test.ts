import { expect, test } from "vitest";
import { copyImage, type Copy } from "../../../core/images/copy.ts";
import { guardTargets } from "../../../core/images/guard-targets.ts";
import type { Allowed } from "../../../core/publish/guard.ts";
import { rememberReads } from "../../../core/publish/transfer-memory.ts";
import type { Store } from "../../../core/registry/store.ts";
import { makeReferrer, pushGraph, releaseGraph } from "../../support/graphs.ts";
import { memoryRegistry, type MemoryRegistry } from "../../support/memory-registry.ts";

const source = { registry: "one.example", path: "app" };
const mirror = { registry: "one.example", path: "mirror" };
const abroad = { registry: "two.example", path: "app" };

async function released(platforms = 6, tag = "v1") {
  const registry = memoryRegistry();
  const graph = releaseGraph(tag, platforms);
  await pushGraph(registry, source, graph, tag);
  return { registry, graph };
}

function copyTo(registry: MemoryRegistry, targets: Copy["targets"], changes: Partial<Copy> = {}) {
  const from = { store: registry.store(source), tag: "v1" };
  return copyImage({ source: from, targets, referrers: true, ...changes });
}

/** Counts manifests that are read. */
function counting(store: Store): { readonly store: Store; readonly read: string[] } {
  const read: string[] = [];
  const manifest: Store["manifest"] = (reference, signal) => {
    read.push(reference);
    return store.manifest(reference, signal);
  };
  return { store: { ...store, manifest }, read };
}

test("reads once for all targets, and moves tags in order when all content is there", async () => {
  const { registry, graph } = await released();
  const from = counting(registry.store(source));
  const targets = [
    { store: registry.store(abroad), tag: "a" },
    { store: registry.store(mirror), tag: "b" },
    { store: registry.store(abroad), tag: "c" },
  ];
  const before = registry.writes.length;
  const copied = await copyTo(registry, targets, { source: { store: from.store, tag: "v1" } });
  expect(copied).toMatchObject({
    ok: true,
    value: {
      root: graph.index.descriptor,
      names: ["two.example/app:a", "one.example/mirror:b", "two.example/app:c"],
      manifests: 26,
      blobs: { uploaded: 20, mounted: 20 },
    },
  });
  expect(from.read).toHaveLength(13);
  const tags = ["two.example/app:a", "one.example/mirror:b", "two.example/app:c"];
  expect(registry.writes.slice(before).slice(-3)).toEqual(tags);
});

test("one store that fails leaves no tag moved in any", async () => {
  const { registry, graph } = await released();
  registry.refuse(`two.example/app@${graph.images[0]?.manifest.descriptor.digest ?? ""}`);
  const targets = [
    { store: registry.store(mirror), tag: "a" },
    { store: registry.store(abroad), tag: "b" },
  ];
  expect(await copyTo(registry, targets)).toMatchObject({ ok: false, error: { kind: "transfer-failed" } });
  expect(registry.find("one.example/mirror:a")).toBeUndefined();
});

test("a tag beside a digest must name it", async () => {
  const { registry, graph } = await released();
  const store = registry.store(source);
  const targets = [{ store: registry.store(mirror), tag: "a" }];
  const { digest } = graph.index.descriptor;
  expect(await copyTo(registry, targets, { source: { store, tag: "v1", digest } })).toMatchObject({
    ok: true,
  });
  await pushGraph(registry, source, releaseGraph("newer"));
  const moved = await copyTo(registry, targets, { source: { store, tag: "v1", digest } });
  expect(moved).toMatchObject({ ok: false, error: { kind: "source-moved", tag: "v1", expected: digest } });
  const absent = await copyTo(registry, targets, { source: { store, tag: "v9", digest } });
  expect(absent).toMatchObject({ ok: false, error: { kind: "source-moved", tag: "v9" } });
  expect(absent).not.toHaveProperty("error.actual");
});

test.each<[string, number, Allowed, boolean]>([
  ["fewer platforms", 6, { shrink: false, downgrade: false }, false],
  ["fewer platforms, which is allowed", 6, { shrink: true, downgrade: false }, true],
  ["fewer platforms, where something else is allowed", 6, { shrink: false, downgrade: true }, false],
  ["as many platforms", 2, { shrink: false, downgrade: false }, true],
])("the guard sees %s, and refuses before anything is written", async (_, platforms, allowed, passes) => {
  const { registry } = await released(2);
  await pushGraph(registry, mirror, releaseGraph("there", platforms), "stable");
  const tags = [{ ...mirror, tag: "stable" }];
  const guard = guardTargets(registry, { tags, allowed }, new AbortController().signal);
  const before = registry.writes.length;
  const copied = await copyTo(registry, [{ store: registry.store(mirror), tag: "stable" }], { guard });
  expect(copied).toMatchObject(passes ? { ok: true } : { ok: false, error: { kind: "tags-refused" } });
  expect(registry.writes.length > before).toBe(passes);
});

test("referrers are left out where nobody wants them", async () => {
  const { registry, graph } = await released(1);
  registry.push(source, makeReferrer(graph.index, "signature"));
  const targets = [{ store: registry.store(mirror), tag: "a" }];
  expect(await copyTo(registry, targets)).toMatchObject({ value: { referrers: 1, manifests: 4 } });
  expect(await copyTo(registry, targets, { referrers: false })).toMatchObject({
    value: { referrers: 0, manifests: 3 },
  });
});

test("a question that failed for one is asked again for the other, and once only", async () => {
  const { registry, graph } = await released(1);
  const { store, read } = counting(registry.store(source));
  const shared = rememberReads(store);
  const { digest } = graph.index.descriptor;
  const answers = await Promise.all([
    shared.manifest(digest, AbortSignal.abort()),
    shared.manifest(digest),
    shared.manifest(digest),
  ]);
  expect(answers.map(({ ok }) => ok)).toEqual([false, true, true]);
  expect(read).toHaveLength(2);
});
