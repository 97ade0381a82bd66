import { expect, test } from "vitest";
import { readTag } from "../../../core/publish/tag-now.ts";
import {
  addImage,
  attestationEntry,
  makeAttestation,
  makeDocument,
  makeImage,
  OCI,
} from "../../support/images.ts";
import { platform } from "../../support/make.ts";
import { fakeRegistry, testClient } from "../../support/registry-rig.ts";

const VERSION = { "org.opencontainers.image.version": "1.2.3" };

async function world() {
  const fake = await fakeRegistry();
  const { registry } = await testClient();
  const tag = { registry: fake.host, path: "team/app", tag: "latest" };
  return { fake, read: (comparable = true) => readTag(registry, { tag, comparable }) };
}

function annotated(annotations: Readonly<Record<string, string>>) {
  const { config, layers, manifest } = makeImage({ ...platform("linux/arm64") });
  const document: Record<string, unknown> = JSON.parse(Buffer.from(manifest.bytes).toString("utf8"));
  return { config, layers, manifest: makeDocument({ ...document, mediaType: OCI.manifest, annotations }) };
}

test("an index costs one request: its platforms without attestations, and its annotations", async () => {
  const { fake, read } = await world();
  const image = makeImage({ ...platform("linux/arm64") });
  const attestation = makeAttestation("https://slsa.dev/provenance/v0.2");
  for (const each of [image, attestation]) addImage(fake, "team/app", each);
  const manifests = [
    { ...image.manifest.descriptor, platform: { ...platform("linux/arm64") } },
    attestationEntry(attestation, image.manifest.descriptor.digest),
  ];
  const index = { schemaVersion: 2, mediaType: OCI.index, manifests, annotations: VERSION };
  const { digest } = fake.addManifest("team/app", index, "latest");
  expect(await read()).toEqual({
    ok: true,
    value: { kind: "present", digest, platforms: [platform("linux/arm64")], annotations: VERSION },
  });
  expect(fake.log()).toEqual(["GET /v2/team/app/manifests/latest"]);
});

test("its first image is asked where the index tells no revision, and there is something to compare with", async () => {
  const { fake, read } = await world();
  const image = annotated(VERSION);
  addImage(fake, "team/app", image);
  const manifests = [{ ...image.manifest.descriptor, platform: { ...platform("linux/arm64") } }];
  fake.addManifest("team/app", { schemaVersion: 2, mediaType: OCI.index, manifests }, "latest");
  expect(await read(false)).toMatchObject({ value: { annotations: {} } });
  expect(fake.log()).toHaveLength(1);
  expect(await read()).toMatchObject({ value: { annotations: VERSION } });
  expect(fake.log()).toHaveLength(3);
});

test("an index whose first image is gone can be replaced; one that cannot be read cannot", async () => {
  const { fake, read } = await world();
  const gone = annotated(VERSION).manifest.descriptor;
  const manifests = [{ ...gone, platform: { ...platform("linux/arm64") } }];
  fake.addManifest("team/app", { schemaVersion: 2, mediaType: OCI.index, manifests }, "latest");
  expect(await read()).toMatchObject({ value: { kind: "present", annotations: {} } });
  fake.failNext({ path: /sha256/ }, { kind: "status", status: 403 });
  expect(await read()).toMatchObject({ ok: false, error: { kind: "registry-denied" } });
});

test("a single image is asked for its config, which alone knows the platform", async () => {
  const { fake, read } = await world();
  const image = annotated(VERSION);
  addImage(fake, "team/app", image);
  fake.addManifest("team/app", Buffer.from(image.manifest.bytes).toString("utf8"), "latest");
  expect(await read()).toMatchObject({
    value: { kind: "present", platforms: [platform("linux/arm64")], annotations: VERSION },
  });
  expect(fake.log()).toHaveLength(2);
});

test.each([
  [
    "an artifact",
    {
      schemaVersion: 2,
      mediaType: OCI.manifest,
      config: {
        mediaType: "application/vnd.cncf.helm.config.v1+json",
        digest: `sha256:${"a".repeat(64)}`,
        size: 2,
      },
      layers: [],
    },
  ],
  ["Docker's first format", { schemaVersion: 1, fsLayers: [] }],
])("%s is no image", async (_, document) => {
  const { fake, read } = await world();
  const { digest } = fake.addManifest("team/app", document, "latest");
  expect(await read()).toMatchObject({ value: { kind: "foreign", digest } });
});

test("a tag that the registry says is not there is absent", async () => {
  const { read } = await world();
  expect(await read()).toEqual({ ok: true, value: { kind: "absent" } });
});

test.each([401, 403, 500])("one that cannot be read (%i) is not absent", async (status) => {
  const { fake, read } = await world();
  fake.failNext({ path: /latest/ }, { kind: "status", status }, 9);
  expect(await read()).toMatchObject({ ok: false });
});
