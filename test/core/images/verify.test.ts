import { describe, expect, test } from "vitest";
import { verifyReference, type Looker } from "../../../core/images/verify.ts";
import type { VerifyReferenceWorld, VerifyRequest } from "../../../core/images/verified-reference.ts";
import type { Digest } from "../../../core/oci/digest.ts";
import type { Store } from "../../../core/registry/store.ts";
import { ok } from "../../../core/result.ts";
import { graphOf, provenance, sbom, type TestPlatform } from "../../support/attested.ts";
import { pushGraph, type TestGraph } from "../../support/graphs.ts";
import { makeDocument, makeImage, OCI } from "../../support/images.ts";
import { platform } from "../../support/make.ts";
import { memoryRegistry, type MemoryRegistry } from "../../support/memory-registry.ts";

const REPOSITORY = { registry: "localhost:5000", path: "team/app" };
const amd64 = { os: "linux", architecture: "amd64" };
const arm64 = { os: "linux", architecture: "arm64" };
const NONE = { kinds: [], severity: "error" } as const;

/** A world that remembers, with one registry. */
function world() {
  const documents = new Map<Digest, Uint8Array>();
  const asked: string[] = [];
  const memory: VerifyReferenceWorld = {
    layers: { get: async () => undefined, put: async () => undefined },
    documents: {
      get: async (digest) => documents.get(digest),
      put: async (digest, bytes) => void documents.set(digest, bytes),
    },
    signal: new AbortController().signal,
  };
  const registry = memoryRegistry();
  const store = (path: string): Store => counting(registry.store({ ...REPOSITORY, path }), asked);
  const at = (reference = "v1", path = "team/app") => ({
    store: store(path),
    reference,
    name: `localhost:5000/${path}:${reference}`,
  });
  return { registry, asked, memory, documents, at };
}

function counting(store: Store, asked: string[]): Store {
  return {
    ...store,
    manifest: (...given) => {
      asked.push("manifest");
      return store.manifest(...given);
    },
    blob: (...given) => {
      asked.push("blob");
      return store.blob(...given);
    },
  };
}

/** Finds nothing, whatever it looks at. */
const looker: Looker = {
  verifyImage: async (image) =>
    ok({ image, layers: image.layers.map(() => undefined), findings: [], programs: 3, bytesRead: 10 }),
  findAcross: () => [],
};

async function verify(
  graph: TestGraph,
  changes: Partial<VerifyRequest> = {},
  spoil?: (to: MemoryRegistry) => Promise<unknown>,
) {
  const { registry, memory, at, asked } = world();
  await pushGraph(registry, REPOSITORY, graph);
  await spoil?.(registry);
  const request: VerifyRequest = {
    target: at(),
    copies: [],
    attestations: NONE,
    settings: { content: "error", ignore: [] },
    ...changes,
  };
  const result = await verifyReference(request, memory, looker);
  if (!result.ok) throw new Error(result.error.kind);
  return { ...result.value, asked };
}

async function rulesOf(...given: Parameters<typeof verify>): Promise<readonly string[]> {
  const { findings } = await verify(...given);
  return findings.map(({ rule, severity, image }) =>
    [severity, rule, ...(image?.platform === undefined ? [] : [image.platform.architecture])].join(" "),
  );
}

const both = graphOf(
  { config: amd64, layers: ["base", "one"] },
  { config: arm64, layers: ["base", "two"], attest: (digest) => [provenance(digest)] },
);

test("a sound index: its images with their sizes, programs and attestations", async () => {
  const verified = await verify(both, { platforms: [platform("linux/amd64"), platform("linux/arm64/v8")] });
  const [one, two] = both.images;
  expect(verified).toMatchObject({
    reference: "localhost:5000/team/app:v1",
    mediaType: OCI.index,
    digest: both.index.descriptor.digest,
    findings: [],
    bytesRead: 20,
    images: [
      {
        platform: amd64,
        digest: one?.manifest.descriptor.digest,
        size: (one?.config.length ?? 0) + 7,
        programs: 3,
        verdict: "fine",
        attestations: [],
      },
      { platform: arm64, digest: two?.manifest.descriptor.digest, attestations: ["provenance"] },
    ],
  });
});

