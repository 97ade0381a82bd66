import { describe, expect, test } from "vitest";
import type { Descriptor } from "../../../core/oci/descriptor.ts";
import type { Digest } from "../../../core/oci/digest.ts";
import { ok } from "../../../core/result.ts";
import { digestOf } from "../../../core/oci/digest-of.ts";
import { parseDocument } from "../../../core/oci/documents.ts";
import type { Store } from "../../../core/registry/store.ts";
import {
  findInStatements,
  readAttestations,
  readSboms,
  readStatements,
} from "../../../core/verify/attested-content.ts";
import {
  attestationDemand,
  attestationKind,
  findMissingAttestations,
  findStrayAttestations,
  type AttestedImage,
} from "../../../core/verify/attestations.ts";
import { packageArchitecture, packageFit } from "../../../core/verify/package-architecture.ts";
import { attestation, graphOf, provenance, sbom, SPDX, type TestStatement } from "../../support/attested.ts";
import { makeReferrer, pushGraph, type TestGraph } from "../../support/graphs.ts";
import { attestationEntry, makeDocument, makeImage, OCI } from "../../support/images.ts";
import { platform } from "../../support/make.ts";
import { memoryRegistry } from "../../support/memory-registry.ts";

const REPOSITORY = { registry: "localhost:5000", path: "team/app" };
const OTHER: Digest = digestOf(Buffer.from("another image"));
const arm64 = { os: "linux", architecture: "arm64" };

/** The store of a graph, and its first image. */
async function stored(graph: TestGraph) {
  const registry = memoryRegistry();
  await pushGraph(registry, REPOSITORY, graph);
  const [first] = graph.images;
  if (first === undefined) throw new Error("no image");
  const parsed = parseDocument(graph.index.bytes);
  if (!parsed.ok || parsed.value.kind !== "index") throw new Error("no index");
  const { digest } = first.manifest.descriptor;
  const image: AttestedImage = { reference: "app:1", digest, platform: platform("linux/arm64") };
  return { registry, store: registry.store(REPOSITORY), image, entries: parsed.value.manifests };
}

/** What is found in the statements about an image for linux/arm64. */
async function findingsOf(attest: (image: Digest) => readonly TestStatement[]) {
  const { store, image, entries } = await stored(graphOf({ config: arm64, attest }));
  const read = await readAttestations(store, image.digest, entries);
  if (!read.ok) throw new Error(read.error.kind);
  return findInStatements(image, read.value);
}

describe("what a plan demands", () => {
  test.each([
    [{ provenance: {}, sbom: {} }, "require", ["provenance", "sbom"], "error"],
    [{ provenance: {} }, "keep", ["provenance"], "warning"],
    [{ sbom: {} }, "require", ["sbom"], "error"],
    [{}, "require", [], "error"],
    [{ provenance: {}, sbom: {} }, "strip", [], "warning"],
  ] as const)("%o with %s: %o as %s", (attest, policy, kinds, severity) => {
    expect(attestationDemand(attest, policy)).toEqual({ kinds, severity });
  });
});

test.each([
  ["https://slsa.dev/provenance/v0.2", "provenance"],
  [SPDX, "sbom"],
  ["https://cyclonedx.org/bom/v1.6", "sbom"],
  ["https://openvex.dev/ns/v0.2.0", "other"],
  ["", "other"],
])("%s is about: %s", (type, kind) => {
  expect(attestationKind(type)).toBe(kind);
});

