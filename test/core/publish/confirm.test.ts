import { expect, test } from "vitest";
import { digestOf } from "../../../core/oci/digest-of.ts";
import type { Digest } from "../../../core/oci/digest.ts";
import { confirmPresent, confirmVariant } from "../../../core/publish/confirm.ts";
import type { FakeRegistry } from "../../support/fake-registry.ts";
import {
  addImage,
  attestationEntry,
  DOCKER,
  makeAttestation,
  makeDocument,
  makeImage,
  OCI,
} from "../../support/images.ts";
import type { MediaTypes, TestImage } from "../../support/images.ts";
import { platform } from "../../support/make.ts";
import { fakeRegistry, testClient } from "../../support/registry-rig.ts";

const REPOSITORY = "team/app";
const timing = { sleep: () => Promise.resolve() };

async function confirm(
  fake: FakeRegistry,
  digest: Digest,
  declared = "linux/arm64",
  annotations: Readonly<Record<string, string>> = {},
  exported: { readonly manifest?: Digest; readonly config?: Digest } = {},
) {
  const { registry } = await testClient();
  const store = registry.store({ registry: fake.host, path: REPOSITORY });
  const about = { variant: "app", platform: platform(declared), digest };
  const wanted = { ...about, annotations, exported, timing };
  return confirmVariant(store, wanted);
}

/** Pushes what BuildKit pushes for one platform with provenance: an index of the image and its attestation. */
async function withIndex(
  image: TestImage,
  change: (manifests: readonly object[], attestation: TestImage) => readonly object[] = (manifests) =>
    manifests,
): Promise<{ readonly fake: FakeRegistry; readonly digest: Digest; readonly attestation: TestImage }> {
  const fake = await fakeRegistry();
  const attestation = makeAttestation("https://slsa.dev/provenance/v0.2");
  for (const each of [image, attestation]) addImage(fake, REPOSITORY, each);
  const entry = { ...image.manifest.descriptor, platform: { architecture: "arm64", os: "linux" } };
  const manifests = [entry, attestationEntry(attestation, image.manifest.descriptor.digest)];
  const index = makeDocument({
    schemaVersion: 2,
    mediaType: OCI.index,
    manifests: change(manifests, attestation),
  });
  fake.addManifest(REPOSITORY, Buffer.from(index.bytes).toString("utf8"));
  return { fake, digest: index.descriptor.digest, attestation };
}

test.for([OCI, DOCKER])("confirms a plain image with two requests ($manifest)", async (types: MediaTypes) => {
  const fake = await fakeRegistry();
  const image = makeImage({ os: "linux", architecture: "arm64" }, ["one", "three"], types);
  addImage(fake, REPOSITORY, image);
  const { descriptor } = image.manifest;
  const result = await confirm(fake, descriptor.digest, "linux/arm64", { "org.example.kind": "test" });
  expect(result).toMatchObject({
    ok: true,
    value: {
      variant: "app",
      platform: { os: "linux", architecture: "arm64" },
      attestations: [],
      size: image.config.length + 8,
      layers: [{ size: 3 }, { size: 5 }],
    },
  });
  expect(result.ok && result.value.manifest).toEqual({
    ...descriptor,
    platform: { os: "linux", architecture: "arm64" },
    annotations: { "org.example.kind": "test" },
  });
  expect(fake.requests).toHaveLength(2);
});

test("takes image and attestations out of the index that BuildKit pushes", async () => {
  const image = makeImage({ os: "linux", architecture: "arm64", variant: "v8" });
  const { fake, digest, attestation } = await withIndex(image);
  const result = await confirm(fake, digest);
  expect(result.ok && result.value.manifest).toEqual({
    ...image.manifest.descriptor,
    platform: { os: "linux", architecture: "arm64" },
  });
  expect(result.ok && result.value.attestations).toEqual([
    {
      ...attestation.manifest.descriptor,
      annotations: {
        "vnd.docker.reference.digest": image.manifest.descriptor.digest,
        "vnd.docker.reference.type": "attestation-manifest",
      },
      platform: { architecture: "unknown", os: "unknown" },
    },
  ]);
  expect(fake.requests).toHaveLength(3);
});