describe("what is read", () => {
  test("the index, each manifest and config; the second time no config", async () => {
    const { registry, memory, at, asked } = world();
    await pushGraph(registry, REPOSITORY, both);
    const request = { copies: [], attestations: NONE, settings: { content: "error", ignore: [] } } as const;
    for (const expected of [
      ["manifest", "manifest", "manifest", "manifest", "blob", "blob"],
      ["manifest", "manifest", "manifest", "manifest"],
    ]) {
      asked.length = 0;
      const result = await verifyReference({ ...request, target: at() }, memory, looker);
      expect(result.ok).toBe(true);
      expect(asked).toEqual(expected);
    }
  });

  test("a damaged memory is not believed", async () => {
    const { registry, memory, documents, at, asked } = world();
    await pushGraph(registry, REPOSITORY, both);
    const request = { copies: [], attestations: NONE, settings: { content: "error", ignore: [] } } as const;
    await verifyReference({ ...request, target: at() }, memory, looker);
    for (const digest of documents.keys()) documents.set(digest, Buffer.from("{}"));
    asked.length = 0;
    const again = await verifyReference({ ...request, target: at() }, memory, looker);
    expect(again).toMatchObject({ ok: true, value: { findings: [] } });
    expect(asked.filter((each) => each === "blob")).toHaveLength(2);
  });

  test("statements only where attestations are demanded", async () => {
    const demand = { kinds: ["provenance"], severity: "error" } as const;
    expect((await verify(both)).asked.filter((each) => each === "blob")).toHaveLength(2);
    expect(
      (await verify(both, { attestations: demand })).asked.filter((each) => each === "blob"),
    ).toHaveLength(3);
  });
});

describe("the set of platforms", () => {
  test("missing and unexpected ones", async () => {
    const platforms = [platform("linux/amd64"), platform("linux/s390x")];
    expect(await rulesOf(both, { platforms })).toEqual([
      "error platform-missing s390x",
      "error platform-unexpected arm64",
    ]);
  });

  test("the version of Windows only where it is asked for", async () => {
    const windows = (version: string): TestPlatform => ({
      config: { os: "windows", architecture: "amd64", "os.version": version },
    });
    const graph = graphOf(windows("10.0.17763.1"), windows("10.0.20348.1"));
    expect(await rulesOf(graph, { platforms: [platform("windows/amd64")] })).toEqual([]);
    expect(await rulesOf(graph, { platforms: [platform("windows(10.0.20348.1)/amd64")] })).toEqual([
      "error platform-unexpected amd64",
    ]);
  });

  test("one platform twice, however it is written", async () => {
    const old = { ...arm64, variant: "v8" };
    const twice = graphOf({ config: arm64, layers: ["a"] }, { config: old, layers: ["b"] });
    expect(await rulesOf(twice)).toEqual(["error platform-duplicate arm64"]);
    expect(await rulesOf(graphOf({ config: arm64 }, { config: arm64 }))).toEqual([
      "warning platform-duplicate arm64",
    ]);
  });

  test("a single image is a set of one", async () => {
    const image = makeImage(arm64);
    const graph = { index: image.manifest, images: [image] };
    expect(await rulesOf(graph, { platforms: [platform("linux/arm64")] })).toEqual([]);
    expect(await rulesOf(graph, { platforms: [platform("linux/amd64")] })).toEqual([
      "error platform-missing amd64",
      "error platform-unexpected arm64",
    ]);
  });
});

