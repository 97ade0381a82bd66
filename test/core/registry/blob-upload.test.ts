import { randomBytes } from "node:crypto";
import { createServer } from "node:http";
import { expect, onTestFinished, test } from "vitest";
import { digestOf } from "../../../core/oci/digest-of.ts";
import { BlobUnreadable, type OutgoingBlob, type Store } from "../../../core/registry/store.ts";
import type { RegistryOptions } from "../../../core/registry/client.ts";
import { listen, stop, type FakeRegistry, type FakeRegistryOptions } from "../../support/fake-registry.ts";
import { fakeRegistry, testClient } from "../../support/registry-rig.ts";

const MiB = 1024 * 1024;

interface Rig {
  readonly fake: FakeRegistry;
  readonly store: Store;
  readonly waitsMs: readonly number[];
}

async function rig(options: FakeRegistryOptions = {}, client: Partial<RegistryOptions> = {}): Promise<Rig> {
  const fake = await fakeRegistry(options);
  const { registry, waitsMs } = await testClient(client);
  return { fake, store: registry.store({ registry: fake.host, path: "team/app" }), waitsMs };
}

/** A blob in pieces of 64 KiB; `opened` are the bytes from which it was read. */
function blobOf(
  content: Buffer,
  more: Partial<OutgoingBlob> = {},
): OutgoingBlob & { readonly opened: readonly number[] } {
  const opened: number[] = [];
  return {
    opened,
    descriptor: { mediaType: "application/octet-stream", digest: digestOf(content), size: content.length },
    open: async function* (from) {
      opened.push(from);
      for (let at = from; at < content.length; at += 65_536) {
        await Promise.resolve();
        yield content.subarray(at, at + 65_536);
      }
    },
    ...more,
  };
}

