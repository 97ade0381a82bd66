import { seed } from "./fault-matrix-audit.ts";
import { attestationEntry, makeAttestation, makeDocument, OCI, packImage, type TestImage } from "./images.ts";
import { tarball } from "./tarball.ts";
import type { Document } from "../../core/oci/descriptor.ts";

/** A variant as BuildKit pushes it: an index of one image and its provenance. */
export interface PushedVariant {
  readonly platform: string;
  readonly index: Document;
  readonly image: TestImage;
  readonly attestation: TestImage;
  readonly entries: readonly object[];
}

/** Makes one. It has one layer, so that whoever looks into it asks in the same order every time. */
function makePushed(architecture: string): PushedVariant {
  const layer = tarball([{ name: "etc/motd", content: `hello, ${architecture}` }]);
  const image = packImage({ os: "linux", architecture }, [layer]);
  const attestation = makeAttestation(`https://provenance.example/${architecture}`);
  const platform = { os: "linux", architecture };
  const entries = [
    { ...image.manifest.descriptor, platform },
    attestationEntry(attestation, image.manifest.descriptor.digest),
  ];
  const index = makeDocument({ schemaVersion: 2, mediaType: OCI.index, manifests: entries });
  return { platform: `linux/${architecture}`, index, image, attestation, entries };
}

/** Two variants, and the whole of which they are the parts. */
export const VARIANTS: readonly PushedVariant[] = ["amd64", "arm64"].map(makePushed);

/** An index of the first variant alone, unlike that of any other case. */
export function smallerIndex(id: string): Document {
  const annotations = { "org.example.older": id };
  const [manifests = []] = VARIANTS.map(({ entries }) => entries);
  return makeDocument({ schemaVersion: 2, mediaType: OCI.index, manifests, annotations });
}

/** All blobs of both variants, each once. */
function allBlobs(): readonly Uint8Array[] {
  const blobs = VARIANTS.flatMap(({ image, attestation }) =>
    [image, attestation].flatMap(({ config, layers }) => [config, ...layers]),
  );
  return [...new Map(blobs.map((blob) => [blob.toString("latin1"), blob])).values()];
}

/** Puts both variants into a repository, by digest. */
export async function seedVariants(host: string, repository: string): Promise<void> {
  const children = VARIANTS.flatMap(({ image, attestation }) => [image.manifest, attestation.manifest]);
  const documents = [...children, ...VARIANTS.map(({ index }) => index)];
  const manifests = documents.map((each) => manifestOf(each, each.descriptor.digest));
  await seed(host, repository, { blobs: allBlobs(), manifests });
}

/** Lets tags name an index whose content is there. */
export async function seedTags(
  host: string,
  repository: string,
  tags: readonly string[],
  index: Document,
): Promise<void> {
  await seed(host, repository, { blobs: [], manifests: tags.map((tag) => manifestOf(index, tag)) });
}

function manifestOf(
  { descriptor, bytes }: Document,
  reference: string,
): { readonly reference: string; readonly mediaType: string; readonly bytes: Uint8Array } {
  return { reference, mediaType: descriptor.mediaType, bytes };
}