describe("children", () => {
  const remove = (which: number) => async (registry: MemoryRegistry) =>
    registry.store(REPOSITORY).delete(both.images[which]?.manifest.descriptor.digest ?? "");

  test("an image and an attestation that are not there", async () => {
    expect(await rulesOf(both, {}, remove(0))).toEqual(["error child-missing amd64"]);
    const { findings, images } = await verify(both, {}, remove(2));
    expect(findings).toMatchObject([
      { rule: "child-missing", message: "The index names an attestation that is not there" },
    ]);
    expect(images.map(({ attestations }) => attestations)).toEqual([[], []]);
  });

  test("a store that does not answer is a failure, and no finding", async () => {
    const { registry, memory, at } = world();
    await pushGraph(registry, REPOSITORY, both);
    const { store, ...target } = at();
    const flaky: Store = {
      ...store,
      manifest: (reference, signal) =>
        store.manifest(reference, reference === "v1" ? signal : AbortSignal.abort()),
    };
    const request = { copies: [], attestations: NONE, settings: { content: "error", ignore: [] } } as const;
    expect(
      await verifyReference({ ...request, target: { ...target, store: flaky } }, memory, looker),
    ).toMatchObject({
      ok: false,
      error: { kind: "registry-cancelled" },
    });
  });

  test("entries that are no images of one platform", async () => {
    const artifact = makeImage(amd64, ["x"], { ...OCI, config: "application/vnd.example+json" });
    const broken = makeImage({ os: 1 });
    const inner = makeDocument({ schemaVersion: 2, mediaType: OCI.index, manifests: [] });
    const manifests = [
      artifact.manifest.descriptor,
      { ...broken.manifest.descriptor, platform: amd64 },
      inner.descriptor,
    ];
    const { registry, memory, at } = world();
    const store = registry.store(REPOSITORY);
    for (const image of [artifact, broken]) registry.push(REPOSITORY, image);
    await store.putManifest(inner.descriptor.digest, inner);
    await store.putManifest("v1", makeDocument({ schemaVersion: 2, mediaType: OCI.index, manifests }));
    const request = { copies: [], attestations: NONE, settings: { content: "error", ignore: [] } } as const;
    const result = await verifyReference({ ...request, target: at() }, memory, looker);
    expect(
      result.ok && result.value.findings.map(({ severity, message }) => `${severity}: ${message}`),
    ).toEqual([
      "error: An entry of the index is not looked into: an artifact, whose config is application/vnd.example+json",
      expect.stringMatching(/^error: An entry of the index is not looked into: os: /),
      "warning: The index holds another index, which most clients cannot pull from",
    ]);
  });

  test.each([
    ["no entries", false, ["error platform-missing"]],
    ["another index alone", true, ["warning child-unreadable", "error platform-missing"]],
  ])("an index with %s is not fine", async (_, isNested, rules) => {
    const { registry, memory, at } = world();
    const store = registry.store(REPOSITORY);
    const inner = makeDocument({ schemaVersion: 2, mediaType: OCI.index, manifests: [] });
    await store.putManifest(inner.descriptor.digest, inner);
    const manifests = isNested ? [inner.descriptor] : [];
    await store.putManifest("v1", makeDocument({ schemaVersion: 2, mediaType: OCI.index, manifests }));
    const request = { copies: [], attestations: NONE, settings: { content: "error", ignore: [] } } as const;
    const result = await verifyReference({ ...request, target: at() }, memory, looker);
    expect(result.ok && result.value.findings.map(({ severity, rule }) => `${severity} ${rule}`)).toEqual(
      rules,
    );
  });

  test("an index that does not say what an image is for", async () => {
    const { findings, images } = await verify(graphOf({ config: arm64, label: null }));
    expect(findings).toMatchObject([{ rule: "platform-label", severity: "warning" }]);
    expect(images).toMatchObject([{ platform: arm64, verdict: "warning" }]);
  });

  test("more entries than any index has are not followed", async () => {
    const entry = makeImage(amd64).manifest.descriptor;
    const graph = graphOf({ config: amd64 });
    const index = makeDocument({
      schemaVersion: 2,
      mediaType: OCI.index,
      manifests: Array.from({ length: 600 }, () => ({ ...entry, platform: amd64 })),
    });
    const { findings, asked } = await verify({ ...graph, index });
    expect(asked.filter((each) => each === "manifest")).toHaveLength(513);
    expect(findings[0]?.message).toBe(
      "An entry of the index is not looked into: 88 entries more than are looked at",
    );
  });
});