test.for([
  [{ os: "linux", architecture: "arm64", variant: "v8" }, "linux/arm64", true],
  [{ os: "linux", architecture: "arm" }, "linux/arm/v7", true],
  [{ os: "linux", architecture: "arm", variant: "v7" }, "linux/arm", true],
  [{ os: "linux", architecture: "arm" }, "linux/arm/v6", false],
  [{ os: "linux", architecture: "amd64" }, "linux/arm64", false],
  [{ os: "linux", architecture: "amd64" }, "linux/amd64/v3", false],
  [{ os: "windows", architecture: "amd64" }, "linux/amd64", false],
  [{ os: "windows", architecture: "amd64", "os.version": "10.0.1" }, "windows/amd64", true],
] as const)("an image of %j for %s is confirmed: %s", async ([config, declared, confirmed]) => {
  const fake = await fakeRegistry();
  const image = makeImage(config);
  addImage(fake, REPOSITORY, image);
  const result = await confirm(fake, image.manifest.descriptor.digest, declared);
  expect(result.ok ? "confirmed" : result.error.kind).toBe(confirmed ? "confirmed" : "platform-mismatch");
});

test("completes a Windows platform with the version of its base image, unless the plan names one", async () => {
  const fake = await fakeRegistry();
  const image = makeImage({
    os: "windows",
    architecture: "amd64",
    "os.version": "10.0.20348.1",
    "os.features": ["win32k"],
  });
  addImage(fake, REPOSITORY, image);
  const { digest } = image.manifest.descriptor;
  const unnamed = await confirm(fake, digest, "windows/amd64");
  expect(unnamed.ok && unnamed.value.manifest.platform).toEqual({
    os: "windows",
    architecture: "amd64",
    osVersion: "10.0.20348.1",
    osFeatures: ["win32k"],
  });
  const named = await confirm(fake, digest, "windows(10.0.17763.9)/amd64");
  expect(named.ok && named.value.manifest.platform?.osVersion).toBe("10.0.17763.9");
});

test.for([
  ["two images", (manifests: readonly object[]) => [...manifests, ...manifests], "an index of 2 images"],
  ["no image", (manifests: readonly object[]) => manifests.slice(1), "an index of 0 images"],
  [
    "an attestation of another image",
    ([image]: readonly object[], attestation: TestImage) => [
      image ?? {},
      attestationEntry(attestation, attestation.manifest.descriptor.digest),
    ],
    "speaks of another image",
  ],
  ["a wrong size", ([image, ...rest]: readonly object[]) => [{ ...image, size: 1 }, ...rest], "not 1"],
] as const)("refuses an index with %s", async ([, change, detail]) => {
  const { fake, digest } = await withIndex(makeImage({ os: "linux", architecture: "arm64" }), change);
  const result = await confirm(fake, digest);
  expect(result).toMatchObject({
    ok: false,
    error: { kind: "document-invalid", digest, detail: expect.stringContaining(detail) },
  });
});

test("refuses what is no image", async () => {
  const fake = await fakeRegistry();
  const artifact = makeImage({ os: "linux", architecture: "arm64" }, ["x"], {
    ...OCI,
    config: "application/x.chart",
  });
  addImage(fake, REPOSITORY, artifact);
  const other = makeDocument({ schemaVersion: 2, mediaType: OCI.manifest });
  fake.addManifest(REPOSITORY, Buffer.from(other.bytes).toString("utf8"));
  for (const { descriptor } of [artifact.manifest, other])
    expect(await confirm(fake, descriptor.digest)).toMatchObject({
      ok: false,
      error: { kind: "document-invalid" },
    });
});

