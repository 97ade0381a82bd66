/** Reads what stands below an index, far enough to verify it: manifests anew, because they must be there; configs from memory. */
import type { DocumentMemory } from "../layers/layer.ts";
import { normalizePlatform, type Platform } from "../../platforms/platform.ts";
import { Slots } from "../concurrent.ts";
import type { Finding, ImagePlace } from "../findings/finding.ts";
import { isAttestation } from "../oci/attestation.ts";
import type { Descriptor } from "../oci/descriptor.ts";
import { digestOf } from "../oci/digest-of.ts";
import type { Digest } from "../oci/digest.ts";
import {
  parseDocument,
  parseImageConfig,
  type ImageConfig,
  type Index,
  type Manifest,
} from "../oci/documents.ts";
import { isImageConfig, isIndex, isManifest } from "../oci/media-type.ts";
import { isAbsent } from "../publish/transfer-graph.ts";
import type { Store, StoreFailure } from "../registry/store.ts";
import { fail, ok, type Result } from "../result.ts";
import { statementsIn, type AttestedStatement } from "../verify/attestations.ts";

/** Requests under way at the same time. */
const CONCURRENCY = 8;
/** No index of images has more: each platform, with an attestation. */
const MAX_ENTRIES = 512;
const MAX_MANIFEST_BYTES = 64 * 1024 * 1024;
/** Larger blobs are not worth a place in the memory. */
const MAX_REMEMBERED_BYTES = 4 * 1024 * 1024;

/** An image whose documents were read. */
export interface ReadImage {
  readonly digest: Digest;
  readonly platform: Platform;
  readonly manifest: Manifest;
  readonly config: ImageConfig;
}

/** What stands below an index or is a single image. */
export interface ReadChildren {
  readonly images: readonly ReadImage[];
  readonly statements: readonly AttestedStatement[];
  readonly findings: readonly Finding[];
}

/** Where things are read from. */
export interface Source {
  readonly store: Store;
  /** As findings name it. */
  readonly name: string;
  readonly documents: DocumentMemory;
  readonly signal: AbortSignal;
}

/** Small blobs out of the memory where it has them; what is read besides is put there. */
export function rememberBlobs(store: Store, documents: DocumentMemory): Pick<Store, "blob"> {
  return {
    blob: async (descriptor, options) => {
      const { digest } = descriptor;
      const known = await documents.get(digest);
      if (known !== undefined && digestOf(known, digest) === digest) return ok(known);
      const read = await store.blob(descriptor, options);
      if (read.ok && read.value.length <= MAX_REMEMBERED_BYTES) await documents.put(digest, read.value);
      return read;
    },
  };
}

/** Reads all entries of an index. A child that is absent or odd is a finding; a store that does not answer is a failure. */
export async function readChildren(
  source: Source,
  index: Index,
): Promise<Result<ReadChildren, StoreFailure>> {
  const slots = new Slots(CONCURRENCY);
  const budget = { bytes: MAX_MANIFEST_BYTES };
  const entries = index.manifests.slice(0, MAX_ENTRIES);
  const read = await Promise.all(entries.map((entry) => slots.hold(() => readEntry(source, entry, budget))));
  const failed = read.find((each) => !each.ok);
  if (failed?.ok === false) return failed;
  const all = read.flatMap((each) => (each.ok ? [each.value] : []));
  const dropped = index.manifests.length - entries.length;
  return ok({
    images: all.flatMap(({ image }) => image ?? []),
    statements: all.flatMap(({ statements }) => statements ?? []),
    findings: [
      ...all.flatMap(({ finding }) => finding ?? []),
      ...(dropped > 0 ? [unreadable(source, `${dropped} entries more than are looked at`)] : []),
    ],
  });
}

/** Reads the config of an image, which says what it is for; `detail` tells why it is none that can be run. */
export async function readSingle(
  source: Source,
  digest: Digest,
  manifest: Manifest,
): Promise<Result<ReadImage | { readonly detail: string }, StoreFailure>> {
  if (!isImageConfig(manifest.config.mediaType))
    return ok({ detail: `an artifact, whose config is ${manifest.config.mediaType}` });
  const blob = await readConfig(source, manifest);
  if (!blob.ok) return blob;
  const config = parseImageConfig(blob.value);
  if (!config.ok) return ok({ detail: config.error.detail });
  const platform = normalizePlatform(config.value.platform);
  return ok({ digest, platform, manifest, config: config.value });
}

