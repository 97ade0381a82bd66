import { expect, test } from "vitest";
import { deleteUnreachable } from "../../../core/images/gc-delete.ts";
import { findUnreachable } from "../../../core/images/gc.ts";
import type { LayoutBlobs } from "../../../core/layout/blobs.ts";
import type { Digest } from "../../../core/oci/digest.ts";
import type { Store } from "../../../core/registry/store.ts";
import { ok } from "../../../core/result.ts";
import { makeReferrer, pushGraph, releaseGraph, type TestGraph } from "../../support/graphs.ts";
import { makeDocument, makeImage, OCI } from "../../support/images.ts";
import { memoryRegistry, type MemoryRegistry } from "../../support/memory-registry.ts";

const repository = { registry: "one.example", path: "app" };

function digestsOf({ index, images }: TestGraph): readonly Digest[] {
  return [index, ...images.map(({ manifest }) => manifest)].map(({ descriptor }) => descriptor.digest);
}

async function replaced(): Promise<{
  registry: MemoryRegistry;
  store: Store;
  old: TestGraph;
  now: TestGraph;
}> {
  const registry = memoryRegistry();
  const [old, now] = [releaseGraph("old", 2), releaseGraph("now", 2)];
  for (const graph of [old, now]) await pushGraph(registry, repository, graph, "latest");
  return { registry, store: registry.store(repository), old, now };
}

async function unreachableOf(store: Store, candidates: readonly Digest[]): Promise<readonly string[]> {
  const found = await findUnreachable({ store }, candidates);
  if (!found.ok) throw new Error(found.error.kind);
  return found.value.unreachable.map(({ digest, tag }) => tag ?? digest);
}

test("what a tag, an index, a referrer or a subject leads to is kept; the index goes before its children", async () => {
  const { registry, store, old, now } = await replaced();
  const signature = makeReferrer(now.images[0]?.manifest ?? now.index, "signature");
  const second = makeReferrer(signature.manifest, "signature of that");
  const loose = makeReferrer(old.index, "signature of the old one");
  for (const each of [signature, second, loose]) registry.push(repository, each);
  const referrers = [signature, second, loose].map(({ manifest }) => manifest.descriptor.digest);
  const candidates = [...digestsOf(old).toReversed(), ...digestsOf(now), ...referrers];
  const found = await unreachableOf(store, candidates);
  expect(found.toSorted()).toEqual([...digestsOf(old), ...referrers.slice(2)].toSorted());
  const at = (digest: string): number => found.indexOf(digest);
  for (const { manifest } of old.images)
    expect(at(old.index.descriptor.digest)).toBeLessThan(at(manifest.descriptor.digest));
});

test("what a tagged signature is about is kept", async () => {
  const { registry, store, old } = await replaced();
  const signature = makeReferrer(old.index, "signature");
  registry.push(repository, signature);
  await store.putManifest("signature", signature.manifest);
  expect(await unreachableOf(store, digestsOf(old))).toEqual([]);
});

/** The tag that lists what refers to a manifest, as clients keep it where there is no API. */
async function listReferrer(
  registry: MemoryRegistry,
  subject: Digest,
  signature: ReturnType<typeof makeReferrer>,
): Promise<Digest> {
  const list = makeDocument({
    schemaVersion: 2,
    mediaType: OCI.index,
    manifests: [signature.manifest.descriptor],
  });
  registry.push(repository, signature);
  await registry.store(repository).putManifest(subject.replace(":", "-"), list);
  return list.descriptor.digest;
}

test("lists of referrers that are kept in tags: followed from their subject, found when that is gone", async () => {
  const { registry, store, old, now } = await replaced();
  const api: Store = { ...store, referrers: async () => ok([]), keepsReferrersInTags: () => true };
  const kept = makeReferrer(now.index, "kept");
  const stale = makeReferrer(old.index, "stale");
  await listReferrer(registry, now.index.descriptor.digest, kept);
  await listReferrer(registry, old.index.descriptor.digest, stale);
  const signatures = [kept, stale].map(({ manifest }) => manifest.descriptor.digest);
  // Its subject is there, and no candidate: whoever pulls it by its digest keeps its signature.
  expect(await unreachableOf(api, signatures)).toEqual([]);
  const both = await unreachableOf(api, [...signatures, old.index.descriptor.digest]);
  const tag = old.index.descriptor.digest.replace(":", "-");
  const gone = [old.index.descriptor.digest, stale.manifest.descriptor.digest, tag];
  expect(both.toSorted()).toEqual(gone.toSorted());
  await store.delete(old.index.descriptor.digest);
  expect(await unreachableOf(api, [])).toEqual([tag]);
});

test("a chain of lists is followed to its end, whatever their order", async () => {
  const { registry, store, now } = await replaced();
  const api: Store = { ...store, referrers: async () => ok([]), keepsReferrersInTags: () => true };
  const first = makeReferrer(now.index, "first");
  const second = makeReferrer(first.manifest, "second");
  const third = makeReferrer(second.manifest, "third");
  await listReferrer(registry, second.manifest.descriptor.digest, third);
  await listReferrer(registry, first.manifest.descriptor.digest, second);
  await listReferrer(registry, now.index.descriptor.digest, first);
  const chain = [first, second, third].map(({ manifest }) => manifest.descriptor.digest);
  expect(await unreachableOf(api, chain)).toEqual([]);
});

