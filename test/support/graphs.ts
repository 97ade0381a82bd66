import type { Document } from "../../core/oci/descriptor.ts";
import type { Repository } from "../../core/oci/reference.ts";
import {
  attestationEntry,
  makeAttestation,
  makeDocument,
  makeImage,
  OCI,
  type MediaTypes,
  type TestImage,
} from "./images.ts";
import type { MemoryRegistry } from "./memory-registry.ts";

/** An index with its images and attestations, and everything else that may hang on it. */
export interface TestGraph {
  readonly index: Document;
  readonly images: readonly TestImage[];
}

const PLATFORMS = [
  { os: "linux", architecture: "amd64" },
  { os: "linux", architecture: "arm64" },
  { os: "linux", architecture: "arm", variant: "v7" },
  { os: "linux", architecture: "386" },
  { os: "linux", architecture: "ppc64le" },
  { os: "linux", architecture: "s390x" },
];

/** Six platforms with an attestation each, as a release has them: 13 manifests; `seed` makes them different from others. */
export function releaseGraph(seed = "", platforms = 6): TestGraph {
  const images = PLATFORMS.slice(0, platforms).map((platform) =>
    makeImage(platform, [`base${seed}`, `${seed}${JSON.stringify(platform)}`]),
  );
  const attestations = images.map((_, at) => makeAttestation(`https://slsa.dev/provenance/v1#${seed}${at}`));
  const manifests = [
    ...images.map((image, at) => ({ ...image.manifest.descriptor, platform: PLATFORMS[at] })),
    ...images.map((image, at) =>
      attestationEntry(attestations[at] ?? image, image.manifest.descriptor.digest),
    ),
  ];
  const index = makeDocument({ schemaVersion: 2, mediaType: OCI.index, manifests });
  return { index, images: [...images, ...attestations] };
}

/** Something that refers to a manifest: a signature, say. */
export function makeReferrer(subject: Document, content: string, types: MediaTypes = OCI): TestImage {
  const image = makeImage({}, [content], { ...types, config: "application/vnd.example.signature.v1+json" });
  const document: unknown = JSON.parse(Buffer.from(image.manifest.bytes).toString("utf8"));
  const manifest = makeDocument({
    mediaType: types.manifest,
    ...(typeof document === "object" ? document : {}),
    subject: subject.descriptor,
  });
  return { ...image, manifest };
}

/** Puts a graph into a registry in memory, under a tag. */
export async function pushGraph(
  registry: MemoryRegistry,
  repository: Repository,
  { index, images }: TestGraph,
  tag = "v1",
): Promise<void> {
  for (const image of images) registry.push(repository, image);
  const put = await registry.store(repository).putManifest(tag, index);
  if (!put.ok) throw new Error(put.error.kind);
}