describe("which attestations there are", () => {
  test("an image without the demanded ones, each named", async () => {
    const { store, image, entries } = await stored(
      graphOf({ config: arm64, attest: (digest) => [provenance(digest)] }),
    );
    const read = await readAttestations(store, image.digest, entries);
    const statements = read.ok ? read.value : [];
    const demand = { kinds: ["provenance", "sbom"], severity: "error" } as const;
    expect(findMissingAttestations([image], statements, demand)).toMatchObject([
      {
        rule: "attestation-missing",
        severity: "error",
        message: "The image for linux/arm64 has no SBOM: nothing attests which packages are in it",
        image: { reference: "app:1", platform: arm64 },
        facts: [`image ${image.digest}`, "attestations https://slsa.dev/provenance/v1"],
      },
    ]);
    expect(findMissingAttestations([{ ...image, digest: OTHER }], statements, demand)).toHaveLength(2);
    expect(findMissingAttestations([image], statements, { kinds: [], severity: "error" })).toEqual([]);
  });

  test("an attestation of an image that is not in the index, or of none", () => {
    const image = makeImage(arm64).manifest.descriptor;
    const own = attestationEntry(attestation(provenance(image.digest)), image.digest);
    const stray = attestationEntry(attestation(provenance(OTHER)), OTHER);
    const bare = { ...own, annotations: { "vnd.docker.reference.type": "attestation-manifest" } };
    const parsed = parseDocument(
      makeDocument({ schemaVersion: 2, mediaType: OCI.index, manifests: [image, own, stray, bare] }).bytes,
    );
    if (!parsed.ok || parsed.value.kind !== "index") throw new Error("no index");
    expect(findStrayAttestations("app:1", parsed.value.manifests).map(({ facts }) => facts?.[1])).toEqual([
      `speaks of ${OTHER}`,
      "speaks of no image at all",
    ]);
  });
});

describe("what attestations say", () => {
  test("nothing is wrong with statements about the image, or about nothing in particular", async () => {
    const packages = ["libc6 2.36-9 arm64", "tzdata 2024a all", "odd 1 source", "java 1 noarch"];
    expect(await findingsOf((digest) => [provenance(digest), sbom(digest, ...packages)])).toEqual([]);
    expect(await findingsOf(() => [{ predicateType: SPDX, subjects: [] }])).toEqual([]);
  });

  test("a statement about another image", async () => {
    expect(await findingsOf(() => [provenance(OTHER)])).toMatchObject([
      {
        rule: "attestation-subject",
        severity: "error",
        message: "The provenance beside the image for linux/arm64 speaks of another image",
        facts: [{}, {}, "states https://slsa.dev/provenance/v1", `of ${OTHER}`, {}],
      },
    ]);
  });

  test("an SBOM of another platform, and one with a few foreign packages", async () => {
    expect(
      await findingsOf((digest) => [sbom(digest, "libc6 2.36-9 amd64", "tzdata 2024a all")]),
    ).toMatchObject([
      {
        rule: "sbom-architecture",
        severity: "error",
        message:
          "The SBOM of the image for linux/arm64 lists the packages of another platform: they are for amd64",
        facts: ["1 of 1 packages that are for one CPU", "libc6 2.36-9 (amd64)"],
      },
    ]);
    const many = Array.from({ length: 20 }, (_, at) => `own${at} 1 arm64`);
    const crossed = Array.from({ length: 7 }, (_, at) => `cross${at} 1 amd64`);
    expect(await findingsOf((digest) => [sbom(digest, ...many, ...crossed)])).toMatchObject([
      {
        severity: "warning",
        message: "The SBOM of the image for linux/arm64 lists packages for amd64",
        facts: ["7 of 27 packages that are for one CPU", {}, {}, {}, {}, {}, "and 2 more"],
      },
    ]);
  });

  test("32-bit packages beside 64-bit ones are fine, and only 32-bit ones are not", async () => {
    expect(await findingsOf((digest) => [sbom(digest, "a 1 arm64", "b 1 armhf")])).toEqual([]);
    expect(await findingsOf((digest) => [sbom(digest, "b 1 armhf", "c 1 all")])).toMatchObject([
      { rule: "sbom-architecture", severity: "error" },
    ]);
  });

  test("the base image that some SBOMs list is no package", async () => {
    const document = {
      bomFormat: "CycloneDX",
      components: [{ type: "application", name: "alpine", purl: "pkg:oci/alpine@3?arch=amd64" }],
    };
    expect(
      await findingsOf((digest) => [
        { predicateType: "https://cyclonedx.org/bom", subjects: [digest], predicate: document },
      ]),
    ).toEqual([]);
  });

  test("one that cannot be read is a warning, and one that is too large is not even asked for", async () => {
    const { image } = await stored(graphOf({ config: arm64 }));
    const asked: Digest[] = [];
    const store: Pick<Store, "blob"> = {
      blob: async ({ digest }) => {
        asked.push(digest);
        return { ok: true, value: Buffer.from("<html>") };
      },
    };
    const statement = (size: number) => ({
      kind: "sbom" as const,
      predicateType: SPDX,
      subject: image.digest,
      manifest: OTHER,
      content: { mediaType: "application/vnd.in-toto+json", digest: digestOf(Buffer.from(`${size}`)), size },
    });
    const read = await readStatements(store, [statement(7), statement(1e12)]);
    expect(asked).toEqual([digestOf(Buffer.from("7"))]);
    expect(findInStatements(image, read.ok ? read.value : [])).toMatchObject(
      [
        { rule: "attestation-subject", severity: "warning", message: /cannot be read: not JSON in UTF-8$/ },
        { rule: "attestation-subject", severity: "warning", message: /more than 67108864 are not read$/ },
      ].map(({ message, ...rest }) => ({ ...rest, message: expect.stringMatching(message) })),
    );
  });

  test("a kind that is not asked for is not read", async () => {
    const { store, image, entries } = await stored(
      graphOf({ config: arm64, attest: (digest) => [provenance(digest), sbom(digest, "a 1")] }),
    );
    const read = await readAttestations(store, image.digest, entries, { kinds: ["sbom"] });
    expect(read.ok && read.value.map(({ kind }) => kind)).toEqual(["sbom"]);
  });
});

