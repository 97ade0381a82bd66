import { expect, test } from "vitest";
import type { Digest } from "../../../core/oci/digest.ts";
import { digestOf } from "../../../core/oci/digest-of.ts";
import type { StoreFailure } from "../../../core/registry/store.ts";
import { fail, ok } from "../../../core/result.ts";
import { findBases, type FoundBase, type ImageOnBase } from "../../../core/scan/base-image.ts";
import { makeDocument, makeImage, OCI, type TestImage } from "../../support/images.ts";
import { platform, storeOf } from "../../support/verify-images.ts";

const NAME = "org.opencontainers.image.base.name";
const DIGEST = "org.opencontainers.image.base.digest";
const PROVENANCE = "https://slsa.dev/provenance/v0.2";
const AMD64 = { os: "linux", architecture: "amd64" };

const UNREACHABLE: StoreFailure = {
  kind: "registry-unreachable",
  registry: "registry.example",
  request: { method: "GET", url: "https://registry.example/v2/", attempts: 1 },
  detail: "connection refused",
};

/** What registries hold: by `registry/path`, tags and the digests that they name; undefined for one that does not answer. */
type Tags = Readonly<Record<string, Readonly<Record<string, TestImage>> | undefined>>;

interface World {
  readonly find: (...images: readonly ImageOnBase[]) => Promise<readonly FoundBase[]>;
  /** What was asked for, in order. */
  readonly asked: readonly string[];
}

function worldOf(held: Tags, more: readonly TestImage[] = []): World {
  const asked: string[] = [];
  const documents = new Map<string, TestImage["manifest"]>(
    [...Object.values(held).flatMap((tags = {}) => Object.values(tags)), ...more].map(({ manifest }) => [
      manifest.descriptor.digest,
      manifest,
    ]),
  );
  return {
    asked,
    find: async (...images) =>
      await findBases(images, {
        stores: ({ registry, path }) => {
          const name = `${registry}/${path}`;
          const tags = held[name];
          return {
            resolve: async (tag) => {
              asked.push(`${name}:${tag}`);
              return tags === undefined ? fail(UNREACHABLE) : ok(tags[tag]?.manifest.descriptor);
            },
            manifest: async (digest) => {
              asked.push(`${name}@${digest}`);
              const document = tags === undefined ? undefined : documents.get(digest);
              return document === undefined ? fail(UNREACHABLE) : ok(document);
            },
            tags: async () => {
              asked.push(`${name} tags`);
              return tags === undefined ? fail(UNREACHABLE) : ok(Object.keys(tags));
            },
          };
        },
        signal: new AbortController().signal,
      }),
  };
}

function digestIn({ manifest }: TestImage): Digest {
  return manifest.descriptor.digest;
}

/** An image of these layers; its statement is this text. */
function imageOf(
  layers: readonly string[],
  about: Partial<ImageOnBase> & { readonly statement?: string },
): ImageOnBase {
  const { statement, ...more } = about;
  const bytes = Buffer.from(statement ?? "");
  const content = { digest: digestOf(bytes), size: bytes.length };
  return {
    platform: platform("linux/amd64"),
    store: storeOf({
      repository: { registry: "registry.example", path: "app" },
      blob: async () => ok(bytes),
    }),
    annotations: [],
    layers: layers.map((layer) => ({ digest: digestOf(Buffer.from(layer)) })),
    statements: async () => ok(statement === undefined ? [] : [{ predicateType: PROVENANCE, content }]),
    ...more,
  };
}

function provenanceOf(...materials: readonly object[]): string {
  return JSON.stringify({ predicateType: PROVENANCE, predicate: { materials } });
}

function material(purl: string, image: TestImage): object {
  return { uri: `pkg:docker/${purl}`, digest: { sha256: digestIn(image).slice("sha256:".length) } };
}

const old = makeImage(AMD64, ["base"]);
const mended = makeImage(AMD64, ["base", "mended"]);
const next = makeImage(AMD64, ["next"]);

test("annotations of the manifest come before those of the index", async () => {
  const { find } = worldOf({ "docker.io/library/node": { "22.3": old }, "docker.io/library/alpine": {} });
  const annotations = [{ [NAME]: "node:22.3", [DIGEST]: digestIn(old) }, { [NAME]: "alpine" }];
  const [found] = await find(imageOf(["base"], { annotations }));
  expect(found).toEqual({
    base: { name: "docker.io/library/node:22.3", digest: digestIn(old) },
    notes: [],
  });
});

test("a tag that names another image now, and a newer one, once for all platforms", async () => {
  const { find, asked } = worldOf({ "docker.io/library/node": { "22.3": mended, "22.4": next } });
  const image = imageOf(["base"], { annotations: [{ [NAME]: "node:22.3", [DIGEST]: digestIn(old) }] });
  const base = {
    name: "docker.io/library/node:22.3",
    digest: digestIn(old),
    moved: digestIn(mended),
    newerTag: "22.4",
  };
  expect(await find(image, image)).toEqual([
    { base, notes: [] },
    { base, notes: [] },
  ]);
  expect(asked).toEqual([
    "docker.io/library/node:22.3",
    `docker.io/library/node@${digestIn(mended)}`,
    "docker.io/library/node tags",
  ]);
});

