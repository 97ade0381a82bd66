import { expect, test } from "vitest";
import { inspectImage } from "../../../core/images/inspect.ts";
import { formatReference, parseReference, toResolvable } from "../../../core/oci/reference.ts";
import { formatPlatform } from "../../../platforms/platform.ts";
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
import { fakeRegistry, testClient } from "../../support/registry-rig.ts";

async function inspect(fake: FakeRegistry, name = "team/app:v1") {
  const reference = parseReference(`${fake.host}/${name}`);
  if (!reference.ok) throw new Error(name);
  const { registry } = await testClient({ access: "read" });
  const resolvable = toResolvable(reference.value);
  const asked = "digest" in resolvable ? resolvable.digest : resolvable.tag;
  const store = registry.store(resolvable);
  return inspectImage({ store, reference: asked, name: formatReference(resolvable) });
}

function addTag(
  fake: FakeRegistry,
  document: { readonly mediaType: string; readonly [key: string]: unknown },
) {
  const { bytes, descriptor } = makeDocument(document);
  fake.addManifest("team/app", Buffer.from(bytes).toString("utf8"), "v1");
  return descriptor;
}

const amd64 = { os: "linux", architecture: "amd64" };
const arm64 = { os: "linux", architecture: "arm64", variant: "v8" };

test("shows platforms, sizes, shared layers, attestations and annotations of an index", async () => {
  const fake = await fakeRegistry();
  const images = [makeImage(amd64, ["shared", "one"]), makeImage(arm64, ["shared", "three"])];
  const provenance = makeAttestation("https://slsa.dev/provenance/v1");
  for (const image of [...images, provenance]) addImage(fake, "team/app", image);
  const [first, second] = images.map(({ manifest }) => manifest.descriptor);
  if (first === undefined || second === undefined) throw new Error("no images");
  const index = addTag(fake, {
    schemaVersion: 2,
    mediaType: OCI.index,
    manifests: [
      { ...first, platform: amd64 },
      { ...second, platform: arm64 },
      attestationEntry(provenance, second.digest),
    ],
    annotations: { "org.example.a": "b" },
  });
  const result = await inspect(fake);
  const statement = provenance.layers[0] ?? Buffer.alloc(0);
  expect(result).toMatchObject({
    ok: true,
    value: {
      reference: `${fake.host}/team/app:v1`,
      mediaType: OCI.index,
      digest: index.digest,
      annotations: { "org.example.a": "b" },
      platforms: [
        {
          digest: first.digest,
          platform: amd64,
          size: (images[0]?.config.length ?? 0) + 9,
          attestations: [],
        },
        {
          digest: second.digest,
          platform: { os: "linux", architecture: "arm64" },
          attestations: [
            {
              predicateType: "https://slsa.dev/provenance/v1",
              size: statement.length,
              manifest: provenance.manifest.descriptor.digest,
            },
          ],
        },
      ],
      sharedLayers: [{ size: 6, images: [first.digest, second.digest] }],
      oddities: [],
    },
  });
  expect(fake.requests).toHaveLength(4);
});

test("shows a single image, with the platform of its config", async () => {
  const fake = await fakeRegistry();
  const image = makeImage(arm64, ["x"], DOCKER);
  addImage(fake, "team/app", image);
  const { digest } = image.manifest.descriptor;
  const result = await inspect(fake, `team/app@${digest}`);
  expect(result).toMatchObject({
    ok: true,
    value: {
      reference: `${fake.host}/team/app@${digest}`,
      mediaType: DOCKER.manifest,
      digest,
      platforms: [{ digest, platform: { os: "linux", architecture: "arm64" } }],
      sharedLayers: [],
      oddities: [],
    },
  });
});

test("reads the tag latest where none is named", async () => {
  const fake = await fakeRegistry();
  await inspect(fake, "team/app");
  expect(fake.log()).toEqual(["GET /v2/team/app/manifests/latest"]);
});

test("reads the platform of an old index's entries from their configs, and says so", async () => {
  const fake = await fakeRegistry();
  const image = makeImage(amd64, ["x"], DOCKER);
  addImage(fake, "team/app", image);
  addTag(fake, { schemaVersion: 2, mediaType: DOCKER.index, manifests: [image.manifest.descriptor] });
  const result = await inspect(fake);
  const { digest } = image.manifest.descriptor;
  expect(result).toMatchObject({
    ok: true,
    value: { platforms: [{ platform: amd64 }], oddities: [{ kind: "platform-not-in-index", digest }] },
  });
});

test("flags what other clients pass over", async () => {
  const fake = await fakeRegistry();
  const image = makeImage(amd64);
  const attestation = makeAttestation("https://spdx.dev/Document");
  const absent = makeImage(arm64).manifest.descriptor;
  const nested = makeDocument({ schemaVersion: 2, mediaType: OCI.index, manifests: [] }).descriptor;
  const foreign = { ...nested, mediaType: "application/vnd.example.thing" };
  for (const each of [image, attestation]) addImage(fake, "team/app", each);
  const manifests = [
    { ...image.manifest.descriptor, platform: amd64 },
    { ...absent, platform: arm64 },
    attestationEntry(attestation, absent.digest),
    nested,
    foreign,
  ];
  addTag(fake, { schemaVersion: 2, mediaType: OCI.index, manifests });
  const result = await inspect(fake);
  expect(result.ok && result.value.oddities).toEqual([
    { kind: "child-missing", digest: absent.digest, platform: { os: "linux", architecture: "arm64" } },
    { kind: "attestation-stray", digest: attestation.manifest.descriptor.digest, subject: absent.digest },
    { kind: "nested-index", digest: nested.digest },
    { kind: "foreign-entry", digest: foreign.digest, mediaType: foreign.mediaType },
  ]);
  expect(
    result.ok && result.value.platforms.map(({ platform }) => platform && formatPlatform(platform)),
  ).toEqual(["linux/amd64"]);
});

test("does not take an unreadable child for an absent one", async () => {
  const fake = await fakeRegistry();
  const image = makeImage(amd64);
  addImage(fake, "team/app", image);
  addTag(fake, {
    schemaVersion: 2,
    mediaType: OCI.index,
    manifests: [{ ...image.manifest.descriptor, platform: amd64 }],
  });
  fake.failNext({ path: /sha256/ }, { kind: "status", status: 403 });
  expect(await inspect(fake)).toMatchObject({ ok: false, error: { kind: "registry-denied" } });
});

test("says that something is no image", async () => {
  const fake = await fakeRegistry();
  const { digest } = addTag(fake, { mediaType: "application/json", some: "thing" });
  expect(await inspect(fake)).toMatchObject({ ok: false, error: { kind: "not-an-image", digest } });
});