describe("the SBOMs of an image", () => {
  test("those beside it in its index", async () => {
    const { store, image, entries } = await stored(
      graphOf({ config: arm64, attest: (digest) => [provenance(digest), sbom(digest, "a 1 arm64")] }),
    );
    expect(await readSboms(store, image.digest, entries)).toMatchObject({
      ok: true,
      value: [
        {
          format: "spdx",
          packages: [{ name: "a", version: "1", arch: "arm64" }],
          manifest: entries[1]?.digest,
        },
      ],
    });
  });

  test("those that refer to it, where none is beside it", async () => {
    const graph = graphOf({ config: arm64 });
    const { registry, store, image, entries } = await stored(graph);
    const document = { bomFormat: "CycloneDX", components: [{ type: "library", name: "b", version: "2" }] };
    const subject = graph.images[0]?.manifest;
    if (subject === undefined) throw new Error("no image");
    const listed = [
      ["application/vnd.example.signature", "no SBOM"],
      ["application/vnd.cyclonedx+json", JSON.stringify(document)],
    ].map(([artifactType = "", text = ""]): Descriptor => {
      const referrer = makeReferrer(subject, text);
      registry.push(REPOSITORY, referrer);
      return { ...referrer.manifest.descriptor, artifactType };
    });
    const referring = { ...store, referrers: async () => ok(listed) };
    expect(await readSboms(referring, image.digest, entries)).toMatchObject({
      ok: true,
      value: [{ format: "cyclonedx", packages: [{ name: "b", version: "2" }], manifest: listed[1]?.digest }],
    });
  });
});

describe("names of CPUs in packages", () => {
  test.each([
    ["amd64", "amd64"],
    ["x86_64", "amd64"],
    ["aarch64", "arm64"],
    ["armhf", "arm"],
    ["armv7hl", "arm"],
    ["i686", "386"],
    ["ppc64el", "ppc64le"],
    ["s390x", "s390x"],
    ["riscv64", "riscv64"],
    ["all", undefined],
    ["noarch", undefined],
    ["any", undefined],
    ["", undefined],
    ["src", undefined],
  ])("%s is %s", (name, expected) => {
    expect(packageArchitecture(name)).toBe(expected);
  });

  test.each([
    ["amd64", "linux/amd64/v3", "own"],
    ["386", "linux/amd64", "compatible"],
    ["arm", "linux/arm/v6", "own"],
    ["arm", "linux/arm64/v8", "compatible"],
    ["amd64", "linux/386", "foreign"],
    ["ppc64", "linux/ppc64le", "foreign"],
  ])("%s on %s: %s", (architecture, on, fit) => {
    expect(packageFit(architecture, platform(on))).toBe(fit);
  });
});