test("a tag whose index still holds the platform's manifest has not moved", async () => {
  const index: TestImage = {
    ...old,
    manifest: makeDocument({
      schemaVersion: 2,
      mediaType: OCI.index,
      manifests: [{ ...old.manifest.descriptor, platform: AMD64 }],
    }),
  };
  const { find } = worldOf({ "docker.io/library/node": { "22.3": index } });
  const annotations = [{ [NAME]: "node:22.3", [DIGEST]: digestIn(old) }];
  const [found] = await find(imageOf(["base"], { annotations }));
  expect(found?.base?.moved).toBeUndefined();
});

test("of the images that a build used, not BuildKit's own, the one with the most of the lowest layers", async () => {
  const golang = makeImage(AMD64, ["go"]);
  const deeper = makeImage(AMD64, ["base", "node"]);
  const { find, asked } = worldOf({
    "docker.io/library/golang": { "1.22": golang },
    "docker.io/library/alpine": { "3.19": old },
    "docker.io/library/node": { "22.3": deeper },
  });
  const statement = provenanceOf(
    { uri: "https://github.com/team/app" },
    material("docker/dockerfile@1", next),
    material("golang@1.22?platform=linux%2Famd64", golang),
    material("alpine@3.19?platform=linux%2Famd64", old),
    material("node@22.3?platform=linux%2Famd64", deeper),
  );
  const [found] = await find(imageOf(["base", "node", "app"], { statement }));
  expect(found).toEqual({
    base: { name: "docker.io/library/node:22.3", digest: digestIn(deeper) },
    notes: [],
  });
  expect(asked.filter((each) => each.includes("docker/dockerfile"))).toEqual([]);
});

test("an image from scratch has none, whatever its build used", async () => {
  const golang = makeImage(AMD64, ["go"]);
  const { find } = worldOf({ "docker.io/library/golang": { "1.22": golang } });
  const statement = provenanceOf(material("golang@1.22", golang));
  expect(await find(imageOf(["server"], { statement }))).toEqual([{ notes: [] }]);
});

test("a registry that does not answer is a note", async () => {
  const { find } = worldOf({});
  const annotated = imageOf(["base"], { annotations: [{ [NAME]: "node:22.3", [DIGEST]: digestIn(old) }] });
  const attested = imageOf(["base"], { statement: provenanceOf(material("alpine@3.19", old)) });
  const [one, other] = await find(annotated, attested);
  expect(one).toEqual({
    base: { name: "docker.io/library/node:22.3", digest: digestIn(old) },
    notes: ["docker.io/library/node:22.3: the registry does not tell whether there is a newer base image"],
  });
  expect(other?.base).toBeUndefined();
  expect(other?.notes).toEqual([
    "the build used docker.io/library/alpine:3.19, which cannot be read: whether it is the base image is not known",
  ]);
});

test.each(["localhost:5000/base:1", "127.0.0.1:5000/base:1", "169.254.169.254/base:1", "[::1]:5000/base:1"])(
  "%s is not asked for an image that comes from elsewhere",
  async (name) => {
    const { find, asked } = worldOf({});
    const [host = ""] = name.split("/");
    const [found] = await find(imageOf(["base"], { annotations: [{ [NAME]: name }] }));
    expect(found).toEqual({ base: { name }, notes: [`${host} is not asked for a newer base image`] });
    const statement = provenanceOf(material(`${encodeURIComponent(host)}/base@1`, old));
    await find(imageOf(["base"], { statement }));
    expect(asked).toEqual([]);
    const store = storeOf({ repository: { registry: host, path: "app" } });
    await find(imageOf(["base"], { store, annotations: [{ [NAME]: name }] }));
    expect(asked).toEqual([`${host}/base tags`]);
  },
);

test.each([
  "",
  "[]",
  "null",
  JSON.stringify({ predicateType: PROVENANCE, predicate: { materials: "all" } }),
  JSON.stringify({ predicateType: PROVENANCE, predicate: { buildDefinition: { resolvedDependencies: 3 } } }),
  provenanceOf({ uri: 7 }, { uri: "pkg:docker/", digest: [] }, { uri: "pkg:docker/UPPER case@1" }),
])("hostile provenance: %s", async (statement) => {
  const { find, asked } = worldOf({});
  expect(await find(imageOf(["base"], { statement }))).toEqual([{ notes: [] }]);
  expect(asked).toEqual([]);
});

test("no more candidates are looked at than is reasonable", async () => {
  const { find, asked } = worldOf({});
  const materials = Array.from({ length: 500 }, (_, at) => material(`team/image${at}@1`, old));
  await find(imageOf(["base"], { statement: provenanceOf(...materials) }));
  expect(asked).toHaveLength(12);
});
