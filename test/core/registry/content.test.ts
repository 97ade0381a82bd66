import { expect, test } from "vitest";
import { digestOf } from "../../../core/oci/digest-of.ts";
import type { Document } from "../../../core/oci/descriptor.ts";
import type { Digest } from "../../../core/oci/digest.ts";
import type { RegistryOptions } from "../../../core/registry/client.ts";
import type { Registry } from "../../../core/registry/registry.ts";
import type { Store } from "../../../core/registry/store.ts";
import type { FakeRegistry, FakeRegistryOptions } from "../../support/fake-registry.ts";
import { makeDocument, OCI } from "../../support/images.ts";
import { fakeRegistry, testClient } from "../../support/registry-rig.ts";

const HTML = { kind: "status", headers: { "content-type": "text/html" }, body: "<html>" } as const;

interface Rig {
  readonly fake: FakeRegistry;
  readonly registry: Registry;
  readonly store: Store;
}

async function rig(options: FakeRegistryOptions = {}, client: Partial<RegistryOptions> = {}): Promise<Rig> {
  const fake = await fakeRegistry(options);
  const { registry } = await testClient(client);
  return { fake, registry, store: registry.store({ registry: fake.host, path: "team/app" }) };
}

function index(): Document {
  return makeDocument({ schemaVersion: 2, mediaType: OCI.index, manifests: [] });
}

function add(fake: FakeRegistry, document: Document, tag?: string): void {
  fake.addManifest("team/app", Buffer.from(document.bytes).toString("utf8"), tag);
}

/** An artifact about a subject, with its config stored. */
function signature(fake: FakeRegistry, subject: Document, name: string, artifactType?: string): Document {
  const config = { mediaType: "application/vnd.example.config+json", ...fake.addBlob("{}") };
  const { mediaType, digest, size } = subject.descriptor;
  return makeDocument({
    schemaVersion: 2,
    mediaType: OCI.manifest,
    ...(artifactType === undefined ? {} : { artifactType }),
    config,
    layers: [],
    subject: { mediaType, digest, size },
    annotations: { name },
  });
}

function tagOf(digest: Digest): string {
  return digest.replace(":", "-");
}

test("resolves a tag and a digest with one HEAD each", async () => {
  const { fake, store } = await rig();
  const { descriptor } = index();
  add(fake, index(), "v1");
  expect(await store.resolve("v1")).toEqual({ ok: true, value: descriptor });
  expect(await store.resolve(descriptor.digest)).toEqual({ ok: true, value: descriptor });
  expect(await store.resolve("v2")).toEqual({ ok: true, value: undefined });
  expect(fake.log()).toEqual([
    "HEAD /v2/team/app/manifests/v1",
    `HEAD /v2/team/app/manifests/${descriptor.digest}`,
    "HEAD /v2/team/app/manifests/v2",
  ]);
});

test.for([
  { name: "no digest", headers: { "docker-content-digest": undefined } },
  { name: "no media type", headers: { "content-type": "application/octet-stream" } },
])("reads the manifest where HEAD says $name", async ({ headers }) => {
  const { fake, store } = await rig();
  add(fake, index(), "v1");
  fake.failNext({ method: "HEAD" }, { kind: "headers", headers });
  expect(await store.resolve("v1")).toEqual({ ok: true, value: index().descriptor });
  expect(fake.log()).toHaveLength(2);
});

test("reads the manifest where a registry has no HEAD", async () => {
  const { fake, store } = await rig();
  add(fake, index(), "v1");
  fake.failNext({ method: "HEAD" }, { kind: "status", status: 405 }, 2);
  expect(await store.resolve("v1")).toEqual({ ok: true, value: index().descriptor });
  expect(await store.resolve("v2")).toEqual({ ok: true, value: undefined });
});

test("never takes an answer that it cannot read for an absent tag", async () => {
  const { fake, store } = await rig();
  add(fake, index(), "v1");
  fake.failNext({}, { ...HTML, status: 404 }, 2);
  expect(await store.resolve("v1")).toMatchObject({
    ok: false,
    error: { kind: "registry-answer-invalid", detail: expect.stringContaining("web page") },
  });
  fake.failNext({}, { kind: "status", status: 403 });
  expect(await store.resolve("v1")).toMatchObject({ ok: false, error: { kind: "registry-denied" } });
  fake.failNext({}, { kind: "status", status: 500 }, 99);
  expect(await store.resolve("v1")).toMatchObject({ ok: false, error: { status: 500 } });
});

test("refuses another digest than the one that is resolved", async () => {
  const { fake, store } = await rig();
  add(fake, index());
  const headers = { "docker-content-digest": digestOf(Buffer.from("other")) };
  fake.failNext({}, { kind: "headers", headers });
  expect(await store.resolve(index().descriptor.digest)).toMatchObject({
    ok: false,
    error: { kind: "digest-mismatch" },
  });
});

