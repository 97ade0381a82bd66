import { describe, expect, test } from "vitest";
import type { Digest } from "../../../core/oci/digest.ts";
import { confirmVariant } from "../../../core/publish/confirm.ts";
import { stitchRelease } from "../../../core/publish/stitch.ts";
import type { RegistryFailure } from "../../../core/registry/registry-failure.ts";
import type { Store } from "../../../core/registry/store.ts";
import { fail, ok } from "../../../core/result.ts";
import {
  attestationEntry,
  DOCKER,
  makeAttestation,
  makeDocument,
  makeImage,
  OCI,
  type MediaTypes,
} from "../../support/images.ts";
import { variant } from "../../support/make.ts";
import { memoryRegistry, type MemoryRegistry } from "../../support/memory-registry.ts";
import { plannedRelease } from "../../support/release.ts";
import {
  findNewest,
  NO_TIME,
  STAGED_TAG,
  STAGED_VARIANT,
  stagedImage,
  stageImage,
  stagingRecord,
} from "../../support/staging.ts";

const repository = { registry: "one.example", path: "app" };
const { timing } = NO_TIME;
const STAGED = stagedImage();
const IMAGE = STAGED.published.manifest.digest;
const ATTESTATION = STAGED.attestation.manifest.descriptor.digest;

async function staged(): Promise<{ registry: MemoryRegistry; store: Store; digest: Digest }> {
  const registry = memoryRegistry();
  for (const each of [STAGED.image, STAGED.attestation]) registry.push(repository, each);
  const store = registry.store(repository);
  const { index } = await stageImage(store, { published: STAGED.published, record: stagingRecord() });
  return { registry, store, digest: index.digest };
}

test("what was staged is found as it was pushed, with its record", async () => {
  const { store, digest } = await staged();
  expect(await findNewest(store)).toMatchObject({
    ok: true,
    value: {
      kind: "staged",
      digest,
      record: stagingRecord(),
      published: {
        ...STAGED.published,
        variant: STAGED_VARIANT.id,
        platform: STAGED_VARIANT.platform,
        layers: [{ mediaType: OCI.layer }],
        config: { platform: STAGED_VARIANT.platform },
      },
    },
  });
});

describe("a release of what was taken over is byte for byte that of what was pushed", () => {
  test.each<readonly [string, string, MediaTypes, Readonly<Record<string, string>>]>([
    ["an image with its attestation", "linux/arm64", OCI, {}],
    ["with annotations", "linux/arm/v7", OCI, { "org.example.b": "<&>", "org.example.a": "1" }],
    ["Windows, which has a version", "windows/amd64", OCI, {}],
    ["Docker's documents", "linux/arm64", DOCKER, {}],
  ])("%s", async (_, text, types, annotations) => {
    const registry = memoryRegistry();
    const store = registry.store(repository);
    const wanted = variant(text);
    const { os, architecture, variant: revision } = wanted.platform;
    const config = {
      os,
      architecture,
      variant: revision,
      "os.version": os === "windows" ? "10.0.1" : undefined,
    };
    const image = makeImage(config, ["layer"], types);
    const attestation = makeAttestation("https://slsa.dev/provenance/v1");
    for (const each of [image, attestation]) registry.push(repository, each);
    const entries = [
      image.manifest.descriptor,
      attestationEntry(attestation, image.manifest.descriptor.digest),
    ];
    const pushed = makeDocument({ schemaVersion: 2, mediaType: OCI.index, manifests: entries });
    await store.putManifest(pushed.descriptor.digest, pushed);
    const { digest } = (types === OCI ? pushed : image.manifest).descriptor;
    const about = { variant: wanted.id, platform: wanted.platform, annotations, timing };
    const confirmed = await confirmVariant(store, { ...about, digest });
    if (!confirmed.ok) throw new Error(confirmed.error.kind);
    await stageImage(store, {
      published: confirmed.value,
      record: stagingRecord({ variant: wanted.id }),
    });
    const found = await findNewest(store, { variant: wanted });
    if (!found.ok || found.value.kind !== "staged") throw new Error("not staged");
    expect(found.value.published).toEqual(confirmed.value);
    const release = plannedRelease({ variants: [wanted], mediaTypes: types === OCI ? "oci" : "docker" });
    const [one, other] = [confirmed.value, found.value.published].map((each) =>
      stitchRelease(release, [each]),
    );
    expect(one).toMatchObject({ ok: true });
    expect(other).toEqual(one);
  });
});

