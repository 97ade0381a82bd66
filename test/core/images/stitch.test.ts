import { expect, test } from "vitest";
import { guardTargets } from "../../../core/images/guard-targets.ts";
import { stitchImages, type Stitch } from "../../../core/images/stitch.ts";
import { parseDocument } from "../../../core/oci/documents.ts";
import { pushGraph, releaseGraph } from "../../support/graphs.ts";
import {
  attestationEntry,
  DOCKER,
  makeAttestation,
  makeDocument,
  makeImage,
  OCI,
} from "../../support/images.ts";
import { platform } from "../../support/make.ts";
import { memoryRegistry, type MemoryRegistry } from "../../support/memory-registry.ts";

const home = { registry: "one.example", path: "app" };
const away = { registry: "two.example", path: "app" };
const amd64 = { os: "linux", architecture: "amd64" };
const arm64 = { os: "linux", architecture: "arm64" };

function stitch(registry: MemoryRegistry, references: readonly string[], changes: Partial<Stitch> = {}) {
  const store = registry.store(home);
  const children = references.map((reference) => ({ store, reference, name: reference }));
  const targets = [{ store, tag: "v1" }];
  return stitchImages({ children, targets, annotations: {}, attestations: "keep", ...changes });
}

function pushImage(registry: MemoryRegistry, config: Readonly<Record<string, unknown>>, types = OCI): string {
  const image = makeImage(config, [JSON.stringify(config)], types);
  registry.push(home, image);
  return image.manifest.descriptor.digest;
}

test("images in the order given, then attestations; platforms from configs, descriptors or the command line", async () => {
  const registry = memoryRegistry();
  const graph = releaseGraph("", 2);
  await pushGraph(registry, home, graph, "both");
  const s390x = pushImage(registry, { os: "linux", architecture: "s390x" });
  const unnamed = pushImage(registry, { os: "linux", architecture: "mips" });
  const store = registry.store(home);
  const children = [
    { store, reference: s390x, name: "a" },
    { store, reference: "both", name: "b" },
    { store, reference: unnamed, name: "c", platform: platform("linux/mips64le") },
  ];
  const result = await stitch(registry, [], { children });
  const parsed = result.ok ? parseDocument(result.value.index.bytes) : undefined;
  const entries = parsed?.ok === true && parsed.value.kind === "index" ? parsed.value.manifests : [];
  const [amd, arm, ...attestations] = graph.images.map(({ manifest }) => manifest.descriptor.digest);
  expect(entries.map(({ digest }) => digest)).toEqual([s390x, amd, arm, unnamed, ...attestations]);
  expect(entries.map((entry) => entry.platform?.architecture)).toEqual([
    "s390x",
    "amd64",
    "arm64",
    "mips64le",
    "unknown",
    "unknown",
  ]);
});

test("all repositories have the index before the first tag moves; a refusal says what moved", async () => {
  const registry = memoryRegistry();
  const digest = pushImage(registry, amd64);
  const targets = [
    { store: registry.store(home), tag: "a" },
    { store: registry.store(away), tag: "b" },
    { store: registry.store(home), tag: "c" },
  ];
  const result = await stitch(registry, [digest], { targets });
  const index = result.ok ? result.value.index.descriptor.digest : "";
  const names = ["one.example/app:a", "two.example/app:b", "one.example/app:c"];
  expect(registry.writes.slice(-4)).toEqual([`two.example/app@${index}`, ...names]);
  registry.refuse("two.example/app:b");
  expect(await stitch(registry, [digest], { targets })).toMatchObject({
    ok: false,
    error: { kind: "tags-not-moved", moved: names.slice(0, 1), failed: names[1], notTried: names.slice(2) },
  });
});

test("an index that cannot be stored in one repository moves no tag in another", async () => {
  const registry = memoryRegistry();
  const digest = pushImage(registry, amd64);
  const made = await stitch(registry, [digest], { targets: [{ store: registry.store(home), tag: "made" }] });
  registry.refuse(`two.example/app@${made.ok ? made.value.index.descriptor.digest : ""}`);
  const targets = [registry.store(home), registry.store(away)].map((store) => ({ store, tag: "v1" }));
  expect(await stitch(registry, [digest], { targets })).toMatchObject({ ok: false });
  expect(registry.find("one.example/app:v1")).toBeUndefined();
});