test("waits out a registry that cannot read yet what it just took", async () => {
  const fake = await fakeRegistry();
  const image = makeImage({ os: "linux", architecture: "arm64" });
  addImage(fake, REPOSITORY, image);
  fake.failNext({ path: /manifests/ }, { kind: "status", status: 404 }, 2);
  fake.failNext({ path: /blobs/ }, { kind: "status", status: 404 }, 1);
  expect(await confirm(fake, image.manifest.descriptor.digest)).toMatchObject({ ok: true });
  expect(fake.requests).toHaveLength(5);
});

test("says that it cannot be read back once it has waited", async () => {
  const fake = await fakeRegistry();
  const { digest } = makeImage({ os: "linux", architecture: "arm64" }).manifest.descriptor;
  const result = await confirm(fake, digest);
  expect(result).toMatchObject({
    ok: false,
    error: { kind: "confirm-unreadable", digest, cause: { kind: "manifest-unknown" } },
  });
  expect(fake.requests).toHaveLength(5);
});

test("does not wait where the registry refuses, or serves something else", async () => {
  const fake = await fakeRegistry();
  const image = makeImage({ os: "linux", architecture: "arm64" });
  addImage(fake, REPOSITORY, image);
  const { digest } = image.manifest.descriptor;
  fake.failNext({}, { kind: "status", status: 403 });
  expect(await confirm(fake, digest)).toMatchObject({
    ok: false,
    error: { cause: { kind: "registry-denied" } },
  });
  fake.failNext({ path: /blobs/ }, { kind: "wrong-content" });
  expect(await confirm(fake, digest)).toMatchObject({
    ok: false,
    error: { cause: { kind: "digest-mismatch" } },
  });
  expect(fake.requests).toHaveLength(3);
});

test("confirms a copy in another repository with one request", async () => {
  const fake = await fakeRegistry();
  const image = makeImage({ os: "linux", architecture: "arm64" });
  addImage(fake, "team/copy", image);
  const { registry } = await testClient();
  const { digest } = image.manifest.descriptor;
  const present = (path: string) =>
    confirmPresent(registry.store({ registry: fake.host, path }), { digest, timing });
  expect(await present("team/copy")).toEqual({ ok: true, value: undefined });
  expect(fake.requests).toHaveLength(1);
  expect(await present("team/none")).toMatchObject({ ok: false, error: { kind: "confirm-unreadable" } });
});

test("what the export announced is read at the same time, with no request more", async () => {
  const image = makeImage({ os: "linux", architecture: "arm64" }, ["one"]);
  const { fake, digest } = await withIndex(image);
  const plain = await confirm(fake, digest);
  const requests = fake.requests.length;
  const exported = { manifest: image.manifest.descriptor.digest, config: digestOf(image.config) };
  expect(await confirm(fake, digest, "linux/arm64", {}, exported)).toEqual(plain);
  expect(plain.ok).toBe(true);
  expect(fake.requests).toHaveLength(2 * requests);
});

test("an announcement that is wrong, or cannot be read, changes nothing but the number of requests", async () => {
  const image = makeImage({ os: "linux", architecture: "arm64" }, ["one"]);
  const { fake, digest } = await withIndex(image);
  const other = makeImage({ os: "linux", architecture: "s390x" }, ["other"]);
  addImage(fake, REPOSITORY, other);
  const plain = await confirm(fake, digest);
  const wrong = { manifest: other.manifest.descriptor.digest, config: digestOf(other.config) };
  expect(await confirm(fake, digest, "linux/arm64", {}, wrong)).toEqual(plain);
  const absent = { manifest: digestOf(Buffer.from("nothing")), config: digestOf(Buffer.from("no more")) };
  expect(await confirm(fake, digest, "linux/arm64", {}, absent)).toEqual(plain);
  expect(plain.ok).toBe(true);
});
