import { gunzipSync } from "node:zlib";
import { digestOf } from "../../core/oci/digest-of.ts";
import type { Digest } from "../../core/oci/digest.ts";
import type { Document } from "../../core/oci/descriptor.ts";
import type { FakeRegistry } from "./fake-registry.ts";

/** A small image of one platform: its blobs, and the manifest that names them. */
export interface TestImage {
  readonly config: Buffer;
  readonly layers: readonly Buffer[];
  readonly manifest: Document;
}

/** How an image spells its media types. */
export interface MediaTypes {
  readonly index: string;
  readonly manifest: string;
  readonly config: string;
  readonly layer: string;
}

export const OCI: MediaTypes = {
  index: "application/vnd.oci.image.index.v1+json",
  manifest: "application/vnd.oci.image.manifest.v1+json",
  config: "application/vnd.oci.image.config.v1+json",
  layer: "application/vnd.oci.image.layer.v1.tar+gzip",
};

export const DOCKER: MediaTypes = {
  index: "application/vnd.docker.distribution.manifest.list.v2+json",
  manifest: "application/vnd.docker.distribution.manifest.v2+json",
  config: "application/vnd.docker.container.image.v1+json",
  layer: "application/vnd.docker.image.rootfs.diff.tar.gzip",
};

/** Makes an image whose layers hold these texts; `platform` is in the spelling of image configs. */
export function makeImage(
  platform: Readonly<Record<string, unknown>>,
  layers: readonly string[] = ["layer"],
  types: MediaTypes = OCI,
): TestImage {
  const config = Buffer.from(JSON.stringify({ ...platform, rootfs: { type: "layers", diff_ids: [] } }));
  const contents = layers.map((text) => Buffer.from(text));
  const manifest = makeDocument({
    schemaVersion: 2,
    mediaType: types.manifest,
    config: describe(config, types.config),
    layers: contents.map((content) => describe(content, types.layer)),
  });
  return { config, layers: contents, manifest };
}

/** Makes an image of real layers, gzipped tar files, with the digests of what is in them. */
export function packImage(platform: Readonly<Record<string, unknown>>, layers: readonly Buffer[]): TestImage {
  const diffIds = layers.map((layer) => digestOf(gunzipSync(layer)));
  const config = Buffer.from(JSON.stringify({ ...platform, rootfs: { type: "layers", diff_ids: diffIds } }));
  const manifest = makeDocument({
    schemaVersion: 2,
    mediaType: OCI.manifest,
    config: describe(config, OCI.config),
    layers: layers.map((layer) => describe(layer, OCI.layer)),
  });
  return { config, layers, manifest };
}

/** Makes an attestation manifest as BuildKit does, with one in-toto layer. */
export function makeAttestation(predicateType: string): TestImage {
  const config = Buffer.from('{"architecture":"unknown","os":"unknown"}');
  const layer = Buffer.from(JSON.stringify({ predicateType }));
  const annotations = { "in-toto.io/predicate-type": predicateType };
  const manifest = makeDocument({
    schemaVersion: 2,
    mediaType: OCI.manifest,
    config: describe(config, OCI.config),
    layers: [{ ...describe(layer, "application/vnd.in-toto+json"), annotations }],
  });
  return { config, layers: [layer], manifest };
}

/** The entry of an attestation manifest in an index, as BuildKit writes it. */
export function attestationEntry(attestation: TestImage, subject: Digest): object {
  return {
    ...attestation.manifest.descriptor,
    annotations: {
      "vnd.docker.reference.digest": subject,
      "vnd.docker.reference.type": "attestation-manifest",
    },
    platform: { architecture: "unknown", os: "unknown" },
  };
}

/** Serialises a document and describes the bytes. */
export function makeDocument(value: {
  readonly mediaType: string;
  readonly [key: string]: unknown;
}): Document {
  const bytes = Buffer.from(JSON.stringify(value));
  return { bytes, descriptor: describe(bytes, value.mediaType) };
}

function describe(
  bytes: Buffer,
  mediaType: string,
): { readonly mediaType: string; readonly digest: Digest; readonly size: number } {
  return { mediaType, digest: digestOf(bytes), size: bytes.length };
}

/** Stores an image's blobs and manifest in a fake registry. */
export function addImage(fake: FakeRegistry, repository: string, image: TestImage): void {
  for (const bytes of [image.config, ...image.layers]) fake.addBlob(bytes);
  fake.addManifest(repository, Buffer.from(image.manifest.bytes).toString("utf8"));
}
