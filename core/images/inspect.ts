import { normalizePlatform, type Platform } from "../../platforms/platform.ts";
import { Slots } from "../concurrent.ts";
import { attestedDigest, isAttestation } from "../oci/attestation.ts";
import type { Descriptor, Document } from "../oci/descriptor.ts";
import type { Digest } from "../oci/digest.ts";
import { parseDocument, parseImageConfig, type Index, type Manifest } from "../oci/documents.ts";
import type {
  InspectedAttestation,
  InspectedImage,
  InspectedPlatform,
  InspectFailure,
  ListedPlatforms,
  Oddity,
  SharedLayer,
} from "./inspected-image.ts";
import { isImageConfig, isIndex, isManifest } from "../oci/media-type.ts";
import { isAbsent } from "../publish/transfer-graph.ts";
import type { Store, StoreFailure } from "../registry/store.ts";
import { fail, ok, type Result } from "../result.ts";

/** Requests under way at the same time. */
const CONCURRENCY = 8;

/** What is to be looked at: a tag or digest of a store, and what it is called. */
export interface Inspected {
  readonly store: Store;
  /** Tag or digest. */
  readonly reference: string;
  /** As it is shown. */
  readonly name: string;
}

/** Reads an image or index with everything below it, down to but without the layers. */
export async function inspectImage(
  inspected: Inspected,
  signal?: AbortSignal,
): Promise<Result<InspectedImage, InspectFailure>> {
  const reader = createReader(inspected.store, signal);
  const read = await readRoot(reader, inspected);
  if (!read.ok) return read;
  const { descriptor, document } = read.value;
  const contents =
    document.kind === "index"
      ? await readIndex(reader, document)
      : await readSingle(reader, descriptor, document);
  if (!contents.ok) return contents;
  const { mediaType, annotations } = document;
  const sharedLayers = findShared(contents.value.platforms);
  const { digest } = descriptor;
  return ok({ reference: inspected.name, mediaType, digest, annotations, ...contents.value, sharedLayers });
}

/** Lists platforms and their digests from the index alone: one request, and one more for the config of a single image. */
export async function listPlatforms(
  inspected: Inspected,
  signal?: AbortSignal,
): Promise<Result<ListedPlatforms, InspectFailure>> {
  const reader = createReader(inspected.store, signal);
  const read = await readRoot(reader, inspected);
  if (!read.ok) return read;
  const { descriptor, document } = read.value;
  const about = { reference: inspected.name, mediaType: document.mediaType, digest: descriptor.digest };
  if (document.kind === "index") {
    const images = document.manifests.filter((entry) => !isAttestation(entry));
    return ok({ ...about, platforms: images.map(listEntry) });
  }
  const platform = await platformOf(reader, {}, document);
  if (!platform.ok) return platform;
  const told = platform.value === undefined ? {} : { platform: platform.value };
  return ok({ ...about, platforms: [{ digest: descriptor.digest, ...told }] });
}

function listEntry({ digest, platform }: Descriptor): ListedPlatforms["platforms"][number] {
  return { digest, ...(platform === undefined ? {} : { platform: normalizePlatform(platform) }) };
}

async function readRoot(
  reader: Reader,
  { reference, name }: Inspected,
): Promise<Result<{ readonly descriptor: Descriptor; readonly document: Index | Manifest }, InspectFailure>> {
  const read = await reader.manifest(reference);
  if (!read.ok) return read;
  const { descriptor } = read.value;
  const parsed = parseDocument(read.value.bytes);
  if (parsed.ok) return ok({ descriptor, document: parsed.value });
  const { detail } = parsed.error;
  return fail({ kind: "not-an-image", reference: name, digest: descriptor.digest, detail });
}

interface Contents {
  readonly platforms: readonly InspectedPlatform[];
  readonly oddities: readonly Oddity[];
}

interface Reader {
  manifest(reference: string): Promise<Result<Document, StoreFailure>>;
  blob(descriptor: Descriptor): Promise<Result<Uint8Array, StoreFailure>>;
}

function createReader(store: Store, signal: AbortSignal | undefined): Reader {
  const slots = new Slots(CONCURRENCY);
  return {
    manifest: (reference) => slots.hold(() => store.manifest(reference, signal)),
    blob: (descriptor) => slots.hold(() => store.blob(descriptor, signal === undefined ? {} : { signal })),
  };
}

async function readSingle(
  reader: Reader,
  descriptor: Descriptor,
  manifest: Manifest,
): Promise<Result<Contents, StoreFailure>> {
  const platform = await platformOf(reader, {}, manifest);
  if (!platform.ok) return platform;
  return ok({ platforms: [describeImage(descriptor, manifest, platform.value)], oddities: [] });
}

/** What an entry of an index turned out to be. */
type Entry =
  | { readonly kind: "image"; readonly image: InspectedPlatform; readonly oddities: readonly Oddity[] }
  | {
      readonly kind: "attestation";
      readonly subject?: Digest;
      readonly statements: readonly InspectedAttestation[];
    }
  | { readonly kind: "odd"; readonly oddity: Oddity };

