import type { DocumentMemory } from "../../../core/layers/layer.ts";
import { describe, expect, test } from "vitest";
import { diffImages } from "../../../core/images/diff.ts";
import { diffPackages } from "../../../core/images/diff-lists.ts";
import { graphOf, provenance, sbom } from "../../support/attested.ts";
import { pushGraph, type TestGraph } from "../../support/graphs.ts";
import { memoryRegistry } from "../../support/memory-registry.ts";

const REPOSITORY = { registry: "localhost:5000", path: "team/app" };
const amd64 = { os: "linux", architecture: "amd64" };
const arm64 = { os: "linux", architecture: "arm64" };
const s390x = { os: "linux", architecture: "s390x" };
const NO_MEMORY: DocumentMemory = { get: async () => undefined, put: async () => undefined };

async function diff(older: TestGraph, newer: TestGraph, spoil = false) {
  const registry = memoryRegistry();
  await pushGraph(registry, REPOSITORY, older, "v1");
  await pushGraph(registry, REPOSITORY, newer, "v2");
  const store = registry.store(REPOSITORY);
  if (spoil) await store.delete(newer.images[0]?.manifest.descriptor.digest ?? "");
  const side = (reference: string) => ({ store, reference, name: `app:${reference}` });
  const request = { older: side("v1"), newer: side("v2") };
  const result = await diffImages(request, NO_MEMORY, new AbortController().signal);
  if (!result.ok) throw new Error(result.error.kind);
  return result.value;
}

test("the same image has nothing to tell", async () => {
  const graph = graphOf({ config: amd64 });
  expect(await diff(graph, graph)).toMatchObject({
    same: true,
    older: { reference: "app:v1", digest: graph.index.descriptor.digest },
    newer: { reference: "app:v2", digest: graph.index.descriptor.digest },
    platforms: [{ kind: "same", platform: amd64 }],
    findings: [],
  });
});

test("platforms that came, went, stayed and changed, with the sizes of all", async () => {
  const older = graphOf(
    { config: amd64, layers: ["same"] },
    { config: s390x },
    { config: arm64, layers: ["old"] },
  );
  const newer = graphOf(
    { config: { ...arm64, variant: "v8" }, layers: ["newer"] },
    { config: { ...amd64, architecture: "riscv64" } },
    { config: amd64, layers: ["same"] },
  );
  const result = await diff(older, newer);
  expect(result.same).toBe(false);
  expect(result.platforms.map(({ kind, platform }) => `${kind} ${platform.architecture}`)).toEqual([
    "changed arm64",
    "added riscv64",
    "same amd64",
    "removed s390x",
  ]);
  const sizes = older.images.map(({ config, layers }) => config.length + (layers[0]?.length ?? 0));
  expect(result.older.size).toBe(sizes.reduce((sum, size) => sum + size));
  expect(result.platforms[0]).toMatchObject({ sizes: { older: sizes[2] } });
});

describe("one platform", () => {
  const changed = async (older: TestGraph, newer: TestGraph) => {
    const [platform] = (await diff(older, newer)).platforms;
    if (platform?.kind !== "changed") throw new Error("not changed");
    return platform;
  };

  test("layers: those that are common from the bottom, and what is above", async () => {
    const history = (last: string) => [
      { created_by: "FROM debian" },
      { created_by: "ENV A=1", empty_layer: true },
      { created_by: "RUN apt-get" },
      { created_by: last },
    ];
    const older = graphOf({
      config: { ...amd64, history: history("COPY old /") },
      layers: ["base", "apt", "old"],
    });
    const newer = graphOf({
      config: { ...amd64, history: history("COPY new /") },
      layers: ["base", "apt", "newer"],
    });
    const { layers } = await changed(older, newer);
    expect(layers).toMatchObject({
      kept: [{ madeBy: "FROM debian", size: 4 }, { madeBy: "RUN apt-get" }],
      removed: [{ madeBy: "COPY old /", size: 3 }],
      added: [{ madeBy: "COPY new /", size: 5 }],
    });
    const squashed = { ...amd64, history: [{ created_by: "one" }, { created_by: "two" }] };
    const fewer = await changed(newer, graphOf({ config: squashed, layers: ["base"] }));
    expect([fewer.layers.kept.length, fewer.layers.removed.length, fewer.layers.added]).toEqual([1, 2, []]);
    expect(fewer.layers.kept[0]).not.toHaveProperty("madeBy");
  });

  test("settings of the config", async () => {
    const older = graphOf({
      config: { ...amd64, config: { Env: ["A=1", "B=2"], User: "root", Cmd: ["a"] } },
    });
    const newer = graphOf({
      config: { ...amd64, config: { Env: ["A=1", "B=3"], Entrypoint: ["/x"], Cmd: ["a"] } },
    });
    expect((await changed(older, newer)).settings).toEqual([
      { name: "entrypoint", newer: '["/x"]' },
      { name: "env B", older: "2", newer: "3" },
      { name: "user", older: "root" },
    ]);
  });

  test("packages where both have an SBOM, and attestations", async () => {
    const attested = (layer: string, ...packages: readonly string[]) =>
      graphOf({
        config: amd64,
        layers: [layer],
        attest: (digest) => [provenance(digest), sbom(digest, ...packages)],
      });
    const older = attested("1", "libc6 2.36-9 amd64", "wget 1 amd64", "same 1 all");
    const newer = attested("2", "curl 8 amd64", "libc6 2.36-10 amd64", "same 1 all");
    const both = await changed(older, newer);
    expect(both.packages).toEqual([
      { name: "deb/debian/curl", newer: "8" },
      { name: "deb/debian/libc6", older: "2.36-9", newer: "2.36-10" },
      { name: "deb/debian/wget", older: "1" },
    ]);
    expect(both.attestations).toEqual({ older: ["provenance", "sbom"], newer: ["provenance", "sbom"] });
    const one = await changed(older, graphOf({ config: amd64, layers: ["3"] }));
    expect(one).not.toHaveProperty("packages");
    expect(one.attestations.newer).toEqual([]);
  });
});

test("an image that is not there is told, and the others are compared", async () => {
  const older = graphOf({ config: amd64, layers: ["1"] }, { config: arm64 });
  const newer = graphOf({ config: amd64, layers: ["2"] }, { config: arm64 });
  const result = await diff(older, newer, true);
  expect(result.findings).toMatchObject([
    { rule: "child-missing", image: { reference: "app:v2", platform: amd64 } },
  ]);
  expect(result.platforms.map(({ kind }) => kind)).toEqual(["same", "removed"]);
});

test.each([
  ["pkg:npm/%40scope/a@1.0.0", "npm/%40scope/a"],
  ["pkg:deb/debian/a@1:2?arch=amd64", "deb/debian/a"],
  ["pkg:golang/example.com/a", "golang/example.com/a"],
  ["pkg:npm/@scope/a", "npm/@scope/a"],
  ["pkg:golang/example.com/a@v1#sub/path", "golang/example.com/a"],
  [undefined, "plain"],
])("%s is the package %s", (purl, name) => {
  const one = { name: "plain", version: "1", ...(purl === undefined ? {} : { purl }) };
  expect(diffPackages([], [one, { ...one, version: "0" }])).toEqual([{ name, newer: "0, 1" }]);
});
