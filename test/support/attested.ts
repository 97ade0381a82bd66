import type { Digest } from "../../core/oci/digest.ts";
import { digestOf } from "../../core/oci/digest-of.ts";
import { attestationEntry, makeDocument, makeImage, OCI, type TestImage } from "./images.ts";
import type { TestGraph } from "./graphs.ts";

export const PROVENANCE = "https://slsa.dev/provenance/v1";
export const SPDX = "https://spdx.dev/Document";

/** Something that is attested: a predicate with the digests that it speaks of. */
export interface TestStatement {
  readonly predicateType: string;
  readonly subjects: readonly Digest[];
  readonly predicate?: unknown;
}

/** A package as test SBOMs list it: `libc6 2.36-9 amd64`. */
export function spdxOf(...packages: readonly string[]): object {
  return {
    spdxVersion: "SPDX-2.3",
    packages: packages.map((text) => {
      const [name = "", versionInfo = "", arch = "all"] = text.split(" ");
      const referenceLocator = `pkg:deb/debian/${name}@${versionInfo}?arch=${arch}`;
      return { name, versionInfo, externalRefs: [{ referenceType: "purl", referenceLocator }] };
    }),
  };
}

/** An SBOM of an image, as BuildKit's scanner states it. */
export function sbom(subject: Digest, ...packages: readonly string[]): TestStatement {
  return { predicateType: SPDX, subjects: [subject], predicate: spdxOf(...packages) };
}

export function provenance(subject: Digest): TestStatement {
  return { predicateType: PROVENANCE, subjects: [subject], predicate: { builder: {} } };
}

/** An attestation manifest as BuildKit lays it out: a layer for each statement, which names its predicate type. */
export function attestation(...statements: readonly TestStatement[]): TestImage {
  const config = Buffer.from('{"architecture":"unknown","os":"unknown"}');
  const layers = statements.map(({ predicateType, subjects, predicate = {} }) =>
    Buffer.from(
      JSON.stringify({
        _type: "https://in-toto.io/Statement/v0.1",
        predicateType,
        subject: subjects.map((digest) => ({ name: "pkg:docker/app@1", digest: digestMap(digest) })),
        predicate,
      }),
    ),
  );
  const manifest = makeDocument({
    schemaVersion: 2,
    mediaType: OCI.manifest,
    config: { mediaType: OCI.config, digest: digestOf(config), size: config.length },
    layers: layers.map((layer, at) => ({
      mediaType: "application/vnd.in-toto+json",
      digest: digestOf(layer),
      size: layer.length,
      annotations: { "in-toto.io/predicate-type": statements[at]?.predicateType },
    })),
  });
  return { config, layers, manifest };
}

/** A platform of a graph: what its config says, what the index says where that differs, and what is attested. */
export interface TestPlatform {
  readonly config: Readonly<Record<string, unknown>>;
  readonly label?: Readonly<Record<string, unknown>> | null;
  readonly layers?: readonly string[];
  /** In place of one that is made from config and layers. */
  readonly image?: TestImage;
  /** Of the image that is attested; none: no attestation. */
  readonly attest?: (image: Digest) => readonly TestStatement[];
}

/** An index of images and their attestations, in BuildKit's order. */
export function graphOf(...platforms: readonly TestPlatform[]): TestGraph {
  const images = platforms.map(({ config, layers, image }) => image ?? makeImage(config, layers));
  const entries = images.map(({ manifest }, at) => {
    const { config, label = config } = platforms[at] ?? { config: {} };
    return { ...manifest.descriptor, ...(label === null ? {} : { platform: label }) };
  });
  const attested = images.flatMap(({ manifest }, at) => {
    const { digest } = manifest.descriptor;
    const statements = platforms[at]?.attest?.(digest);
    return statements === undefined ? [] : [{ subject: digest, image: attestation(...statements) }];
  });
  const manifests = [...entries, ...attested.map(({ subject, image }) => attestationEntry(image, subject))];
  return {
    index: makeDocument({ schemaVersion: 2, mediaType: OCI.index, manifests }),
    images: [...images, ...attested.map(({ image }) => image)],
  };
}

function digestMap(digest: Digest): Readonly<Record<string, string>> {
  const [algorithm = "", hex = ""] = digest.split(":");
  return { [algorithm]: hex };
}
