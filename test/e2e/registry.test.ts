import { execa } from "execa";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Document } from "../../core/oci/descriptor.ts";
import type { Repository } from "../../core/oci/reference.ts";
import { confirmVariant } from "../../core/publish/confirm.ts";
import { readTags, releaseTags } from "../../core/publish/release.ts";
import { stitchRelease } from "../../core/publish/stitch.ts";
import { startFaultProxy, type FaultProxy } from "../support/fault-proxy.ts";
import { makeDocument, makeImage, OCI, type TestImage } from "../support/images.ts";
import { variant } from "../support/make.ts";
import { startRealRegistry, type RealRegistry } from "../support/real-registry.ts";
import { testClient } from "../support/registry-rig.ts";
import { plannedRelease } from "../support/release.ts";
import { uploadBlob } from "../support/upload.ts";

// user "ada", password "test-password", as `htpasswd -nbBC 5 ada test-password` writes it.
const HTPASSWD = "ada:$2b$05$q4K4KNa0Ib3TgFqmWHo7uOv2YRjB2LuLsGc2zcfdFg9cXKSvYU0be\n";
const BASIC = `Basic ${Buffer.from("ada:test-password").toString("base64")}`;

let open: RealRegistry;
let closed: RealRegistry;
let proxy: FaultProxy;

beforeAll(async () => {
  [open, closed] = await Promise.all([startRealRegistry(), startRealRegistry({ htpasswd: HTPASSWD })]);
  proxy = await startFaultProxy(open.host);
});
afterAll(async () => {
  await proxy.close();
  await Promise.all([open.close(), closed.close()]);
});

async function upload(repository: Repository, image: TestImage, authorization?: string): Promise<void> {
  for (const bytes of [image.config, ...image.layers]) await uploadBlob(repository, bytes, authorization);
}

function indexOf(images: readonly TestImage[]): Document {
  const manifests = images.map(({ manifest }) => ({
    ...manifest.descriptor,
    platform: { os: "linux", architecture: "amd64" },
  }));
  return makeDocument({ schemaVersion: 2, mediaType: OCI.index, manifests });
}

test("writes and reads an image, its config and an index", async () => {
  const { registry } = await testClient();
  const repository = { registry: open.host, path: "client/roundtrip" };
  const image = makeImage({ os: "linux", architecture: "amd64" });
  await upload(repository, image);
  const index = indexOf([image]);
  for (const document of [image.manifest, index])
    expect(await registry.store(repository).putManifest(document.descriptor.digest, document)).toEqual({
      ok: true,
      value: undefined,
    });
  expect(await registry.store(repository).putManifest("v1", index)).toMatchObject({ ok: true });
  expect(await registry.ping(open.host)).toMatchObject({ ok: true });
  expect(await registry.store(repository).manifest("v1")).toEqual({
    ok: true,
    value: { ...index, bytes: Buffer.from(index.bytes) },
  });
  const config = { ...indexOf([]).descriptor, ...(await uploadBlob(repository, image.config)) };
  expect(await registry.store(repository).blob(config)).toEqual({ ok: true, value: image.config });
});

test("is told what an index lacks, and which manifest is unknown", async () => {
  const { registry } = await testClient();
  const repository = { registry: open.host, path: "client/missing" };
  const index = indexOf([makeImage({ os: "linux", architecture: "s390x" })]);
  expect(await registry.store(repository).putManifest("v1", index)).toMatchObject({
    ok: false,
    error: { kind: "registry-rejected", codes: [{ code: "MANIFEST_BLOB_UNKNOWN" }] },
  });
  expect(await registry.store(repository).manifest("v1")).toMatchObject({
    ok: false,
    error: { kind: "manifest-unknown", codes: [{ code: "MANIFEST_UNKNOWN" }] },
  });
});

