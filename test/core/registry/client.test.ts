import { expect, test } from "vitest";
import { digestOf } from "../../../core/oci/digest-of.ts";
import type { Document } from "../../../core/oci/descriptor.ts";
import type { Repository } from "../../../core/oci/reference.ts";
import type { FakeRegistry } from "../../support/fake-registry.ts";
import { fakeRegistry, testClient } from "../../support/registry-rig.ts";

const INDEX = "application/vnd.oci.image.index.v1+json";
const MANIFEST = "application/vnd.oci.image.manifest.v1+json";

function repositoryOf(fake: FakeRegistry): Repository {
  return { registry: fake.host, path: "team/app" };
}

function indexOf(...digests: readonly string[]): object {
  const manifests = digests.map((digest) => ({ mediaType: MANIFEST, digest, size: 2 }));
  return { schemaVersion: 2, mediaType: INDEX, manifests };
}

function documentOf(value: object): Document {
  const bytes = Buffer.from(JSON.stringify(value));
  return { bytes, descriptor: { mediaType: INDEX, digest: digestOf(bytes), size: bytes.length } };
}

test("reads a manifest by tag and by digest, byte for byte", async () => {
  const fake = await fakeRegistry();
  const stored = fake.addManifest("team/app", indexOf(), "v1");
  const { registry } = await testClient();
  const byTag = await registry.store(repositoryOf(fake)).manifest("v1");
  const byDigest = await registry.store(repositoryOf(fake)).manifest(stored.digest);
  const expected = {
    bytes: stored.bytes,
    descriptor: { mediaType: INDEX, digest: stored.digest, size: stored.bytes.length },
  };
  expect([byTag, byDigest]).toEqual([
    { ok: true, value: expected },
    { ok: true, value: expected },
  ]);
  expect(fake.log()).toEqual([
    "GET /v2/team/app/manifests/v1",
    `GET /v2/team/app/manifests/${stored.digest}`,
  ]);
});

test("asks for index and manifest in OCI and Docker spelling, and says who asks", async () => {
  const fake = await fakeRegistry();
  fake.addManifest("team/app", indexOf(), "v1");
  const { registry } = await testClient();
  await registry.store(repositoryOf(fake)).manifest("v1");
  const headers = fake.requests[0]?.headers;
  expect(headers?.accept?.split(", ")).toEqual([
    INDEX,
    MANIFEST,
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.docker.distribution.manifest.v2+json",
  ]);
  expect(headers?.["user-agent"]).toBe("buildx-plan/test");
  expect(headers?.authorization).toBeUndefined();
});

test("writes a manifest under its digest and a tag with one request each", async () => {
  const fake = await fakeRegistry();
  const { registry } = await testClient();
  const document = documentOf(indexOf());
  const results = [
    await registry.store(repositoryOf(fake)).putManifest(document.descriptor.digest, document),
    await registry.store(repositoryOf(fake)).putManifest("v1", document),
  ];
  expect(results).toEqual([
    { ok: true, value: undefined },
    { ok: true, value: undefined },
  ]);
  expect(fake.stored("team/app", "v1")?.bytes).toEqual(Buffer.from(document.bytes));
  expect(fake.log()).toHaveLength(2);
});

test("shows the registry's own codes where it refuses a manifest", async () => {
  const fake = await fakeRegistry();
  const { registry } = await testClient();
  const absent = digestOf(Buffer.from("absent"));
  const result = await registry.store(repositoryOf(fake)).putManifest("v1", documentOf(indexOf(absent)));
  expect(result).toMatchObject({
    ok: false,
    error: {
      kind: "registry-rejected",
      registry: fake.host,
      repository: "team/app",
      reference: "v1",
      status: 404,
      codes: [{ code: "MANIFEST_BLOB_UNKNOWN", message: expect.stringContaining(absent) }],
      request: { method: "PUT", url: `${fake.url}/v2/team/app/manifests/v1`, attempts: 1 },
    },
  });
  expect(fake.stored("team/app", "v1")).toBeUndefined();
});

