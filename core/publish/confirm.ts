import { normalizePlatform, samePlatform, type Platform } from "../../platforms/platform.ts";
import { attestedDigest, isAttestation } from "../oci/attestation.ts";
import type { Descriptor, Document } from "../oci/descriptor.ts";
import type { Digest } from "../oci/digest.ts";
import {
  parseDocument,
  parseImageConfig,
  type ImageConfig,
  type Index,
  type Manifest,
} from "../oci/documents.ts";
import { isImageConfig } from "../oci/media-type.ts";
import type { Timing } from "../registry/retry.ts";
import type { Store, StoreFailure } from "../registry/store.ts";
import { systemTiming } from "../registry/timing.ts";
import { fail, ok, type Ok, type Result } from "../result.ts";

/** What the store really holds for a variant: read back, and its platform verified against the image config. */
export interface PublishedManifest {
  readonly variant: string;
  readonly platform: Platform;
  /** The image manifest, as it will stand in the index: with platform and descriptor annotations. */
  readonly manifest: Descriptor;
  /** Attestation manifests that refer to it, as they will stand in the index. */
  readonly attestations: readonly Descriptor[];
  /** Config and layers, compressed, in bytes; absent where nobody has looked at the manifest. */
  readonly size?: number;
  readonly layers: readonly Descriptor[];
}

/** A variant that was read back, and what its config says. */
export interface ConfirmedImage extends PublishedManifest {
  readonly config: ImageConfig;
}

/** What was pushed is not what the plan asked for, or could not be read back. `store` is the name of where it was pushed to. */
export type ConfirmFailure =
  | {
      readonly kind: "confirm-unreadable";
      readonly store: string;
      readonly digest: Digest;
      readonly cause: StoreFailure;
    }
  | {
      readonly kind: "platform-mismatch";
      readonly store: string;
      readonly digest: Digest;
      readonly declared: Platform;
      readonly actual: Platform;
    }
  | {
      readonly kind: "document-invalid";
      readonly store: string;
      readonly digest: Digest;
      readonly detail: string;
    };

/** What a solve says it has pushed, and what the plan wants it to be. */
export interface Confirmation {
  readonly variant: string;
  readonly platform: Platform;
  readonly digest: Digest;
  /** Annotations that the plan gives its entry in the index. */
  readonly annotations: Readonly<Record<string, string>>;
  /** What was announced below it: read at the same time, and used only where the chain of digests leads there. */
  readonly exported?: { readonly manifest?: Digest; readonly config?: Digest };
  /** For waits; the real clock unless a test has its own. */
  readonly timing?: Pick<Timing, "sleep">;
}

/**
 * Reads back what was pushed for a variant, and checks it: one image for the declared platform (by its own config), whole,
 * with the attestations that speak of it. Bytes and digests were checked by the registry client.
 */
export async function confirmVariant(
  store: Store,
  wanted: Confirmation,
  signal?: AbortSignal,
): Promise<Result<ConfirmedImage, ConfirmFailure>> {
  const reader = createReader(store, wanted, signal);
  const image = await findImage(reader, wanted);
  if (!image.ok) return image;
  const { descriptor, manifest, attestations } = image.value;
  const config = await readConfig(reader, manifest);
  if (!config.ok) return config;
  const declared = normalizePlatform(wanted.platform);
  const actual = normalizePlatform(config.value.platform);
  if (!samePlatform(withoutVersion(declared), withoutVersion(actual)))
    return fail({ kind: "platform-mismatch", ...reader.place, declared, actual });
  const { mediaType, digest, size } = descriptor;
  const annotations = Object.keys(wanted.annotations).length === 0 ? {} : { annotations: wanted.annotations };
  return ok({
    variant: wanted.variant,
    platform: declared,
    manifest: { mediaType, digest, size, platform: completed(declared, actual), ...annotations },
    attestations,
    size: manifest.layers.reduce((sum, layer) => sum + layer.size, manifest.config.size),
    layers: manifest.layers,
    config: config.value,
  });
}

/**
 * Is the same digest in another store, too? Enough where {@link confirmVariant} has looked at the content once:
 * the same digest is the same content.
 */
export async function confirmPresent(
  store: Store,
  wanted: Pick<Confirmation, "digest" | "timing">,
  signal?: AbortSignal,
): Promise<Result<void, ConfirmFailure>> {
  const read = await createReader(store, wanted, signal).manifest(wanted.digest);
  return read.ok ? ok(undefined) : read;
}

interface Reader {
  readonly place: Place;
  manifest(digest: Digest): Promise<Result<Document, ConfirmFailure>>;
  blob(descriptor: Descriptor): Promise<Result<Uint8Array, ConfirmFailure>>;
}

/** What is being confirmed, and where, as failures name it. */
interface Place {
  readonly store: string;
  readonly digest: Digest;
}

interface FoundImage {
  readonly descriptor: Descriptor;
  readonly manifest: Manifest;
  readonly attestations: readonly Descriptor[];
}

// Some registries need a moment until what they took can be read: 404 right after a push is not yet an answer.
const READ_WAITS_MS = [250, 500, 1_000, 2_000];