interface ReadEntry {
  readonly image?: ReadImage;
  readonly statements?: readonly AttestedStatement[];
  readonly finding?: Finding;
}

async function readEntry(
  source: Source,
  entry: Descriptor,
  budget: { bytes: number },
): Promise<Result<ReadEntry, StoreFailure>> {
  const { digest, mediaType } = entry;
  if (isIndex(mediaType)) return ok({ finding: nested(source, entry) });
  if (!isManifest(mediaType))
    return ok({ finding: unreadable(source, `it is no image (${mediaType})`, entry, "note") });
  if (budget.bytes <= 0)
    return ok({ finding: unreadable(source, "its manifests take too much room", entry) });
  const read = await source.store.manifest(digest, source.signal);
  // Only the store's own word makes a child absent; any other failure means that we do not know.
  if (!read.ok) return isAbsent(read.error) ? ok({ finding: absent(source, entry) }) : read;
  budget.bytes -= read.value.bytes.length;
  const parsed = parseDocument(read.value.bytes);
  if (!parsed.ok) return ok({ finding: unreadable(source, parsed.error.detail, entry) });
  if (parsed.value.kind === "index") return ok({ finding: nested(source, entry) });
  if (isAttestation(entry)) return ok({ statements: statementsIn(entry, parsed.value.layers) });
  return await readImage(source, entry, parsed.value);
}

async function readImage(
  source: Source,
  entry: Descriptor,
  manifest: Manifest,
): Promise<Result<ReadEntry, StoreFailure>> {
  const read = await readSingle(source, entry.digest, manifest);
  if (!read.ok)
    return isAbsent(read.error)
      ? ok({ finding: unreadable(source, `its config ${manifest.config.digest} is not there`, entry) })
      : read;
  if ("detail" in read.value) return ok({ finding: unreadable(source, read.value.detail, entry) });
  const { platform } = entry;
  return platform === undefined
    ? ok({ image: read.value, finding: unlabelled(source, read.value) })
    : ok({ image: { ...read.value, platform: normalizePlatform(platform) } });
}

async function readConfig(
  { store, documents, signal }: Source,
  { config }: Manifest,
): Promise<Result<Uint8Array, StoreFailure>> {
  const read = await rememberBlobs(store, documents).blob(config, { signal });
  return read.ok ? read : fail(read.error);
}

function placeOf({ name }: Source, { platform }: Pick<Descriptor, "platform">): ImagePlace {
  return { reference: name, ...(platform === undefined ? {} : { platform: normalizePlatform(platform) }) };
}

function absent(source: Source, entry: Descriptor): Finding {
  const what = isAttestation(entry) ? "an attestation" : "an image";
  return {
    rule: "child-missing",
    severity: "error",
    message: `The index names ${what} that is not there`,
    image: placeOf(source, isAttestation(entry) ? {} : entry),
    facts: [`missing ${entry.digest}`],
    fix: "Push or copy it again; registries may have cleaned it up because no tag names it.",
  };
}

function nested(source: Source, entry: Descriptor): Finding {
  return {
    rule: "child-unreadable",
    severity: "warning",
    message: "The index holds another index, which most clients cannot pull from",
    image: placeOf(source, entry),
    facts: [`entry ${entry.digest}`],
    fix: "Make one flat index: `buildx-plan stitch` takes the images of an index, and not the index.",
  };
}

function unreadable(
  source: Source,
  detail: string,
  entry?: Descriptor,
  severity: Finding["severity"] = "error",
): Finding {
  return {
    rule: "child-unreadable",
    severity,
    message: `An entry of the index is not looked into: ${detail}`,
    image: placeOf(source, entry ?? {}),
    ...(entry === undefined ? {} : { facts: [`entry ${entry.digest}`] }),
    fix: "Build and push it again, or make the index without it.",
  };
}

function unlabelled(source: Source, { digest, platform }: ReadImage): Finding {
  return {
    rule: "platform-label",
    severity: "warning",
    message: "The index does not say for which platform an image is; its config does",
    image: placeOf(source, { platform }),
    facts: [`image ${digest}`],
    fix: "Make the index anew with the platform of each image: `buildx-plan stitch`.",
  };
}