async function readIndex(reader: Reader, index: Index): Promise<Result<Contents, StoreFailure>> {
  const read = await Promise.all(index.manifests.map((entry) => readEntry(reader, entry)));
  const entries: Entry[] = [];
  for (const result of read) {
    if (!result.ok) return result;
    entries.push(result.value);
  }
  const images = entries.flatMap((entry) => (entry.kind === "image" ? [entry.image] : []));
  const digests = images.map(({ digest }) => digest);
  const platforms = images.map((image) => ({ ...image, attestations: statementsOf(image.digest, entries) }));
  return ok({
    platforms,
    oddities: index.manifests.flatMap((entry, at) => odditiesOf(entry, entries[at], digests)),
  });
}

async function readEntry(reader: Reader, entry: Descriptor): Promise<Result<Entry, StoreFailure>> {
  const { digest, mediaType } = entry;
  if (isIndex(mediaType)) return ok({ kind: "odd", oddity: { kind: "nested-index", digest } });
  if (!isManifest(mediaType))
    return ok({ kind: "odd", oddity: { kind: "foreign-entry", digest, mediaType } });
  const read = await reader.manifest(digest);
  // Only the registry's own word makes a child absent; any other failure means that we do not know.
  if (!read.ok && isAbsent(read.error)) {
    const platform = entry.platform === undefined ? {} : { platform: normalizePlatform(entry.platform) };
    return ok({ kind: "odd", oddity: { kind: "child-missing", digest, ...platform } });
  }
  if (!read.ok) return read;
  const parsed = parseDocument(read.value.bytes);
  if (!parsed.ok)
    return ok({ kind: "odd", oddity: { kind: "child-unreadable", digest, detail: parsed.error.detail } });
  if (parsed.value.kind === "index") return ok({ kind: "odd", oddity: { kind: "nested-index", digest } });
  return isAttestation(entry)
    ? ok(attestationEntry(entry, parsed.value))
    : imageEntry(reader, entry, parsed.value);
}

function attestationEntry(entry: Descriptor, manifest: Manifest): Entry {
  const subject = attestedDigest(entry);
  const statements = manifest.layers.map(({ annotations, digest, size }) => ({
    predicateType: annotations?.["in-toto.io/predicate-type"] ?? "",
    digest,
    size,
    manifest: entry.digest,
  }));
  return { kind: "attestation", statements, ...(subject === undefined ? {} : { subject }) };
}

async function imageEntry(
  reader: Reader,
  entry: Descriptor,
  manifest: Manifest,
): Promise<Result<Entry, StoreFailure>> {
  const platform = await platformOf(reader, entry, manifest);
  if (!platform.ok) return platform;
  const isTold = entry.platform !== undefined;
  return ok({
    kind: "image",
    image: describeImage(entry, manifest, platform.value),
    oddities: isTold ? [] : [{ kind: "platform-not-in-index", digest: entry.digest }],
  });
}

// Old indexes and single images name no platform: their config does.
async function platformOf(
  reader: Reader,
  entry: Pick<Descriptor, "platform">,
  manifest: Manifest,
): Promise<Result<Platform | undefined, StoreFailure>> {
  if (entry.platform !== undefined) return ok(normalizePlatform(entry.platform));
  if (!isImageConfig(manifest.config.mediaType)) return ok(undefined);
  const read = await reader.blob(manifest.config);
  if (!read.ok) return isAbsent(read.error) ? ok(undefined) : read;
  const config = parseImageConfig(read.value);
  return ok(config.ok ? normalizePlatform(config.value.platform) : undefined);
}

function describeImage(
  { digest }: Pick<Descriptor, "digest">,
  manifest: Manifest,
  platform: Platform | undefined,
): InspectedPlatform {
  const { mediaType, annotations, layers, config } = manifest;
  const size = layers.reduce((sum, layer) => sum + layer.size, config.size);
  return {
    ...(platform === undefined ? {} : { platform }),
    digest,
    mediaType,
    annotations,
    size,
    layers,
    attestations: [],
  };
}

function statementsOf(image: Digest, entries: readonly Entry[]): readonly InspectedAttestation[] {
  return entries.flatMap((entry) =>
    entry.kind === "attestation" && entry.subject === image ? entry.statements : [],
  );
}

function odditiesOf(
  { digest }: Descriptor,
  entry: Entry | undefined,
  images: readonly Digest[],
): readonly Oddity[] {
  if (entry === undefined) return [];
  if (entry.kind === "odd") return [entry.oddity];
  if (entry.kind === "image") return entry.oddities;
  const { subject } = entry;
  if (subject !== undefined && images.includes(subject)) return [];
  return [{ kind: "attestation-stray", digest, ...(subject === undefined ? {} : { subject }) }];
}

function findShared(platforms: readonly InspectedPlatform[]): readonly SharedLayer[] {
  const found = new Map<Digest, { readonly size: number; readonly images: Set<Digest> }>();
  for (const { digest: image, layers } of platforms) {
    for (const { digest, size } of layers) {
      const layer = found.get(digest) ?? { size, images: new Set() };
      layer.images.add(image);
      found.set(digest, layer);
    }
  }
  return [...found]
    .filter(([, { images }]) => images.size > 1)
    .map(([digest, { size, images }]) => ({ digest, size, images: [...images] }));
}
