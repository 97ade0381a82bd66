import { randomBytes } from "node:crypto";
import { expect, test } from "vitest";
import { digestOf } from "../../../core/oci/digest-of.ts";
import type { Descriptor } from "../../../core/oci/descriptor.ts";
import { BlobUnreadable, type Store } from "../../../core/registry/store.ts";
import type { FakeRegistry, FakeRegistryOptions } from "../../support/fake-registry.ts";
import { createServer } from "node:http";
import { listen, stop } from "../../support/fake-registry.ts";
import { fakeRegistry, testClient } from "../../support/registry-rig.ts";
import { onTestFinished } from "vitest";

const CONTENT = randomBytes(300_000);
const BLOB: Descriptor = {
  mediaType: "application/octet-stream",
  digest: digestOf(CONTENT),
  size: CONTENT.length,
};
const PATH = `/v2/team/app/blobs/${BLOB.digest}`;

async function withBlob(
  options: FakeRegistryOptions = {},
): Promise<{ readonly fake: FakeRegistry; readonly store: Store; readonly waitsMs: readonly number[] }> {
  const fake = await fakeRegistry(options);
  fake.addBlob(CONTENT);
  const { registry, waitsMs } = await testClient();
  return { fake, store: registry.store({ registry: fake.host, path: "team/app" }), waitsMs };
}

async function collect(pieces: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const piece of pieces) chunks.push(piece);
  return Buffer.concat(chunks);
}

async function failureOf(pieces: AsyncIterable<Uint8Array>): Promise<unknown> {
  const error: unknown = await collect(pieces).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof BlobUnreadable)) throw new Error("it was read", { cause: error });
  return error.failure;
}

function ranges(fake: FakeRegistry): readonly (string | undefined)[] {
  return fake.requests.filter(({ path }) => path === PATH).map(({ headers }) => headers.range);
}

test("streams a blob in one request, and from a byte on with Range", async () => {
  const { fake, store } = await withBlob();
  expect(await collect(store.openBlob(BLOB))).toEqual(CONTENT);
  expect(await collect(store.openBlob(BLOB, { from: 299_990 }))).toEqual(CONTENT.subarray(299_990));
  expect(await collect(store.openBlob(BLOB, { from: CONTENT.length }))).toHaveLength(0);
  expect(ranges(fake)).toEqual([undefined, "bytes=299990-"]);
});

test("streams an empty blob", async () => {
  const { fake, store } = await withBlob();
  fake.addBlob("");
  const empty = { ...BLOB, digest: digestOf(Buffer.alloc(0)), size: 0 };
  expect(await collect(store.openBlob(empty))).toHaveLength(0);
});

test.for([true, false])("goes on after a break (ranges: %s)", async (hasRanges) => {
  const { fake, store, waitsMs } = await withBlob({ ranges: hasRanges });
  fake.failNext({ path: /blobs/ }, { kind: "truncate" }, 2);
  expect(await collect(store.openBlob(BLOB))).toEqual(CONTENT);
  const [first, ...later] = ranges(fake);
  expect(first).toBeUndefined();
  expect(later).toHaveLength(2);
  expect(later.every((range) => /^bytes=[1-9]\d*-$/.test(range ?? ""))).toBe(true);
  expect(waitsMs).toHaveLength(2);
});

test("takes a body that ends early for a break, though it was sent without a length", async () => {
  const { fake, store } = await withBlob();
  const server = createServer((_, response) => {
    response.write(CONTENT.subarray(0, 100_000));
    response.end();
  });
  const port = await listen(server);
  onTestFinished(() => stop(server));
  const headers = { location: `http://127.0.0.1:${port}/short` };
  fake.failNext({ path: /blobs/ }, { kind: "status", status: 307, headers });
  expect(await collect(store.openBlob(BLOB))).toEqual(CONTENT);
  expect(ranges(fake)).toEqual([undefined, "bytes=100000-"]);
});

test("gives up on what breaks again and again", async () => {
  const { fake, store, waitsMs } = await withBlob();
  fake.failNext({ path: /blobs/ }, { kind: "truncate" }, 99);
  expect(await failureOf(store.openBlob(BLOB))).toMatchObject({
    kind: "registry-unreachable",
    request: { method: "GET", attempts: 5 },
  });
  expect(waitsMs).toHaveLength(4);
});