describe("what cannot be taken over", () => {
  test.each<readonly [string, Digest]>([
    ["the image", IMAGE],
    ["its attestation", ATTESTATION],
  ])("%s is gone", async (_, missing) => {
    const { store, digest } = await staged();
    await store.delete(missing);
    expect(await findNewest(store)).toEqual(
      ok({ kind: "unusable", why: { kind: "staging-image-lost", digest, missing } }),
    );
  });

  test("another platform than the plan has now", async () => {
    const { store } = await staged();
    const platform = { os: "linux", architecture: "s390x" };
    expect(await findNewest(store, { variant: { ...STAGED_VARIANT, platform } })).toMatchObject({
      value: {
        kind: "unusable",
        why: { kind: "staging-image-invalid", cause: { kind: "platform-mismatch" } },
      },
    });
  });

  test("somebody else's image under this very tag, until a variant is staged there", async () => {
    const { registry, store } = await staged();
    const foreign = makeImage(STAGED_VARIANT.platform, ["foreign"]);
    registry.push(repository, foreign);
    await store.putManifest(STAGED_TAG, foreign.manifest);
    const { digest } = foreign.manifest.descriptor;
    expect(await findNewest(store)).toEqual(
      ok({ kind: "unusable", why: { kind: "staging-foreign", digest } }),
    );
    await stageImage(store, { published: STAGED.published, record: stagingRecord() });
    expect(await findNewest(store)).toMatchObject({ value: { kind: "staged" } });
  });

  test("an index where the image should be", async () => {
    const { store } = await staged();
    const { manifest } = STAGED.published;
    const inner = makeDocument({ schemaVersion: 2, mediaType: OCI.index, manifests: [manifest] });
    await store.putManifest(inner.descriptor.digest, inner);
    const nested = { manifest: { ...inner.descriptor, platform: STAGED_VARIANT.platform }, attestations: [] };
    await stageImage(store, { published: nested, record: stagingRecord() });
    expect(await findNewest(store)).toMatchObject({
      value: { kind: "unusable", why: { kind: "staging-malformed" } },
    });
  });
});

describe("a registry that cannot tell is a failure, and never an absence", () => {
  const unknown = { ...failure("registry-denied", 404), kind: "manifest-unknown", page: true } as const;
  test.each<readonly [string, RegistryFailure, RegExp]>([
    ["the tag: refused", failure("registry-denied", 403), /^buildx/],
    ["the tag: a web page", unknown, /^buildx/],
    ["the image: broken", failure("registry-rejected", 500), new RegExp(IMAGE)],
    ["the image: a web page", unknown, new RegExp(IMAGE)],
    ["the attestation", failure("registry-rejected", 500), new RegExp(ATTESTATION)],
  ])("%s", async (_, error, reference) => {
    const { store } = await staged();
    const broken: Store = {
      ...store,
      manifest: async (asked, signal) =>
        reference.test(asked) ? fail(error) : await store.manifest(asked, signal),
      resolve: async (asked, signal) =>
        reference.test(asked) ? fail(error) : await store.resolve(asked, signal),
    };
    expect(await findNewest(broken)).toEqual(fail(error));
  });
});

function failure(
  kind: "registry-rejected" | "registry-denied",
  status: number,
): Extract<RegistryFailure, { readonly status: number }> {
  return {
    kind,
    registry: repository.registry,
    status,
    codes: [],
    request: { method: "GET", url: "memory:", attempts: 1 },
  };
}
