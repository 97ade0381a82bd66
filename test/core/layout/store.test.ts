import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import type { Document } from "../../../core/oci/descriptor.ts";
import { digestOf } from "../../../core/oci/digest-of.ts";
import type { LayoutFailure } from "../../../core/oci/layout-failure.ts";
import { BlobUnreadable, type Store } from "../../../core/registry/store.ts";
import { makeDocument, makeImage, OCI } from "../../support/images.ts";
import {
  amd64,
  begun,
  collect,
  folderOf,
  indexJson,
  layoutFiles,
  MARKER,
  nameOf,
  opened,
  outgoing,
  put,
  referrer,
} from "../../support/layouts.ts";
import { temporaryFolder } from "../../support/registry-rig.ts";

type LayoutStore = Store<LayoutFailure>;

/** The same store in each of its places: while it is made, when it is opened again, and on top of another one. */
const PLACES: readonly [string, () => Promise<LayoutStore>][] = [
  ["a new folder", async () => (await begun(join(await temporaryFolder(), "out"), "folder")).store],
  ["a new tar file", async () => (await begun(join(await temporaryFolder(), "out.tar"), "tar")).store],
  ["an opened folder", async () => (await opened(await emptyLayout())).store],
  ["a folder that is added to", async () => (await begun(await emptyLayout(), "folder")).store],
];

async function emptyLayout(): Promise<string> {
  return await folderOf({ ...MARKER, "index.json": indexJson([]) });
}

test.each(PLACES)("%s keeps an image under its tags and digest", async (_, place) => {
  const store = await place();
  const image = amd64();
  const { descriptor } = image.manifest;
  await put(store, image, "v1", "v2", descriptor.digest);
  for (const reference of ["v1", "v2", descriptor.digest]) {
    expect(await store.resolve(reference)).toEqual({ ok: true, value: descriptor });
    expect(await store.manifest(reference)).toEqual({ ok: true, value: image.manifest });
  }
  expect(await store.tags()).toEqual({ ok: true, value: ["v1", "v2"] });
  const config = outgoing(image.config).descriptor;
  expect(await store.blob(config)).toEqual({ ok: true, value: image.config });
  expect(await collect(store.openBlob(config))).toEqual(image.config);
  expect(await collect(store.openBlob(config, { from: 5 }))).toEqual(image.config.subarray(5));
  expect(store.repository).toBeUndefined();
});

test.each(PLACES)("%s says what it does not have", async (_, place) => {
  const store = await place();
  await put(store, amd64(), "v1");
  const missing = { mediaType: OCI.layer, digest: digestOf(Buffer.from("missing")), size: 7 };
  const lacks = (reference: string, known: readonly string[]): object => ({
    kind: "layout-content-missing",
    path: store.name,
    reference,
    known,
  });
  expect(await store.resolve("v9")).toEqual({ ok: true, value: undefined });
  expect(await store.resolve(missing.digest)).toEqual({ ok: true, value: undefined });
  expect(await store.manifest("v9")).toEqual({ ok: false, error: lacks("v9", ["v1"]) });
  expect(await store.manifest(missing.digest)).toEqual({ ok: false, error: lacks(missing.digest, ["v1"]) });
  expect(await store.blob(missing)).toEqual({ ok: false, error: lacks(missing.digest, []) });
  const failure = await collect(store.openBlob(missing)).catch((error: unknown) => error);
  expect(failure).toBeInstanceOf(BlobUnreadable);
  expect(failure).toMatchObject({ failure: lacks(missing.digest, []) });
});