function createReader(
  store: Store,
  wanted: Pick<Confirmation, "digest" | "timing" | "exported">,
  signal: AbortSignal | undefined,
): Reader {
  const { sleep } = wanted.timing ?? systemTiming;
  const { digest, exported } = wanted;
  const place: Place = { store: store.name, digest };
  const limits = signal === undefined ? {} : { signal };
  const manifest = early(exported?.manifest, (announced) => store.manifest(announced, signal));
  const config = early(exported?.config, (announced) => store.blob({ digest: announced }, limits));
  const patiently = async <T>(
    read: () => Promise<Result<T, StoreFailure>>,
  ): Promise<Result<T, ConfirmFailure>> => {
    let result = await read();
    for (const waitMs of READ_WAITS_MS) {
      if (result.ok || result.error.kind !== "manifest-unknown") break;
      await sleep(waitMs, signal);
      result = await read();
    }
    return result.ok ? result : fail({ kind: "confirm-unreadable", ...place, cause: result.error });
  };
  return {
    place,
    manifest: async (child) =>
      (await manifest(child)) ?? (await patiently(() => store.manifest(child, signal))),
    blob: async (descriptor) =>
      (await config(descriptor.digest)) ?? (await patiently(() => store.blob(descriptor, limits))),
  };
}

/** Begins to read at once; answers that, should it be asked for this very digest, unless it came to nothing. */
function early<T>(
  announced: Digest | undefined,
  read: (digest: Digest) => Promise<Result<T, StoreFailure>>,
): (digest: Digest) => Promise<Ok<T> | undefined> {
  const reading = announced === undefined ? undefined : read(announced);
  return async (digest) => {
    const result = digest === announced ? await reading : undefined;
    return result?.ok === true ? result : undefined;
  };
}

// With attestations, BuildKit pushes an index even for one platform: its image is what the release's index will name.
async function findImage(reader: Reader, wanted: Confirmation): Promise<Result<FoundImage, ConfirmFailure>> {
  const pushed = await readDocument(reader, wanted.digest);
  if (!pushed.ok) return pushed;
  const { document, descriptor } = pushed.value;
  if (document.kind === "manifest") return ok({ descriptor, manifest: document, attestations: [] });
  const attestations = document.manifests.filter(isAttestation);
  const images = document.manifests.filter((entry) => !isAttestation(entry));
  const [image] = images;
  if (image === undefined || images.length > 1)
    return invalid(reader.place, `an index of ${images.length} images where one was pushed`);
  const stray = attestations.find((entry) => attestedDigest(entry) !== image.digest);
  if (stray !== undefined)
    return invalid(reader.place, `attestation ${stray.digest} speaks of another image`);
  const child = await readDocument(reader, image.digest);
  if (!child.ok) return child;
  if (child.value.document.kind !== "manifest")
    return invalid(reader.place, `${image.digest} is an index in an index`);
  if (child.value.descriptor.size !== image.size)
    return invalid(
      reader.place,
      `${image.digest} has ${child.value.descriptor.size} bytes, not ${image.size}`,
    );
  return ok({ descriptor: child.value.descriptor, manifest: child.value.document, attestations });
}

async function readDocument(
  reader: Reader,
  digest: Digest,
): Promise<Result<{ readonly document: Manifest | Index; readonly descriptor: Descriptor }, ConfirmFailure>> {
  const read = await reader.manifest(digest);
  if (!read.ok) return read;
  const parsed = parseDocument(read.value.bytes);
  if (!parsed.ok) return invalid(reader.place, `${digest}: ${parsed.error.detail}`);
  return ok({
    document: parsed.value,
    descriptor: { ...read.value.descriptor, mediaType: parsed.value.mediaType },
  });
}

async function readConfig(reader: Reader, manifest: Manifest): Promise<Result<ImageConfig, ConfirmFailure>> {
  const { config } = manifest;
  if (!isImageConfig(config.mediaType))
    return invalid(reader.place, `the config's media type ${config.mediaType} is not that of an image`);
  const bytes = await reader.blob(config);
  if (!bytes.ok) return bytes;
  if (bytes.value.length !== config.size)
    return invalid(
      reader.place,
      `config ${config.digest} has ${bytes.value.length} bytes, not ${config.size}`,
    );
  const parsed = parseImageConfig(bytes.value);
  return parsed.ok ? parsed : invalid(reader.place, `config ${config.digest}: ${parsed.error.detail}`);
}

// A declared os.version wins over the base image's, as in BuildKit (frontend/dockerui, normalizePlatform).
function completed(declared: Platform, actual: Platform): Platform {
  const osVersion = declared.osVersion ?? actual.osVersion;
  const osFeatures = declared.osFeatures ?? actual.osFeatures;
  return {
    ...declared,
    ...(osVersion === undefined ? {} : { osVersion }),
    ...(osFeatures === undefined ? {} : { osFeatures }),
  };
}

function withoutVersion({ os, architecture, variant }: Platform): Platform {
  return { os, architecture, ...(variant === undefined ? {} : { variant }) };
}

function invalid(place: Place, detail: string): Result<never, ConfirmFailure> {
  return fail({ kind: "document-invalid", ...place, detail });
}