test("logs in with Basic, and is refused without or with the wrong login", async () => {
  const repository = { registry: closed.host, path: "client/private" };
  const image = makeImage({ os: "linux", architecture: "amd64" });
  await upload(repository, image, BASIC);
  const login = (password: string) => ({ [closed.host]: { username: "ada", password } });
  const right = await testClient({ logins: login("test-password") });
  expect(await right.registry.store(repository).putManifest("v1", image.manifest)).toMatchObject({
    ok: true,
  });
  for (const logins of [{}, login("wrong-password")]) {
    const { registry } = await testClient({ logins });
    expect(await registry.store(repository).manifest("v1")).toMatchObject({
      ok: false,
      error: { kind: "registry-denied", status: 401, codes: [{ code: "UNAUTHORIZED" }] },
    });
  }
});

test("finishes in spite of a fault at each of its requests, and makes none in vain", async () => {
  const { registry } = await testClient();
  const repository = { registry: proxy.host, path: "client/faults" };
  const image = makeImage({ os: "linux", architecture: "amd64" });
  await upload(repository, image);
  const faults = [{ kind: "reset" }, { kind: "status", status: 503 }, { kind: "truncate" }] as const;
  for (const fault of faults) {
    proxy.clearLog();
    proxy.failNext({ method: "PUT" }, fault);
    proxy.failNext({ method: "GET" }, fault);
    expect(await registry.store(repository).putManifest("v1", image.manifest)).toMatchObject({ ok: true });
    expect(await registry.store(repository).manifest("v1")).toMatchObject({ ok: true });
    expect(proxy.log().length).toBeLessThanOrEqual(4);
  }
});

test("what it wrote is read by another client", async () => {
  const { registry } = await testClient();
  const repository = { registry: open.host, path: "client/others" };
  const image = makeImage({ os: "linux", architecture: "amd64" });
  await upload(repository, image);
  await registry.store(repository).putManifest(image.manifest.descriptor.digest, image.manifest);
  const index = indexOf([image]);
  await registry.store(repository).putManifest("v1", index);
  const { stdout } = await execa("skopeo", [
    "inspect",
    "--raw",
    "--tls-verify=false",
    `docker://${open.host}/client/others:v1`,
  ]);
  expect(stdout).toBe(Buffer.from(index.bytes).toString("utf8"));
});

test("reads six pushed variants and releases them with one tag in 14 requests, the guard's included", async () => {
  const { registry } = await testClient();
  const repository = { registry: proxy.host, path: "client/stitch" };
  const platforms = [
    "linux/amd64",
    "linux/arm64",
    "linux/arm/v7",
    "linux/386",
    "linux/ppc64le",
    "linux/s390x",
  ];
  const variants = platforms.map((text) => variant(text));
  const images = variants.map(({ platform }) => makeImage({ ...platform }));
  for (const image of images) {
    await upload(repository, image);
    await registry.store(repository).putManifest(image.manifest.descriptor.digest, image.manifest);
  }
  proxy.clearLog();
  const confirmed = await Promise.all(
    variants.map(({ id, platform }, at) => {
      const digest = images[at]?.manifest.descriptor.digest ?? "sha256:";
      return confirmVariant(registry.store(repository), { variant: id, platform, digest, annotations: {} });
    }),
  );
  const published = confirmed.flatMap((each) => (each.ok ? [each.value] : []));
  const tags = [{ ...repository, tag: "v1" }];
  const release = plannedRelease({ variants, tags, repositories: [repository] });
  const index = stitchRelease(release, published);
  if (!index.ok) throw new Error(index.error.kind);
  const signal = new AbortController().signal;
  const publishing = { registry, signal, onEvent: () => undefined, now: () => 0 };
  const stitched = [{ release, index: index.value, manifests: published }];
  const readings = await readTags([release], registry, signal);
  const allowed = { shrink: false, downgrade: false };
  expect(await releaseTags(stitched, { tagsRead: { readings, atMs: 0 }, allowed }, publishing)).toMatchObject(
    { ok: true },
  );
  const log = proxy.log();
  expect(log.filter((line) => /^GET .*manifests\/sha256/.test(line))).toHaveLength(6);
  expect(log.filter((line) => /^GET .*blobs/.test(line))).toHaveLength(6);
  expect(log.slice(12)).toEqual(["GET /v2/client/stitch/manifests/v1", "PUT /v2/client/stitch/manifests/v1"]);
});
