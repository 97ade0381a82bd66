import { describe, expect, test } from "vitest";
import type { Digest } from "../../../core/oci/digest.ts";
import type { RegistryFailure } from "../../../core/registry/registry-failure.ts";
import type { Store } from "../../../core/registry/store.ts";
import { fail, ok, type Result } from "../../../core/result.ts";
import { findStaged, stage, unstage, type StagingLookup } from "../../../core/staging/staging.ts";
import { confirmVariant } from "../../../core/publish/confirm.ts";
import { stitchRelease } from "../../../core/publish/stitch.ts";
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
import { plannedRelease } from "../../support/release.ts";
import { memoryRegistry, type MemoryRegistry } from "../../support/memory-registry.ts";
import { STAGED_TAG, STAGED_VARIANT, stagedImage, stagingRecord } from "../../support/staging.ts";

const repository = { registry: "one.example", path: "app" };
const NAME = "one.example/app";
const timing = { sleep: () => Promise.resolve() };
const STAGED = stagedImage();
const IMAGE = STAGED.published.manifest.digest;
const ATTESTATION = STAGED.attestation.manifest.descriptor.digest;

async function staged(): Promise<{ registry: MemoryRegistry; store: Store; digest: Digest }> {
  const registry = memoryRegistry();
  for (const each of [STAGED.image, STAGED.attestation]) registry.push(repository, each);
  const store = registry.store(repository);
  const put = await stage(store, { tag: STAGED_TAG, published: STAGED.published, record: stagingRecord() });
  if (!put.ok) throw new Error(put.error.kind);
  return { registry, store, digest: put.value };
}

async function look(store: Store, changes: object = {}): Promise<Result<StagingLookup, unknown>> {
  return await findStaged(store, { tag: STAGED_TAG, variant: STAGED_VARIANT, timing, ...changes });
}

test("what was staged is found as it was pushed, with its record, until it is removed", async () => {
  const { registry, store, digest } = await staged();
  const found = await look(store);
  expect(found).toMatchObject({
    ok: true,
    value: {
      kind: "staged",
      staged: {
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
    },
  });
  expect(await unstage(store, digest)).toEqual(ok({ kind: "removed" }));
  expect(await look(store)).toEqual(ok({ kind: "absent" }));
  expect(registry.find(`${NAME}@${IMAGE}`)).toBeDefined();
  expect(await unstage(store, digest)).toEqual(ok({ kind: "removed" }));
});

test("a run that stages the same variant later takes the tag; removing the first leaves it", async () => {
  const { store, digest } = await staged();
  const record = stagingRecord({ stagedAt: "2026-11-29T11:00:00.000Z" });
  const put = await stage(store, { tag: STAGED_TAG, published: STAGED.published, record });
  await unstage(store, digest);
  expect(await look(store)).toMatchObject({
    value: { kind: "staged", staged: { record, digest: put.ok && put.value } },
  });
});

test("a registry that sees the children late is asked again", async () => {
  const { store } = await staged();
  let refusals = 0;
  const late: Store = {
    ...store,
    putManifest: async (reference, document, signal) =>
      refusals++ < 3
        ? fail(failure("manifest-unknown", 404))
        : await store.putManifest(reference, document, signal),
  };
  const wanted = { tag: STAGED_TAG, published: STAGED.published, record: stagingRecord({ gates: "2.x" }) };
  expect(await stage(late, wanted, { timing })).toMatchObject({ ok: true });
  expect(await look(store)).toMatchObject({ value: { staged: { record: { gates: "2.x" } } } });
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
    const record = stagingRecord({ variant: wanted.id });
    await stage(store, { tag: STAGED_TAG, published: confirmed.value, record });
    const found = await findStaged(store, { tag: STAGED_TAG, variant: wanted, timing });
    if (!found.ok || found.value.kind !== "staged") throw new Error("not staged");
    expect(found.value.staged.published).toEqual(confirmed.value);
    const release = plannedRelease({ variants: [wanted], mediaTypes: types === OCI ? "oci" : "docker" });
    const [one, other] = [confirmed.value, found.value.staged.published].map((each) =>
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
    expect(await look(store)).toEqual(
      ok({ kind: "unusable", why: { kind: "staging-image-lost", digest, missing } }),
    );
  });

  test("another variant, or another platform than the plan has now", async () => {
    const { store, digest } = await staged();
    const other = { ...STAGED_VARIANT, id: "app linux/amd64" };
    expect(await look(store, { variant: other })).toEqual(
      ok({ kind: "unusable", why: { kind: "staging-other-variant", digest, variant: STAGED_VARIANT.id } }),
    );
    const platform = { os: "linux", architecture: "s390x" };
    expect(await look(store, { variant: { ...STAGED_VARIANT, platform } })).toMatchObject({
      value: {
        kind: "unusable",
        why: { kind: "staging-image-invalid", cause: { kind: "platform-mismatch" } },
      },
    });
  });

  test("somebody else's image under this very tag", async () => {
    const { registry, store } = await staged();
    const foreign = makeImage(STAGED_VARIANT.platform, ["foreign"]);
    registry.push(repository, foreign);
    await store.putManifest(STAGED_TAG, foreign.manifest);
    const { digest } = foreign.manifest.descriptor;
    expect(await look(store)).toEqual(ok({ kind: "unusable", why: { kind: "staging-foreign", digest } }));
  });

  test("an index where the image should be", async () => {
    const { store } = await staged();
    const { manifest } = STAGED.published;
    const inner = makeDocument({ schemaVersion: 2, mediaType: OCI.index, manifests: [manifest] });
    await store.putManifest(inner.descriptor.digest, inner);
    const nested = { manifest: { ...inner.descriptor, platform: STAGED_VARIANT.platform }, attestations: [] };
    await stage(store, { tag: STAGED_TAG, published: nested, record: stagingRecord() });
    expect(await look(store)).toMatchObject({
      value: { kind: "unusable", why: { kind: "staging-malformed" } },
    });
  });
});

describe("a registry that cannot tell is a failure, and never an absence", () => {
  const page: RegistryFailure = { ...failure("manifest-unknown", 404), kind: "manifest-unknown", page: true };
  test.each<readonly [string, RegistryFailure, RegExp]>([
    ["the tag: refused", failure("registry-denied", 403), /^buildx/],
    ["the tag: a web page", page, /^buildx/],
    ["the image: broken", failure("registry-rejected", 500), new RegExp(IMAGE)],
    ["the image: a web page", page, new RegExp(IMAGE)],
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
    expect(await look(broken)).toEqual(fail(error));
  });
});

describe("a registry that removes nothing", () => {
  test.each([
    ["registry-rejected", 405],
    ["registry-denied", 403],
    ["registry-denied", 401],
    ["registry-rejected", 400],
    ["registry-rejected", 501],
  ] as const)("%s %i is told as a fact", async (kind, status) => {
    const { store, digest } = await staged();
    const refusing: Store = { ...store, delete: async () => fail(failure(kind, status)) };
    expect(await unstage(refusing, digest)).toEqual(ok({ kind: "refused", status, codes: [] }));
  });

  test.each([
    ["registry-rejected", 429],
    ["registry-rejected", 408],
    ["registry-rejected", 503],
  ] as const)("%s %i is a failure", async (kind, status) => {
    const { store, digest } = await staged();
    const error = failure(kind, status);
    expect(await unstage({ ...store, delete: async () => fail(error) }, digest)).toEqual(fail(error));
  });
});

function failure(
  kind: "manifest-unknown" | "registry-rejected" | "registry-denied",
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