test("a layout whose index has another entry since is left as it is", async () => {
  const { store, old, now } = await replaced();
  const removed: Digest[] = [];
  const layout = (roots: readonly TestGraph[]): LayoutBlobs => ({
    roots: async () => ok(roots.map(({ index }) => index.descriptor)),
    list: async () => ok(digestsOf(old).map((digest) => ({ digest, size: 1 }))),
    remove: async (digest) => {
      removed.push(digest);
      return ok(undefined);
    },
  });
  const found = await findUnreachable({ store, layout: layout([now]) }, []);
  if (!found.ok) throw new Error(found.error.kind);
  expect(found.value.unreachable.map(({ digest }) => digest)).toEqual(digestsOf(old));
  const changed = await deleteUnreachable({ store, layout: layout([now, old]) }, found.value);
  expect(changed).toMatchObject({ error: { kind: "gc-changed", names: [old.index.descriptor.digest] } });
  expect(removed).toEqual([]);
  expect(await deleteUnreachable({ store, layout: layout([now]) }, found.value)).toMatchObject({ ok: true });
  expect(removed).toEqual(digestsOf(old));
});

test.each<[string, (store: Store, now: TestGraph) => Store, string]>([
  [
    "a child",
    (store, now) => ({
      ...store,
      manifest: (reference, signal) =>
        reference === now.images[1]?.manifest.descriptor.digest
          ? store.manifest(reference, AbortSignal.abort())
          : store.manifest(reference, signal),
    }),
    "gc-incomplete",
  ],
  [
    "referrers",
    (store) => ({ ...store, referrers: (digest) => store.referrers(digest, AbortSignal.abort()) }),
    "gc-incomplete",
  ],
  ["the tags", (store) => ({ ...store, tags: () => store.tags(AbortSignal.abort()) }), "registry-cancelled"],
])("nothing is called unreachable where %s cannot be read", async (_, breaks, kind) => {
  const { store, old, now } = await replaced();
  const found = await findUnreachable({ store: breaks(store, now) }, digestsOf(old));
  expect(found).toMatchObject({ ok: false, error: { kind } });
});

test("nor where something that is kept is of a kind that cannot be followed", async () => {
  const { store, old } = await replaced();
  const strange = makeDocument({ mediaType: "application/vnd.example.v1+json", children: ["?"] });
  await store.putManifest("strange", strange);
  expect(await findUnreachable({ store }, digestsOf(old))).toMatchObject({
    ok: false,
    error: { kind: "gc-unreadable", digest: strange.descriptor.digest, via: "strange" },
  });
});

test("a child that its index names and that is not there ends nothing, and is told", async () => {
  const { store, old, now } = await replaced();
  const missing = now.images[0]?.manifest.descriptor.digest ?? "sha256:";
  await store.delete(missing);
  const found = await findUnreachable({ store }, [...digestsOf(old), missing]);
  expect(found).toMatchObject({
    ok: true,
    value: { missing: [{ digest: missing, via: now.index.descriptor.digest }], absent: [] },
  });
});

test("deletes what was listed, unless a name has moved, come or gone", async () => {
  const { registry, store, old, now } = await replaced();
  const found = await findUnreachable({ store }, digestsOf(old));
  if (!found.ok) throw new Error(found.error.kind);
  const other = makeImage({ os: "linux" }, ["other"]);
  registry.push(repository, other);
  await store.putManifest("new", other.manifest);
  const refused = await deleteUnreachable({ store }, found.value);
  expect(refused).toMatchObject({ ok: false, error: { kind: "gc-changed", names: ["new"] } });
  await store.delete("new");
  await store.putManifest("latest", old.index);
  expect(await deleteUnreachable({ store }, found.value)).toMatchObject({ error: { names: ["latest"] } });
  for (const digest of digestsOf(old)) expect(registry.find(`one.example/app@${digest}`)).toBeDefined();
  await store.putManifest("latest", now.index);
  expect(await deleteUnreachable({ store }, found.value)).toEqual({ ok: true, value: undefined });
  for (const digest of digestsOf(old)) expect(registry.find(`one.example/app@${digest}`)).toBeUndefined();
  for (const digest of digestsOf(now)) expect(registry.find(`one.example/app@${digest}`)).toBeDefined();
});

test("a deletion that is refused: what went before it, what was not tried", async () => {
  const { store, old } = await replaced();
  const found = await findUnreachable({ store }, digestsOf(old));
  if (!found.ok) throw new Error(found.error.kind);
  const digests = found.value.unreachable.map(({ digest }) => digest);
  const refusing: Store = {
    ...store,
    delete: (reference) =>
      store.delete(reference, reference === digests[2] ? AbortSignal.abort() : undefined),
  };
  expect(await deleteUnreachable({ store: refusing }, found.value)).toMatchObject({
    ok: false,
    error: {
      kind: "gc-not-deleted",
      deleted: digests.slice(0, 2),
      failed: digests[2],
      notTried: digests.slice(3),
    },
  });
});