test("lists the tags of all pages, each once", async () => {
  const { fake, store } = await rig({ pageSize: 2 });
  for (const tag of ["1.0", "1.1", "1.2", "2.0", "latest"]) add(fake, index(), tag);
  expect(await store.tags()).toEqual({ ok: true, value: ["1.0", "1.1", "1.2", "2.0", "latest"] });
  expect(fake.log()).toHaveLength(3);
  fake.failNext({}, { kind: "status", status: 200, body: '{"tags":["1.0","1.1","1.0"]}' });
  expect(await store.tags()).toEqual({ ok: true, value: ["1.0", "1.1"] });
});

test("finds no tags where a repository has none, or is not there", async () => {
  const { fake, store } = await rig();
  expect(await store.tags()).toEqual({ ok: true, value: [] });
  fake.failNext({}, { kind: "status", status: 200, body: '{"name":"team/app","tags":null}' });
  expect(await store.tags()).toEqual({ ok: true, value: [] });
});

test.for([
  { name: "another server's page", link: '<https://other.example/v2/team/app/tags/list>; rel="next"' },
  { name: "a page outside of the API", link: '</tags>; rel="next"' },
  { name: "the same page", link: '</v2/team/app/tags/list>; rel="next"' },
])("refuses $name as the next one", async ({ link }) => {
  const { fake, store } = await rig();
  add(fake, index(), "v1");
  fake.failNext({}, { kind: "headers", headers: { link } });
  expect(await store.tags()).toMatchObject({ ok: false, error: { kind: "registry-answer-invalid" } });
  expect(fake.log()).toHaveLength(1);
});

test.for(["<html>", '{"tags":{}}', '{"tags":["no tag"]}', '{"tags":["\\u001b[2J"]}'])(
  "refuses %j as a list of tags",
  async (body) => {
    const { fake, store } = await rig();
    fake.failNext({}, { kind: "status", status: 200, body });
    expect(await store.tags()).toMatchObject({ ok: false, error: { kind: "registry-answer-invalid" } });
  },
);

test("does not take any 404 for an empty list of tags", async () => {
  const { fake, store } = await rig();
  fake.failNext({}, { ...HTML, status: 404 });
  expect(await store.tags()).toMatchObject({ ok: false, error: { status: 404 } });
});

test("lists referrers by the API, all pages of them", async () => {
  const { fake, store } = await rig({ referrers: true, pageSize: 2 });
  const about = index();
  add(fake, about);
  for (const name of ["a", "b", "c"]) {
    const document = signature(fake, about, name, "application/vnd.example.signature");
    expect(await store.putManifest(document.descriptor.digest, document)).toMatchObject({ ok: true });
  }
  const listed = await store.referrers(about.descriptor.digest);
  expect(listed).toMatchObject({ ok: true, value: { length: 3 } });
  expect(fake.log().filter((line) => line.startsWith("PUT"))).toHaveLength(3);
  expect(fake.stored("team/app", tagOf(about.descriptor.digest))).toBeUndefined();
});

test("keeps and reads the list in a tag where there is no API, and asks for that once", async () => {
  const { fake, store } = await rig();
  const about = index();
  const documents = ["a", "b"].map((name) =>
    signature(fake, about, name, "application/vnd.example.signature"),
  );
  documents.push(signature(fake, about, "c"));
  expect(await store.referrers(about.descriptor.digest)).toEqual({ ok: true, value: [] });
  // Lists that are slow to come would all be read before the first is written again.
  fake.failNext({ method: "GET", path: /manifests\/sha256-/ }, { kind: "delay", ms: 50 }, 3);
  const puts = documents.map((document) => store.putManifest(document.descriptor.digest, document));
  expect((await Promise.all(puts)).every(({ ok }) => ok)).toBe(true);
  const again = documents[0] ?? index();
  await store.putManifest(again.descriptor.digest, again);
  const listed = await store.referrers(about.descriptor.digest);
  const entries = documents.map(({ descriptor }, at) => ({
    ...descriptor,
    artifactType: at < 2 ? "application/vnd.example.signature" : "application/vnd.example.config+json",
    annotations: { name: ["a", "b", "c"][at] },
  }));
  if (!listed.ok) throw new Error(listed.error.kind);
  expect(listed.value).toHaveLength(3);
  expect(listed.value).toEqual(expect.arrayContaining(entries));
  expect(fake.log().filter((line) => line.includes("/referrers/"))).toHaveLength(1);
});