test.each(PLACES)("%s takes no document before what it names", async (_, place) => {
  const store = await place();
  const image = amd64();
  const index = makeDocument({
    schemaVersion: 2,
    mediaType: OCI.index,
    manifests: [image.manifest.descriptor],
  });
  expect(await store.putBlob(outgoing(image.config))).toEqual({ ok: true, value: "uploaded" });
  const [layer] = image.layers;
  expect(await store.putManifest("v1", image.manifest)).toMatchObject({
    ok: false,
    error: { kind: "layout-content-missing", reference: digestOf(layer ?? Buffer.of()) },
  });
  expect(await store.putManifest("all", index)).toMatchObject({
    ok: false,
    error: { kind: "layout-content-missing", reference: image.manifest.descriptor.digest },
  });
  expect(await store.tags()).toEqual({ ok: true, value: [] });
  expect(await store.resolve(image.manifest.descriptor.digest)).toEqual({ ok: true, value: undefined });
});

test("layers that may not be distributed need not be there", async () => {
  const store = (await opened(await emptyLayout())).store;
  const image = makeImage({ os: "windows", architecture: "amd64" }, ["base"], {
    ...OCI,
    layer: "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
  });
  expect(await store.putBlob(outgoing(image.config))).toMatchObject({ ok: true });
  expect(await store.putManifest("v1", image.manifest)).toMatchObject({ ok: true });
});

test.each(PLACES)("%s lists what is about a manifest, and removes it again", async (_, place) => {
  const store = await place();
  const image = amd64();
  const signature = referrer(image.manifest, { "org.example.signed-by": "ada" });
  const { digest } = signature.manifest.descriptor;
  await put(store, image, "v1");
  await put(store, signature, digest);
  const listed = {
    ...signature.manifest.descriptor,
    artifactType: "application/vnd.example.signature",
    annotations: { "org.example.signed-by": "ada" },
  };
  const subject = image.manifest.descriptor.digest;
  expect(await store.referrers(subject)).toEqual({ ok: true, value: [listed] });
  expect(await store.referrers(digest)).toEqual({ ok: true, value: [] });
  expect(await store.resolve("latest")).toMatchObject({ ok: true, value: { digest: subject } });
  expect(await store.delete(digest)).toEqual({ ok: true, value: undefined });
  expect(await store.referrers(subject)).toEqual({ ok: true, value: [] });
  expect(await store.manifest(digest)).toMatchObject({ error: { kind: "layout-content-missing" } });
});

test("finds a signature that only an index leads to, whatever else that names", async () => {
  const image = amd64();
  const signature = referrer(image.manifest, {});
  const missing = { ...image.manifest.descriptor, digest: digestOf(Buffer.from("not copied")) };
  const index = makeDocument({
    schemaVersion: 2,
    mediaType: OCI.index,
    manifests: [missing, image.manifest.descriptor, signature.manifest.descriptor],
  });
  const documents = [image.manifest, signature.manifest, index];
  const path = await folderOf({
    ...MARKER,
    "index.json": indexJson([index.descriptor]),
    ...Object.fromEntries(documents.map(({ descriptor, bytes }) => [nameOf(descriptor.digest), bytes])),
  });
  const { store } = await opened(path);
  expect(await store.referrers(image.manifest.descriptor.digest)).toMatchObject({
    value: [{ digest: signature.manifest.descriptor.digest }],
  });
});

test.each(PLACES)("%s removes a tag alone, and a manifest with all its tags", async (_, place) => {
  const store = await place();
  const [one, two] = [amd64("one"), amd64("two")];
  await put(store, one, "v1", "v2");
  await put(store, two, "v3");
  expect(await store.delete("v1")).toEqual({ ok: true, value: undefined });
  expect(await store.tags()).toEqual({ ok: true, value: ["v2", "v3"] });
  expect(await store.manifest("v2")).toMatchObject({ ok: true });
  expect(await store.delete(one.manifest.descriptor.digest)).toEqual({ ok: true, value: undefined });
  expect(await store.tags()).toEqual({ ok: true, value: ["v3"] });
  expect(await store.resolve(one.manifest.descriptor.digest)).toEqual({ ok: true, value: undefined });
  expect(await store.delete("v1")).toEqual({ ok: true, value: undefined });
  expect(await store.delete(one.manifest.descriptor.digest)).toEqual({ ok: true, value: undefined });
});

