import type { Descriptor, Document } from "../../core/oci/descriptor.ts";
import type { Digest } from "../../core/oci/digest.ts";
import type { ConfirmedImage, PublishedManifest } from "../../core/publish/confirm.ts";
import type { Store, StoreFailure } from "../../core/registry/store.ts";
import { ok, type Result } from "../../core/result.ts";
import { stage, type Staged } from "../../core/staging/hold.ts";
import { readSlot, slotOf } from "../../core/staging/slots.ts";
import type { StagingRecord } from "../../core/staging/staged.ts";
import { stagingIndex } from "../../core/staging/staging-index.ts";
import {
  confirmSlot,
  readSlots,
  type SlotToConfirm,
  type StagingLookup,
} from "../../core/staging/staging.ts";
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

type Published = StagedImage["published"];

/** For whoever waits: no time passes, and none is needed. */
export const NO_TIME = { now: () => 0, timing: { sleep: async () => undefined } };

/** The index of a single slot. */
export function stagedDocument(published: Published, record: StagingRecord): Document {
  return stagingIndex([slotOf(published, record)]).document;
}

/** Stages an image that is there already. */
export async function stageImage(
  store: Store,
  {
    tag = STAGED_TAG,
    published,
    record,
  }: Readonly<{ tag?: string; published: Published; record: StagingRecord }>,
): Promise<Staged> {
  const put = await stage(store, { tag, slot: slotOf(published, record) }, NO_TIME);
  if (!put.ok) throw new Error(put.error.kind);
  return put.value;
}

/** What is under the tag, for a run that takes the newest slot whatever it was made of. */
export type Newest =
  | {
      readonly kind: "staged";
      readonly published: ConfirmedImage;
      readonly record: StagingRecord;
      readonly digest: Digest;
    }
  | Exclude<StagingLookup, { readonly kind: "slots" }>;

/** Reads the tag, and reads back what its newest slot names. */
export async function findNewest(
  store: Store,
  {
    tag = STAGED_TAG,
    variant = STAGED_VARIANT,
  }: Partial<Pick<SlotToConfirm, "variant">> & { readonly tag?: string } = {},
): Promise<Result<Newest, StoreFailure>> {
  const read = await readSlots(store, tag);
  if (!read.ok) return read;
  if (read.value.kind !== "slots") return ok(read.value);
  const { slots, digest } = read.value;
  const [newest] = slots;
  const staged = newest === undefined ? undefined : readSlot(newest);
  if (staged?.ok !== true) throw new Error("there is no slot that can be read");
  const found = await confirmSlot(store, { staged: staged.value, digest, variant, timing: NO_TIME.timing });
  if (!found.ok) return found;
  if (found.value.kind === "unusable") return ok(found.value);
  return ok({ kind: "staged", published: found.value.image, record: staged.value.record, digest });
}