/** `METHOD` and the last part of each path, what is random left out. */
function steps(fake: FakeRegistry): readonly string[] {
  return fake
    .log()
    .map((line) => line.replace(/\/v2\/team\/app\/blobs\//, "").replace(/(sha256:|upload-).*/, "$1"));
}

const SMALL = Buffer.from("a small blob");

test("looks, and uploads in one piece what is not there", async () => {
  const { fake, store } = await rig();
  const blob = blobOf(randomBytes(3 * MiB));
  expect(await store.putBlob(blob)).toEqual({ ok: true, value: "uploaded" });
  expect(steps(fake)).toEqual(["HEAD sha256:", "POST uploads/", "PUT uploads/upload-"]);
  expect(fake.requests.at(-1)?.headers["content-length"]).toBe(String(3 * MiB));
  expect(fake.hasBlob("team/app", blob.descriptor.digest)).toBe(true);
  expect(await store.putBlob(blob)).toEqual({ ok: true, value: "present" });
  expect(fake.log()).toHaveLength(4);
  expect(blob.opened).toEqual([0]);
});

test("uploads an empty blob", async () => {
  const { fake, store } = await rig();
  expect(await store.putBlob(blobOf(Buffer.alloc(0)))).toEqual({ ok: true, value: "uploaded" });
  expect(fake.openUploads()).toBe(0);
});

test("mounts with one request, and reads nothing for it", async () => {
  const { fake, store } = await rig();
  fake.addBlob(SMALL, "team/base");
  const blob = blobOf(SMALL, { mountFrom: "team/base" });
  expect(await store.putBlob(blob)).toEqual({ ok: true, value: "mounted" });
  expect(steps(fake)).toEqual(["POST uploads/"]);
  expect(Object.fromEntries(fake.requests[0]?.query ?? [])).toEqual({
    mount: blob.descriptor.digest,
    from: "team/base",
  });
  expect(blob.opened).toEqual([]);
});

test("uploads into the session that a registry opens instead of mounting", async () => {
  const { fake, store } = await rig({ mounts: false });
  fake.addBlob(SMALL, "team/base");
  expect(await store.putBlob(blobOf(SMALL, { mountFrom: "team/base" }))).toEqual({
    ok: true,
    value: "uploaded",
  });
  expect(steps(fake)).toEqual(["POST uploads/", "PUT uploads/upload-"]);
});

test("looks and uploads where a mount is refused", async () => {
  const { fake, store } = await rig();
  fake.failNext({ method: "POST" }, { kind: "status", status: 405 });
  expect(await store.putBlob(blobOf(SMALL, { mountFrom: "team/base" }))).toMatchObject({ ok: true });
  expect(steps(fake)).toEqual(["POST uploads/", "HEAD sha256:", "POST uploads/", "PUT uploads/upload-"]);
});

test("asks for the source as well where it mounts, with one token for all of its requests", async () => {
  const { fake, store } = await rig({ auth: { kind: "token" }, mounts: false });
  await store.tags();
  expect(await store.putBlob(blobOf(SMALL, { mountFrom: "team/base" }))).toMatchObject({ ok: true });
  const asked = fake.requests.filter(({ path }) => path === "/token");
  expect(asked.map(({ query }) => query.getAll("scope"))).toEqual([
    ["repository:team/app:pull,push"],
    ["repository:team/app:pull,push", "repository:team/base:pull"],
  ]);
  expect(steps(fake).slice(2)).toEqual(["POST uploads/", "PUT uploads/upload-"]);
});

test.for([
  { name: "a reset", fault: { kind: "reset" } },
  { name: "503", fault: { kind: "status", status: 503 } },
  { name: "429", fault: { kind: "status", status: 429 } },
] as const)("uploads in spite of $name at any request", async ({ fault }) => {
  for (const method of ["HEAD", "POST", "PUT"]) {
    const { fake, store } = await rig();
    fake.failNext({ method }, fault, 2);
    expect(await store.putBlob(blobOf(SMALL))).toEqual({ ok: true, value: "uploaded" });
    expect(fake.hasBlob("team/app", digestOf(SMALL))).toBe(true);
    expect(fake.openUploads()).toBe(0);
  }
});

test("waits as Retry-After says before it sends a blob again", async () => {
  const { fake, store, waitsMs } = await rig();
  fake.failNext({ method: "PUT" }, { kind: "status", status: 429, headers: { "retry-after": "7" } });
  expect(await store.putBlob(blobOf(SMALL))).toMatchObject({ ok: true });
  expect(waitsMs).toEqual([7_125]);
});

test("looks whether it is there where only the answer was lost", async () => {
  const { fake, store } = await rig();
  fake.failNext({ method: "PUT" }, { kind: "answer-lost" });
  const blob = blobOf(SMALL);
  expect(await store.putBlob(blob)).toEqual({ ok: true, value: "uploaded" });
  expect(steps(fake).slice(2)).toEqual(["PUT uploads/upload-", "HEAD sha256:"]);
  expect(blob.opened).toEqual([0]);
});

test("goes on from the byte that the registry has after a break", async () => {
  const { fake, store } = await rig();
  fake.cutUpload(2 * MiB);
  const blob = blobOf(randomBytes(5 * MiB));
  expect(await store.putBlob(blob)).toEqual({ ok: true, value: "uploaded" });
  expect(steps(fake).slice(2)).toEqual([
    "PUT uploads/upload-",
    "HEAD sha256:",
    "GET uploads/upload-",
    "PATCH uploads/upload-",
    "PUT uploads/upload-",
  ]);
  expect(blob.opened).toEqual([0, 2 * MiB]);
  expect(fake.requests.at(-2)?.headers["content-range"]).toBe(`${2 * MiB}-${5 * MiB - 1}`);
});

test("begins anew, in chunks, where the registry kept nothing of a large blob", async () => {
  const { fake, store } = await rig({}, { chunkBytes: 2 * MiB });
  fake.cutUpload(MiB, false);
  const blob = blobOf(randomBytes(5 * MiB));
  expect(await store.putBlob(blob)).toEqual({ ok: true, value: "uploaded" });
  expect(blob.opened).toEqual([0, 0, 2 * MiB, 4 * MiB]);
  expect(steps(fake).filter((step) => step.startsWith("PATCH"))).toHaveLength(3);
  expect(fake.openUploads()).toBe(0);
});

test("has its attempts anew while each of them brings something", async () => {
  const { fake, store } = await rig();
  for (let cut = 0; cut < 8; cut += 1) fake.cutUpload(MiB);
  expect(await store.putBlob(blobOf(randomBytes(9 * MiB)))).toEqual({ ok: true, value: "uploaded" });
});

test("has its attempts anew with each chunk that arrived", async () => {
  const { fake, store } = await rig({}, { chunkBytes: MiB });
  fake.cutUpload(MiB, false);
  // Every second request with a chunk is refused.
  for (let skip = 1; skip <= 7; skip += 1)
    fake.failNext({ method: "PATCH", skip }, { kind: "status", status: 503 });
  expect(await store.putBlob(blobOf(randomBytes(8 * MiB)))).toEqual({ ok: true, value: "uploaded" });
});

test("takes a chunk that is too large for somebody on the way for final", async () => {
  const { fake, store } = await rig();
  fake.cutUpload(MiB);
  fake.failNext({ method: "PATCH" }, { kind: "status", status: 413 });
  expect(await store.putBlob(blobOf(randomBytes(3 * MiB)))).toMatchObject({
    ok: false,
    error: { status: 413, request: { method: "PATCH" } },
  });
});

test("does not take what it told its source for a failure of that", async () => {
  const { fake, store } = await rig();
  fake.cutUpload(65_536, false);
  let opened = 0;
  const content = randomBytes(MiB);
  const outgoing = blobOf(content, {
    open: async function* (_, signal) {
      opened += 1;
      yield content.subarray(0, MiB / 2);
      if (opened === 1) {
        await new Promise((resolve) => signal?.addEventListener("abort", resolve, { once: true }));
        throw new BlobUnreadable({ kind: "layout-cancelled", path: "out" });
      }
      yield content.subarray(MiB / 2);
    },
  });
  expect(await store.putBlob(outgoing)).toEqual({ ok: true, value: "uploaded" });
  expect(opened).toBe(2);
});

test("sends chunks no smaller than the registry wants them", async () => {
  const { fake, store } = await rig({ minChunkBytes: 3 * MiB }, { chunkBytes: MiB });
  fake.cutUpload(MiB, false);
  expect(await store.putBlob(blobOf(randomBytes(7 * MiB)))).toMatchObject({ ok: true });
  const patches = fake.requests.filter(({ method }) => method === "PATCH");
  expect(patches.map(({ body }) => body.length)).toEqual([3 * MiB, 3 * MiB, MiB]);
});

test("sends a blob whole again where the registry takes no chunks", async () => {
  const { fake, store } = await rig({ chunks: false }, { chunkBytes: MiB });
  fake.cutUpload(MiB);
  const blob = blobOf(randomBytes(3 * MiB));
  expect(await store.putBlob(blob)).toEqual({ ok: true, value: "uploaded" });
  expect(blob.opened).toEqual([0, MiB, 0]);
  expect(fake.openUploads()).toBe(0);
});

test("begins anew where the registry has forgotten the upload", async () => {
  const { fake, store } = await rig();
  const body = JSON.stringify({ errors: [{ code: "BLOB_UPLOAD_UNKNOWN" }] });
  fake.failNext({ method: "PUT" }, { kind: "status", status: 404, body });
  expect(await store.putBlob(blobOf(SMALL))).toEqual({ ok: true, value: "uploaded" });
});

test("does not begin anew for ever", async () => {
  const { fake, store } = await rig();
  const body = JSON.stringify({ errors: [{ code: "BLOB_UPLOAD_INVALID" }] });
  fake.failNext({ method: "PUT" }, { kind: "status", status: 400, body }, 99);
  expect(await store.putBlob(blobOf(SMALL))).toMatchObject({ ok: false, error: { status: 400 } });
  expect(fake.log().filter((line) => line.startsWith("PUT"))).toHaveLength(3);
  expect(fake.openUploads()).toBe(0);
});

test.for([400, 403, 405, 413])("takes %i for final, and cancels the upload", async (status) => {
  const { fake, store } = await rig();
  fake.failNext({ method: "PUT" }, { kind: "status", status });
  expect(await store.putBlob(blobOf(SMALL))).toMatchObject({
    ok: false,
    error: { status, request: { method: "PUT", attempts: 1 } },
  });
  expect(steps(fake).at(-1)).toBe("DELETE uploads/upload-");
  expect(fake.openUploads()).toBe(0);
});

test("gives up in the end, and cancels the upload", async () => {
  const { fake, store, waitsMs } = await rig();
  fake.failNext({ method: "PUT" }, { kind: "status", status: 500 }, 99);
  expect(await store.putBlob(blobOf(SMALL))).toMatchObject({ ok: false, error: { status: 500 } });
  expect(fake.log().filter((line) => line.startsWith("PUT"))).toHaveLength(5);
  expect(waitsMs).toHaveLength(4);
  expect(fake.openUploads()).toBe(0);
});

test("stops when it is cancelled, and cancels the upload", async () => {
  const { fake, store } = await rig();
  const controller = new AbortController();
  const blob = blobOf(randomBytes(MiB), {
    open: async function* (_, signal) {
      yield Buffer.alloc(65_536);
      controller.abort();
      await new Promise((resolve) => signal?.addEventListener("abort", resolve, { once: true }));
      throw new Error("nobody listens any more");
    },
  });
  expect(await store.putBlob(blob, controller.signal)).toMatchObject({
    ok: false,
    error: { kind: "registry-cancelled" },
  });
  await expect.poll(() => fake.openUploads()).toBe(0);
});

test("ends with the failure of its source, and does not try that again", async () => {
  const { fake, store } = await rig();
  const failure = { kind: "layout-invalid", path: "out", detail: "damaged" } as const;
  let opened = 0;
  const blob = blobOf(SMALL, {
    open: async function* () {
      opened += 1;
      yield SMALL.subarray(0, 3);
      throw new BlobUnreadable(failure);
    },
  });
  expect(await store.putBlob(blob)).toEqual({ ok: false, error: failure });
  expect(opened).toBe(1);
  expect(fake.openUploads()).toBe(0);
});

test.for([
  { name: "fewer", content: "short", actual: 5 },
  { name: "more", content: "a small blob and more", actual: 21 },
])("refuses a source with $name bytes than promised", async ({ content, actual }) => {
  const { fake, store } = await rig();
  const blob = blobOf(SMALL, {
    open: async function* () {
      yield Buffer.from(content);
    },
  });
  expect(await store.putBlob(blob)).toMatchObject({
    ok: false,
    error: { kind: "outgoing-blob-invalid", size: SMALL.length, actual },
  });
  expect(fake.hasBlob("team/app", digestOf(SMALL))).toBe(false);
  expect(fake.openUploads()).toBe(0);
});

test("does not accept a registry's word that it stored something else", async () => {
  const { fake, store } = await rig();
  const headers = { "docker-content-digest": digestOf(Buffer.from("other")) };
  fake.failNext({ method: "PUT" }, { kind: "status", status: 201, headers });
  expect(await store.putBlob(blobOf(SMALL))).toMatchObject({
    ok: false,
    error: { kind: "digest-mismatch", expected: digestOf(SMALL) },
  });
});

test("does not take a blob of another size for the one it looks for", async () => {
  const { fake, store } = await rig();
  fake.failNext({ method: "HEAD" }, { kind: "status", status: 200, body: "12345" });
  expect(await store.putBlob(blobOf(SMALL))).toMatchObject({
    ok: false,
    error: { kind: "registry-answer-invalid" },
  });
});

test("uploads once what several need at once", async () => {
  const { fake, store } = await rig();
  const blobs = [1, 2, 3].map(() => blobOf(SMALL));
  const outcomes = await Promise.all(blobs.map((blob) => store.putBlob(blob)));
  expect(outcomes.every(({ ok }) => ok)).toBe(true);
  expect(steps(fake)).toEqual(["HEAD sha256:", "POST uploads/", "PUT uploads/upload-"]);
});

test("does the work itself where whoever did it was cancelled", async () => {
  const { fake, store } = await rig();
  fake.failNext({ method: "HEAD" }, { kind: "hang" });
  const controller = new AbortController();
  const [one, other] = [store.putBlob(blobOf(SMALL), controller.signal), store.putBlob(blobOf(SMALL))];
  await expect.poll(() => fake.requests.length).toBe(1);
  controller.abort();
  expect(await one).toMatchObject({ ok: false, error: { kind: "registry-cancelled" } });
  expect(await other).toEqual({ ok: true, value: "uploaded" });
});

test("uploads eight blobs at once over connections that it uses again", async () => {
  const { fake, store } = await rig();
  const blobs = Array.from({ length: 16 }, () => blobOf(randomBytes(MiB)));
  const outcomes = await Promise.all(blobs.map((blob) => store.putBlob(blob)));
  expect(outcomes).toEqual(blobs.map(() => ({ ok: true, value: "uploaded" })));
  expect(fake.connections()).toBeLessThanOrEqual(8);
});

test("sends no login to another server that a Location names", async () => {
  const seen: { readonly authorization: string | undefined; readonly bytes: number }[] = [];
  const storage = createServer((request, response) => {
    let bytes = 0;
    request.on("data", (piece: Buffer) => (bytes += piece.length));
    request.on("end", () => {
      seen.push({ authorization: request.headers.authorization, bytes });
      response.writeHead(201).end();
    });
  });
  const port = await listen(storage);
  onTestFinished(() => stop(storage));
  const login = { username: "ada", password: "secret" };
  const fake = await fakeRegistry({ auth: { kind: "basic", ...login } });
  const { registry } = await testClient({ logins: { [fake.host]: login } });
  const headers = { location: `http://127.0.0.1:${port}/upload?signature=a%2Fb+c` };
  fake.failNext({ method: "POST" }, { kind: "status", status: 202, headers });
  const store = registry.store({ registry: fake.host, path: "team/app" });
  expect(await store.putBlob(blobOf(SMALL))).toMatchObject({ ok: true });
  expect(fake.requests.at(-1)?.headers.authorization).toMatch(/^Basic /);
  expect(seen).toEqual([{ authorization: undefined, bytes: SMALL.length }]);
});

test.for(["", "ftp://files.example/upload", "http://user:word@127.0.0.1/upload"])(
  "refuses the Location %j",
  async (location) => {
    const { fake, store } = await rig();
    fake.failNext({ method: "POST" }, { kind: "status", status: 202, headers: { location } });
    expect(await store.putBlob(blobOf(SMALL))).toMatchObject({
      ok: false,
      error: { kind: "registry-answer-invalid", detail: "no usable Location for the upload" },
    });
    expect(fake.log()).toHaveLength(2);
  },
);

test("gives up on a server that stops taking a body", async () => {
  const server = createServer((request, response) => {
    if (request.method === "PUT") return;
    if (request.method === "POST") response.setHeader("location", "/upload");
    response.writeHead(request.method === "POST" ? 202 : 404).end();
  });
  const port = await listen(server);
  onTestFinished(() => stop(server));
  const timeouts = { connectMs: 500, headersMs: 20_000, bodyMs: 100 };
  const { registry } = await testClient({ timeouts, patience: { attempts: 1, budgetMs: 0 } });
  const store = registry.store({ registry: `127.0.0.1:${port}`, path: "team/app" });
  expect(await store.putBlob(blobOf(randomBytes(32 * MiB)))).toMatchObject({
    ok: false,
    error: { kind: "registry-unreachable", detail: expect.stringContaining("took nothing") },
  });
});
