import type { Descriptor } from "../../core/oci/descriptor.ts";
import type { PublishedManifest } from "../../core/publish/confirm.ts";
import type { StagingRecord } from "../../core/staging/staged.ts";
import {
  attestationEntry,
  makeAttestation,
  makeDocument,
  makeImage,
  OCI,
  type MediaTypes,
  type TestImage,
} from "./images.ts";
import { parseDocument } from "../../core/oci/documents.ts";

/** The variant that is staged here, and the tag that it gets. */
export const STAGED_VARIANT = { id: "app linux/arm64", platform: { os: "linux", architecture: "arm64" } };
export const STAGED_TAG = `buildx-plan-staging.linux-arm64.${"0123456789ab".repeat(2)}`;

/** A record with every field filled; a test changes what it is about. */
export function stagingRecord(changes: Partial<StagingRecord> = {}): StagingRecord {
  return {
    variant: STAGED_VARIANT.id,
    plan: "c".repeat(64),
    inputs: `sha256:${"1".repeat(64)}`,
    revision: "0123456789abcdef",
    route: { node: "arm", execution: "native", buildkitVersion: "v0.33.1" },
    durationMs: 61_234,
    stagedAt: "2026-11-29T10:00:00.000Z",
    gates: "1.abc",
    checked: '{"format":1,"layers":1,"unread":[],"told":[]}',
    ...changes,
  };
}

/** An image with an attestation, and its entries in the index of its release. */
export interface StagedImage {
  readonly image: TestImage;
  readonly attestation: TestImage;
  readonly published: Pick<PublishedManifest, "manifest" | "attestations">;
}

/** Makes one for linux/arm64. */
export function stagedImage(layer = "layer", types: MediaTypes = OCI): StagedImage {
  const image = makeImage(STAGED_VARIANT.platform, [layer], types);
  const attestation = makeAttestation(`https://slsa.dev/provenance/v1#${layer}`);
  const { digest } = image.manifest.descriptor;
  const annotations = { "dev.example.note": "<kept>" };
  const manifest: Descriptor = {
    ...image.manifest.descriptor,
    platform: STAGED_VARIANT.platform,
    ...(types === OCI ? { annotations } : {}),
  };
  return {
    image,
    attestation,
    published: {
      manifest,
      attestations: types === OCI ? entriesOf(attestationEntry(attestation, digest)) : [],
    },
  };
}

/** Entries of an index as whoever reads it has them. */
function entriesOf(entry: object): readonly Descriptor[] {
  const { bytes } = makeDocument({ schemaVersion: 2, mediaType: OCI.index, manifests: [entry] });
  const parsed = parseDocument(bytes);
  if (!parsed.ok || parsed.value.kind !== "index") throw new Error("no index");
  return parsed.value.manifests;
}
