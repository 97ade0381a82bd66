import { normalizePlatform, type Platform } from "../platforms/platform.ts";
import { Slots } from "./concurrent.ts";
import { attestedDigest, isAttestation } from "./oci/attestation.ts";
import type { Descriptor, Document } from "./oci/descriptor.ts";
import type { Digest } from "./oci/digest.ts";
import { parseDocument, parseImageConfig, type Index, type Manifest } from "./oci/documents.ts";
import type {
  InspectedAttestation,
  InspectedImage,
  InspectedPlatform,
  InspectFailure,
  Oddity,
  SharedLayer,
} from "./inspected-image.ts";
import { isImageConfig, isIndex, isManifest } from "./oci/media-type.ts";
import { formatReference, toResolvable, type Reference, type Repository } from "./oci/reference.ts";
import type { RegistryFailure } from "./registry/registry-failure.ts";
import type { Registry } from "./registry/registry.ts";
import { fail, ok, type Result } from "./result.ts";

/** Requests under way at the same time. */
const CONCURRENCY = 8;

/** Reads a reference (its tag `latest` where it names none) with everything below it, down to but without the layers. */
export async function inspectImage(
  registry: Registry,
  reference: Reference,
  signal?: AbortSignal,
): Promise<Result<InspectedImage, InspectFailure>> {
  const resolvable = toResolvable(reference);
  const reader = createReader(registry, resolvable, signal);
  const read = await reader.manifest("digest" in resolvable ? resolvable.digest : resolvable.tag);
  if (!read.ok) return read;
  const { descriptor } = read.value;
  const parsed = parseDocument(read.value.bytes);
  const text = formatReference(resolvable);
  if (!parsed.ok)
    return fail({
      kind: "not-an-image",
      reference: text,
      digest: descriptor.digest,
      detail: parsed.error.detail,
    });
  const document = parsed.value;
  const contents =
    document.kind === "index"
      ? await readIndex(reader, document)
      : await readSingle(reader, descriptor, document);
  if (!contents.ok) return contents;
  const { mediaType, annotations } = document;
  const sharedLayers = findShared(contents.value.platforms);
  return ok({
    reference: text,
    mediaType,
    digest: descriptor.digest,
    annotations,
    ...contents.value,
    sharedLayers,
  });
}

interface Contents {
  readonly platforms: readonly InspectedPlatform[];
  readonly oddities: readonly Oddity[];
}

interface Reader {
  manifest(reference: string): Promise<Result<Document, RegistryFailure>>;
  blob(descriptor: Descriptor): Promise<Result<Uint8Array, RegistryFailure>>;
}

function createReader(registry: Registry, repository: Repository, signal: AbortSignal | undefined): Reader {
  const slots = new Slots(CONCURRENCY);
  return {
    manifest: (reference) => slots.hold(() => registry.store(repository).manifest(reference, signal)),
    blob: (descriptor) =>
      slots.hold(() => registry.store(repository).blob(descriptor, signal === undefined ? {} : { signal })),
  };
}

async function readSingle(
  reader: Reader,
  descriptor: Descriptor,
  manifest: Manifest,
): Promise<Result<Contents, RegistryFailure>> {
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

async function readIndex(reader: Reader, index: Index): Promise<Result<Contents, RegistryFailure>> {
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

async function readEntry(reader: Reader, entry: Descriptor): Promise<Result<Entry, RegistryFailure>> {
  const { digest, mediaType } = entry;
  if (isIndex(mediaType)) return ok({ kind: "odd", oddity: { kind: "nested-index", digest } });
  if (!isManifest(mediaType))
    return ok({ kind: "odd", oddity: { kind: "foreign-entry", digest, mediaType } });
  const read = await reader.manifest(digest);
  // Only the registry's own word makes a child absent; any other failure means that we do not know.
  if (!read.ok && read.error.kind === "manifest-unknown") {
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
): Promise<Result<Entry, RegistryFailure>> {
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
): Promise<Result<Platform | undefined, RegistryFailure>> {
  if (entry.platform !== undefined) return ok(normalizePlatform(entry.platform));
  if (!isImageConfig(manifest.config.mediaType)) return ok(undefined);
  const read = await reader.blob(manifest.config);
  if (!read.ok) return read.error.kind === "manifest-unknown" ? ok(undefined) : read;
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