test("a blob is no manifest, and is not removed as one", async () => {
  const store = (await opened(await folderOf(layoutFiles(amd64())))).store;
  const config = outgoing(amd64().config).descriptor;
  const refused = { ok: false, error: { kind: "layout-invalid" } };
  expect(await store.delete(config.digest)).toMatchObject(refused);
  expect(await store.manifest(config.digest)).toMatchObject(refused);
  expect(await store.blob(config)).toMatchObject({ ok: true });
});

test.each(PLACES)("%s writes a blob once, however many bring it", async (_, place) => {
  const store = await place();
  let opened = 0;
  const blob = outgoing(Buffer.from("shared by six platforms"));
  const counted = {
    ...blob,
    open: (from: number) => {
      opened += 1;
      return blob.open(from, undefined);
    },
  };
  const outcomes = await Promise.all([1, 2, 3].map(() => store.putBlob(counted)));
  expect(outcomes).toEqual(["uploaded", "present", "present"].map((value) => ({ ok: true, value })));
  expect(opened).toBe(1);
});

test("who waited for a blob whose writer failed writes it", async () => {
  const store = (await opened(await emptyLayout())).store;
  const blob = outgoing(Buffer.from("content"));
  const failure = { kind: "layout-missing", path: "elsewhere" } as const;
  const broken = {
    ...blob,
    open: async function* (): AsyncGenerator<Uint8Array> {
      yield Buffer.from("con");
      throw new BlobUnreadable(failure);
    },
  };
  expect(await Promise.all([store.putBlob(broken), store.putBlob(blob)])).toEqual([
    { ok: false, error: failure },
    { ok: true, value: "uploaded" },
  ]);
});

test.each([
  ["other bytes", "CONTENT", "its bytes have the digest sha256:"],
  ["fewer bytes", "cont", "it has 4 bytes and not 7"],
  ["more bytes", "content and more", "it has more than 7 bytes"],
])("content with %s than its name promises is not kept", async (_, sent, detail) => {
  const path = await emptyLayout();
  const store = (await opened(path)).store;
  const promised = outgoing(Buffer.from("content")).descriptor;
  const put = await store.putBlob({ ...outgoing(Buffer.from(sent)), descriptor: promised });
  expect(put).toMatchObject({
    ok: false,
    error: {
      kind: "layout-content-damaged",
      digest: promised.digest,
      detail: expect.stringContaining(detail),
    },
  });
  expect(await readdir(join(path, "blobs/sha256"))).toEqual([]);
  expect(await store.blob(promised)).toMatchObject({ error: { kind: "layout-content-missing" } });
});

test("content without an end is not waited for", async () => {
  const store = (await opened(await emptyLayout())).store;
  let sent = 0;
  const endless = async function* (): AsyncGenerator<Uint8Array> {
    for (; sent < 100; sent += 1) yield Buffer.from("more");
  };
  const put = await store.putBlob({ ...outgoing(Buffer.from("content")), open: endless });
  expect(put).toMatchObject({ ok: false, error: { kind: "layout-content-damaged" } });
  expect(sent).toBeLessThan(5);
});

test("a document whose blob is there, of another size, is not taken", async () => {
  const image = amd64();
  const config = outgoing(image.config).descriptor;
  const path = await folderOf({ ...MARKER, "index.json": indexJson([]), [nameOf(config.digest)]: "{}" });
  const store = (await opened(path)).store;
  await put(store, { ...image, config: Buffer.from("something else") });
  expect(await store.putManifest("v1", image.manifest)).toMatchObject({
    ok: false,
    error: { kind: "layout-content-missing", reference: config.digest },
  });
});

test("a blob of the wrong size is written anew", async () => {
  const blob = outgoing(Buffer.from("content"));
  const path = await folderOf({
    ...MARKER,
    "index.json": indexJson([]),
    [nameOf(blob.descriptor.digest)]: "cont",
  });
  const store = (await opened(path)).store;
  expect(await store.putBlob(blob)).toEqual({ ok: true, value: "uploaded" });
  expect(await store.blob(blob.descriptor)).toEqual({ ok: true, value: Buffer.from("content") });
});