test.each<[string, (registry: MemoryRegistry) => Promise<readonly string[]>, Partial<Stitch>, object]>([
  [
    "two images for one platform",
    async (registry) => [pushImage(registry, amd64), pushImage(registry, { ...amd64, created: "2020" })],
    {},
    { kind: "stitch-refused", cause: { kind: "platform-twice" } },
  ],
  [
    "mixed media types",
    async (registry) => [pushImage(registry, amd64, DOCKER), pushImage(registry, arm64)],
    {},
    { kind: "stitch-refused", cause: { kind: "media-type-foreign" } },
  ],
  [
    "annotations on Docker's media types",
    async (registry) => [pushImage(registry, amd64, DOCKER)],
    { annotations: { a: "b" } },
    { kind: "stitch-refused", cause: { kind: "annotations-unsupported" } },
  ],
  [
    "a required attestation that is not there",
    async (registry) => [pushImage(registry, amd64)],
    { attestations: "require" },
    { kind: "attestation-missing" },
  ],
  [
    "an attestation of a stranger",
    async (registry) => {
      const image = makeImage(amd64);
      const attestation = makeAttestation("https://slsa.dev/provenance/v1");
      for (const each of [image, attestation]) registry.push(home, each);
      const manifests = [
        { ...image.manifest.descriptor, platform: amd64 },
        attestationEntry(attestation, attestation.manifest.descriptor.digest),
      ];
      const index = makeDocument({ schemaVersion: 2, mediaType: OCI.index, manifests });
      await registry.store(home).putManifest("stray", index);
      return ["stray"];
    },
    {},
    { kind: "child-refused", problem: { kind: "attestation-stray" } },
  ],
  [
    "an artifact without a platform",
    async (registry) => [pushImage(registry, {}, { ...OCI, config: "application/vnd.example.chart" })],
    {},
    { kind: "child-refused", problem: { kind: "no-image" } },
  ],
  ["a child that is not there", async () => ["nowhere"], {}, { kind: "manifest-unknown" }],
])("refuses %s, and writes nothing", async (_, prepare, changes, error) => {
  const registry = memoryRegistry();
  const references = await prepare(registry);
  const before = registry.writes.length;
  expect(await stitch(registry, references, changes)).toMatchObject({ ok: false, error });
  expect(registry.writes).toHaveLength(before);
});

test("a platform picks its image out of an index, or says which there are", async () => {
  const registry = memoryRegistry();
  const graph = releaseGraph("", 2);
  await pushGraph(registry, home, graph, "both");
  const store = registry.store(home);
  const pick = (text: string) =>
    stitch(registry, [], {
      children: [{ store, reference: "both", name: "both", platform: platform(text) }],
    });
  const [, arm, , attestation] = graph.images.map(({ manifest }) => manifest.descriptor.digest);
  expect(await pick("linux/arm64/v8")).toMatchObject({
    ok: true,
    value: { platforms: [{ entry: { digest: arm }, attestations: [{ digest: attestation }] }] },
  });
  expect(await pick("linux/s390x")).toMatchObject({
    ok: false,
    error: { problem: { kind: "platform-absent", known: ["linux/amd64", "linux/arm64"] } },
  });
});

test("attestations are left out where they are to be stripped", async () => {
  const registry = memoryRegistry();
  await pushGraph(registry, home, releaseGraph("", 2), "both");
  const kept = await stitch(registry, ["both"], { attestations: "require" });
  const stripped = await stitch(registry, ["both"], { attestations: "strip" });
  const entries = [kept, stripped].map((each) => {
    const parsed = each.ok ? parseDocument(each.value.index.bytes) : undefined;
    return parsed?.ok === true && parsed.value.kind === "index" ? parsed.value.manifests.length : 0;
  });
  expect(entries).toEqual([4, 2]);
});

test("the guard refuses before anything is written", async () => {
  const registry = memoryRegistry();
  const digest = pushImage(registry, amd64);
  await pushGraph(registry, home, releaseGraph("", 2), "stable");
  const tags = [{ ...home, tag: "stable" }];
  const allowed = { shrink: false, downgrade: false };
  const guard = guardTargets(registry, { tags, allowed }, new AbortController().signal);
  const targets = [{ store: registry.store(home), tag: "stable" }];
  const before = registry.writes.length;
  expect(await stitch(registry, [digest], { targets, guard })).toMatchObject({
    ok: false,
    error: { kind: "tags-refused", refusals: [{ why: "shrinks", lost: ["linux/arm64"] }] },
  });
  expect(registry.writes).toHaveLength(before);
});

test("an entry whose manifest has another size is not taken along", async () => {
  const registry = memoryRegistry();
  const image = makeImage(amd64);
  registry.push(home, image);
  const manifests = [{ ...image.manifest.descriptor, size: 7, platform: amd64 }];
  await registry
    .store(home)
    .putManifest("lies", makeDocument({ schemaVersion: 2, mediaType: OCI.index, manifests }));
  const targets = [{ store: registry.store(away), tag: "v1" }];
  expect(await stitch(registry, ["lies"], { targets })).toMatchObject({
    ok: false,
    error: { kind: "transfer-invalid", digest: image.manifest.descriptor.digest },
  });
  expect(registry.find("two.example/app:v1")).toBeUndefined();
});