test.for([
  { digest: undefined, status: 200, ok: false },
  { digest: undefined, status: 201, ok: true },
  { digest: "own", status: 202, ok: true },
  { digest: "other", status: 201, ok: false },
])("takes status $status with the $digest digest for stored: $ok", async ({ digest, status, ok }) => {
  const fake = await fakeRegistry();
  const document = documentOf(indexOf());
  const said = { own: document.descriptor.digest, other: digestOf(Buffer.from("other")) };
  const headers =
    digest === undefined ? {} : { "docker-content-digest": digest === "own" ? said.own : said.other };
  fake.failNext({ method: "PUT" }, { kind: "status", status, headers });
  const { registry } = await testClient();
  const result = await registry.store(repositoryOf(fake)).putManifest("v1", document);
  expect(result.ok).toBe(ok);
});

test("says that a manifest is unknown on 404, without a second attempt", async () => {
  const fake = await fakeRegistry();
  const { registry } = await testClient();
  const result = await registry.store(repositoryOf(fake)).manifest("none");
  expect(result).toMatchObject({
    ok: false,
    error: { kind: "manifest-unknown", status: 404, codes: [{ code: "MANIFEST_UNKNOWN" }] },
  });
  expect(fake.log()).toHaveLength(1);
});

test("refuses a manifest whose bytes are not those of its digest", async () => {
  const fake = await fakeRegistry();
  const stored = fake.addManifest("team/app", indexOf(), "v1");
  const { registry } = await testClient();
  for (const reference of [stored.digest, "v1"]) {
    fake.failNext({}, { kind: "wrong-content" });
    const result = await registry.store(repositoryOf(fake)).manifest(reference);
    expect(result).toMatchObject({
      ok: false,
      error: { kind: "digest-mismatch", expected: stored.digest, bytes: stored.bytes.length },
    });
  }
});

test("refuses a manifest that is no JSON object or larger than its cap", async () => {
  const fake = await fakeRegistry();
  const { registry } = await testClient();
  for (const body of ["<html>", "[]", "x".repeat(4 * 1024 * 1024 + 1)]) {
    fake.failNext({}, { kind: "status", status: 200, body });
    const result = await registry.store(repositoryOf(fake)).manifest("v1");
    expect(result).toMatchObject({ ok: false, error: { kind: "registry-answer-invalid" } });
  }
});

test("reads a blob whole, and nothing but what the descriptor promises", async () => {
  const fake = await fakeRegistry();
  const blob = fake.addBlob("some config");
  const { registry } = await testClient();
  const descriptor = {
    mediaType: "text/plain",
    digest: digestOf(Buffer.from("some config")),
    size: blob.size,
  };
  const read = await registry.store(repositoryOf(fake)).blob(descriptor);
  expect(read).toEqual({ ok: true, value: Buffer.from("some config") });
  const tooShort = await registry.store(repositoryOf(fake)).blob({ ...descriptor, size: 4 });
  expect(tooShort).toMatchObject({ ok: false, error: { kind: "registry-answer-invalid" } });
  const before = fake.log().length;
  const tooLarge = await registry.store(repositoryOf(fake)).blob(descriptor, { maxBytes: 4 });
  expect(tooLarge).toMatchObject({
    ok: false,
    error: { kind: "registry-answer-invalid", request: { attempts: 0 } },
  });
  expect(fake.log()).toHaveLength(before);
});

test("refuses a blob of the right size and the wrong content", async () => {
  const fake = await fakeRegistry();
  fake.addBlob("some config");
  fake.failNext({}, { kind: "wrong-content" });
  const digest = digestOf(Buffer.from("some config"));
  const { registry } = await testClient();
  const read = await registry.store(repositoryOf(fake)).blob({ digest, size: 11 });
  expect(read).toMatchObject({ ok: false, error: { kind: "digest-mismatch", expected: digest } });
});

test("pings a registry, and tells a web page from one", async () => {
  const fake = await fakeRegistry();
  const { registry } = await testClient();
  expect(await registry.ping(fake.host)).toEqual({ ok: true, value: undefined });
  const page = { kind: "status", status: 200, headers: { "content-type": "text/html" } } as const;
  fake.failNext({}, page);
  expect(await registry.ping(fake.host)).toMatchObject({
    ok: false,
    error: { kind: "registry-answer-invalid" },
  });
});

test("ends a request that hangs when it is cancelled", async () => {
  const fake = await fakeRegistry();
  fake.failNext({}, { kind: "hang" });
  const { registry } = await testClient();
  const controller = new AbortController();
  const pending = registry.store(repositoryOf(fake)).manifest("v1", controller.signal);
  await expect.poll(() => fake.requests.length).toBe(1);
  controller.abort();
  expect(await pending).toMatchObject({ ok: false, error: { kind: "registry-cancelled" } });
});