test.each<[string, (document: Document) => Document, string, string]>([
  [
    "of another digest",
    (it) => ({ ...it, bytes: Buffer.alloc(it.bytes.length, " ") }),
    "v1",
    "layout-content-damaged",
  ],
  [
    "of another size",
    (it) => ({ ...it, descriptor: { ...it.descriptor, size: 1 } }),
    "v1",
    "layout-content-damaged",
  ],
  ["under another digest", (it) => it, `sha256:${"a".repeat(64)}`, "layout-invalid"],
  ["under a name that is no tag", (it) => it, "../../etc/passwd", "layout-invalid"],
  ["that is none", () => makeDocument({ mediaType: OCI.manifest }), "v1", "layout-invalid"],
])("a document %s is refused", async (_, change, reference, kind) => {
  const store = (await opened(await emptyLayout())).store;
  const image = amd64();
  await put(store, image);
  const done = await store.putManifest(reference, change(image.manifest));
  expect(done).toMatchObject({ ok: false, error: { kind } });
  expect(await store.tags()).toEqual({ ok: true, value: [] });
});

test("tags that move at the same time are all there in the end", async () => {
  const path = await emptyLayout();
  const store = (await opened(path)).store;
  await put(store, amd64());
  const tags = Array.from({ length: 20 }, (_, at) => `v${at}`);
  await Promise.all(tags.map((tag) => store.putManifest(tag, amd64().manifest)));
  const again = await (await opened(path)).store.tags();
  expect(again.ok && again.value.toSorted()).toEqual(tags.toSorted());
});

test("a caller who has left gets no more", async () => {
  const store = (await opened(await folderOf(layoutFiles(amd64())))).store;
  const signal = AbortSignal.abort();
  const cancelled = { ok: false, error: { kind: "layout-cancelled", path: store.name } };
  const config = outgoing(amd64().config);
  expect(await store.manifest("v1", signal)).toEqual(cancelled);
  expect(await store.resolve("v1", signal)).toEqual(cancelled);
  expect(await store.blob(config.descriptor, { signal })).toEqual(cancelled);
  expect(await store.putBlob(outgoing(Buffer.from("new")), signal)).toEqual(cancelled);
  expect(await store.putManifest("v2", amd64().manifest, signal)).toEqual(cancelled);
  expect(await store.delete("v1", signal)).toEqual(cancelled);
  expect(await store.tags()).toEqual({ ok: true, value: ["v1"] });
  const failure = await collect(store.openBlob(config.descriptor, { signal })).catch(
    (error: unknown) => error,
  );
  expect(failure).toMatchObject({ failure: cancelled.error });
});

test("a caller who leaves while a blob is written leaves nothing of it", async () => {
  const path = await emptyLayout();
  const store = (await opened(path)).store;
  const leaving = new AbortController();
  onTestFinished(() => leaving.abort());
  const blob = outgoing(Buffer.from("content"));
  const sent = store.putBlob(
    {
      ...blob,
      open: async function* () {
        yield Buffer.from("con");
        leaving.abort();
        yield Buffer.from("tent");
      },
    },
    leaving.signal,
  );
  expect(await sent).toMatchObject({ ok: false, error: { kind: "layout-cancelled" } });
  expect(await store.putBlob(blob)).toEqual({ ok: true, value: "uploaded" });
});

test("a blob that is larger than is taken is not read", async () => {
  const store = (await opened(await folderOf(layoutFiles(amd64())))).store;
  const { digest, size } = outgoing(amd64().config).descriptor;
  const refused = { ok: false, error: { kind: "layout-invalid" } };
  expect(await store.blob({ digest }, { maxBytes: size - 1 })).toMatchObject(refused);
  expect(await store.blob({ digest, size }, { maxBytes: size - 1 })).toMatchObject(refused);
  expect(await store.blob({ digest }, { maxBytes: size })).toMatchObject({ ok: true });
});