describe("other places", () => {
  test("the same digest everywhere, another one, and none", async () => {
    const { registry, memory, at } = world();
    await pushGraph(registry, REPOSITORY, both);
    await pushGraph(registry, { ...REPOSITORY, path: "mirror/same" }, both);
    await pushGraph(registry, { ...REPOSITORY, path: "mirror/other" }, graphOf({ config: amd64 }));
    const copies = ["mirror/same", "mirror/other", "mirror/none"].map((path) => at("v1", path));
    const settings = { content: "error", ignore: [] } as const;
    const result = await verifyReference(
      { target: at(), copies, attestations: NONE, settings },
      memory,
      looker,
    );
    expect(result.ok && result.value.findings).toMatchObject([
      {
        rule: "digest-differs",
        severity: "error",
        image: { reference: "localhost:5000/mirror/other:v1" },
        facts: [{}, {}, expect.stringMatching(/^found sha256:/)],
      },
      {
        rule: "digest-differs",
        message: "The image is not there",
        image: { reference: "localhost:5000/mirror/none:v1" },
        fix: "Copy it: `buildx-plan copy localhost:5000/team/app:v1 localhost:5000/mirror/none:v1`.",
      },
    ]);
  });

  test("an older image: what is lost, added, changed and unchanged", async () => {
    const { registry, memory, at } = world();
    const s390x = { os: "linux", architecture: "s390x" };
    const older = graphOf(
      { config: amd64, layers: ["base", "one"] },
      { config: arm64, layers: ["old"] },
      { config: s390x },
    );
    const newer = graphOf(
      { config: amd64, layers: ["base", "one"] },
      { config: { ...arm64, variant: "v8" }, layers: ["new"] },
      { config: { ...arm64, architecture: "riscv64" } },
    );
    await pushGraph(registry, REPOSITORY, newer);
    await pushGraph(registry, REPOSITORY, older, "v0");
    const settings = { content: "off", ignore: [] } as const;
    const result = await verifyReference(
      { target: at(), copies: [], against: at("v0"), attestations: NONE, settings },
      memory,
      looker,
    );
    expect(result).toMatchObject({
      ok: true,
      value: {
        against: {
          reference: "localhost:5000/team/app:v0",
          digest: older.index.descriptor.digest,
          lost: [s390x],
          added: [{ architecture: "riscv64" }],
          changed: [arm64],
          unchanged: [amd64],
        },
        findings: [{ rule: "platform-lost", severity: "error", image: { platform: s390x } }],
      },
    });
    expect(result.ok && result.value.images.map(({ programs }) => programs)).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
  });
});

test("attestations: missing ones, those of other images, stray ones, and what they say", async () => {
  const foreign = makeImage(amd64, ["elsewhere"]).manifest.descriptor.digest;
  const graph = graphOf(
    { config: amd64, layers: ["a"], attest: (digest) => [provenance(digest), sbom(digest, "libc6 1 arm64")] },
    { config: arm64, layers: ["b"], attest: () => [provenance(foreign)] },
  );
  const attestations = { kinds: ["provenance", "sbom"], severity: "error" } as const;
  expect(await rulesOf(graph, { attestations })).toEqual([
    "error attestation-missing arm64",
    "error sbom-architecture amd64",
    "error attestation-subject arm64",
  ]);
});

test("what looks into images gets them as they are, and its findings count", async () => {
  const { registry, memory, at } = world();
  await pushGraph(registry, REPOSITORY, both);
  const seen: unknown[] = [];
  const strict: Looker = {
    verifyImage: async (image, { settings }) => {
      seen.push({ platform: image.platform, layers: image.layers.length, settings });
      const place = { reference: image.reference, platform: image.platform };
      const findings = [
        { rule: "entrypoint-architecture", severity: "error", message: "wrong", image: place } as const,
      ];
      return ok({ image, layers: [], findings, programs: 1, bytesRead: 0 });
    },
    findAcross: (images) => [
      { rule: "shared-programs", severity: "warning", message: `${images.length} images` },
    ],
  };
  const settings = { content: "warn", ignore: ["/opt/**"] } as const;
  const request = { target: at(), copies: [], attestations: NONE, settings };
  const result = await verifyReference(request, memory, strict);
  expect(seen).toEqual([
    { platform: amd64, layers: 2, settings },
    { platform: arm64, layers: 2, settings },
  ]);
  expect(result.ok && result.value.findings.map(({ message }) => message)).toEqual([
    "wrong",
    "wrong",
    "2 images",
  ]);
  expect(result.ok && result.value.images.map(({ verdict }) => verdict)).toEqual(["error", "error"]);
});

test("an image that cannot be read stops the others, and is what is told", async () => {
  const { registry, memory, at } = world();
  await pushGraph(registry, REPOSITORY, both);
  const facts = {
    registry: "localhost:5000",
    repository: "team/app",
    request: { method: "GET", url: "u", attempts: 1 },
  };
  const failing: Looker = {
    ...looker,
    verifyImage: async (image, { signal }) => {
      if (image.platform.architecture === "arm64")
        return { ok: false, error: { kind: "registry-rejected", ...facts, status: 500, codes: [] } };
      await new Promise((resolve) => signal.addEventListener("abort", resolve));
      return { ok: false, error: { kind: "registry-cancelled", ...facts } };
    },
  };
  const settings = { content: "error", ignore: [] } as const;
  const request = { target: at(), copies: [], attestations: NONE, settings };
  expect(await verifyReference(request, memory, failing)).toMatchObject({
    ok: false,
    error: { kind: "registry-rejected" },
  });
});