test("refuses other content, more content, and the wrong part of it", async () => {
  const { fake, store } = await withBlob();
  fake.failNext({}, { kind: "wrong-content" });
  expect(await failureOf(store.openBlob(BLOB))).toMatchObject({
    kind: "digest-mismatch",
    expected: BLOB.digest,
    bytes: BLOB.size,
  });
  const more = Buffer.concat([CONTENT, Buffer.from("!")]).toString("latin1");
  fake.failNext({}, { kind: "status", status: 200, body: more });
  expect(await failureOf(store.openBlob(BLOB))).toMatchObject({ kind: "registry-answer-invalid" });
  for (const range of ["bytes 0-9/300000", "bytes 10-19/999", "bytes 11-300000/300000", ""]) {
    fake.failNext({}, { kind: "status", status: 206, headers: { "content-range": range }, body: "x" });
    expect(await failureOf(store.openBlob(BLOB, { from: 10 }))).toMatchObject({
      kind: "registry-answer-invalid",
    });
  }
});

test("notices other content after a break as well", async () => {
  const { fake, store } = await withBlob();
  fake.failNext({}, { kind: "truncate" });
  fake.failNext({}, { kind: "wrong-content" });
  expect(await failureOf(store.openBlob(BLOB))).toMatchObject({ kind: "digest-mismatch" });
});

test("says that a blob is not there", async () => {
  const { store } = await withBlob();
  const absent = { ...BLOB, digest: digestOf(Buffer.from("absent")) };
  expect(await failureOf(store.openBlob(absent))).toMatchObject({ kind: "manifest-unknown" });
});

test("ends when it is cancelled, and when its reader leaves", async () => {
  const { store } = await withBlob();
  const controller = new AbortController();
  const read = async (): Promise<void> => {
    for await (const _ of store.openBlob(BLOB, { signal: controller.signal })) controller.abort();
  };
  await expect(read()).rejects.toMatchObject({ failure: { kind: "registry-cancelled" } });
  for await (const _ of store.openBlob(BLOB)) break;
  expect(await collect(store.openBlob(BLOB))).toEqual(CONTENT);
});

test("sends no login to the storage that it is redirected to", async () => {
  const seen: (string | undefined)[] = [];
  const storage = createServer((request, response) => {
    seen.push(request.headers.authorization);
    response.end(CONTENT);
  });
  const port = await listen(storage);
  onTestFinished(() => stop(storage));
  const login = { username: "ada", password: "secret" };
  const fake = await fakeRegistry({ auth: { kind: "basic", ...login } });
  const { registry } = await testClient({ logins: { [fake.host]: login } });
  const headers = { location: `http://127.0.0.1:${port}/blob` };
  const store = registry.store({ registry: fake.host, path: "team/app" });
  fake.addManifest("team/app", { mediaType: "application/vnd.oci.image.index.v1+json" }, "v1");
  await store.manifest("v1");
  fake.failNext({ path: /blobs/ }, { kind: "status", status: 307, headers });
  expect(await collect(store.openBlob(BLOB))).toEqual(CONTENT);
  expect(fake.requests.at(-1)?.headers.authorization).toMatch(/^Basic /);
  expect(seen).toEqual([undefined]);
});

test("does not wait for a body that only crawls", async () => {
  const server = createServer((_, response) => {
    response.writeHead(200, { "content-length": CONTENT.length });
    const timer = setInterval(() => response.write("x"), 10);
    response.on("close", () => clearInterval(timer));
  });
  const port = await listen(server);
  onTestFinished(() => stop(server));
  const timeouts = { connectMs: 500, headersMs: 200, bodyMs: 50 };
  const { registry } = await testClient({ timeouts, patience: { attempts: 1, budgetMs: 0 } });
  const store = registry.store({ registry: `127.0.0.1:${port}`, path: "team/app" });
  expect(await failureOf(store.openBlob(BLOB))).toMatchObject({
    kind: "registry-unreachable",
    detail: expect.stringContaining("too slowly"),
  });
  expect(await store.manifest("v1")).toMatchObject({
    ok: false,
    error: { kind: "registry-unreachable", detail: expect.stringContaining("too slowly") },
  });
});