test("leaves what others wrote into the list as it is", async () => {
  const { fake, store } = await rig();
  const about = index();
  const other = {
    mediaType: OCI.manifest,
    digest: digestOf(Buffer.from("other")),
    size: 5,
    data: "b3RoZXI=",
  };
  fake.addBlob("other");
  const list = { schemaVersion: 2, mediaType: OCI.index, manifests: [other], annotations: { by: "oras" } };
  fake.addManifest("team/app", list, tagOf(about.descriptor.digest));
  const document = signature(fake, about, "a");
  expect(await store.putManifest(document.descriptor.digest, document)).toMatchObject({ ok: true });
  const stored = fake.stored("team/app", tagOf(about.descriptor.digest))?.bytes.toString("utf8") ?? "{}";
  expect(JSON.parse(stored)).toMatchObject({
    annotations: { by: "oras" },
    manifests: [other, { digest: document.descriptor.digest }],
  });
});

test("does not write a list over a tag that holds something else", async () => {
  const { fake, store } = await rig();
  const about = index();
  add(fake, signature(fake, about, "image"), tagOf(about.descriptor.digest));
  const document = signature(fake, about, "a");
  expect(await store.putManifest("sig", document)).toMatchObject({
    ok: false,
    error: { kind: "registry-answer-invalid" },
  });
  expect(fake.log().filter((line) => line.startsWith("PUT"))).toHaveLength(1);
});

test("takes a page for no list of referrers", async () => {
  const { fake, store } = await rig({ referrers: true });
  fake.failNext({}, { ...HTML, status: 200 });
  expect(await store.referrers(index().descriptor.digest)).toMatchObject({
    ok: false,
    error: { kind: "registry-answer-invalid" },
  });
});

test("removes a tag, a manifest with its tags, and what is not there", async () => {
  const { fake, store } = await rig();
  const { digest } = index().descriptor;
  for (const tag of ["v1", "v2"]) add(fake, index(), tag);
  expect(await store.delete("v1")).toEqual({ ok: true, value: undefined });
  expect(await store.resolve("v1")).toEqual({ ok: true, value: undefined });
  expect(await store.resolve("v2")).toMatchObject({ ok: true, value: { digest } });
  expect(await store.delete(digest)).toEqual({ ok: true, value: undefined });
  expect(fake.stored("team/app", "v2")).toBeUndefined();
  expect(await store.delete(digest)).toEqual({ ok: true, value: undefined });
});

test("asks for the permission to delete only where it deletes", async () => {
  const { fake, store } = await rig({ auth: { kind: "token" } });
  add(fake, index(), "v1");
  expect(await store.resolve("v1")).toMatchObject({ ok: true });
  expect(await store.delete("v1")).toEqual({ ok: true, value: undefined });
  const scopes = fake.requests.filter(({ path }) => path === "/token").map(({ query }) => query.get("scope"));
  expect(scopes).toEqual(["repository:team/app:pull,push", "repository:team/app:pull,push,delete"]);
});

test("says that a registry does not delete", async () => {
  const { fake, store } = await rig({ deletes: false });
  add(fake, index(), "v1");
  expect(await store.delete("v1")).toMatchObject({
    ok: false,
    error: { kind: "registry-rejected", status: 405, codes: [{ code: "UNSUPPORTED" }] },
  });
  expect(fake.log()).toHaveLength(1);
});

test("keeps a list of referrers true when one of them is removed", async () => {
  const { fake, store } = await rig();
  const about = index();
  const [one, other] = [signature(fake, about, "a"), signature(fake, about, "b")];
  for (const document of [one, other]) await store.putManifest(document.descriptor.digest, document);
  expect(await store.delete(one.descriptor.digest)).toEqual({ ok: true, value: undefined });
  expect(await store.referrers(about.descriptor.digest)).toMatchObject({
    ok: true,
    value: [{ digest: other.descriptor.digest }],
  });
});

test("hears what a registry says to its users, once, and nothing that could harm a terminal", async () => {
  const { fake, registry, store } = await rig();
  add(fake, index(), "v1");
  const texts = [
    '299 - "read only from May on"',
    '299 - "say \\"please\\" to \\\\ops", 299 - "two\u009b bells", 110 cache "stale"',
    '299 - "read only from May on"',
  ];
  for (const warning of texts) {
    fake.failNext({}, { kind: "headers", headers: { warning } });
    await store.resolve("v1");
  }
  expect(registry.warnings().map(({ text }) => text)).toEqual([
    "read only from May on",
    'say "please" to \\ops',
    expect.stringMatching(/^two bells$/),
  ]);
  expect(registry.warnings().every((warning) => warning.registry === fake.host)).toBe(true);
});

test("hears no more than a few warnings of one registry", async () => {
  const { fake, registry, store } = await rig();
  add(fake, index(), "v1");
  for (let at = 0; at < 30; at += 1) {
    fake.failNext({}, { kind: "headers", headers: { warning: `299 - "${at} ${"x".repeat(1_000)}"` } });
    await store.resolve("v1");
  }
  expect(registry.warnings()).toHaveLength(20);
  expect(registry.warnings().every(({ text }) => text.length <= 500)).toBe(true);
});
