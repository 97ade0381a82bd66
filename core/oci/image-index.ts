/**
 * The stitching itself: descriptors of images and attestations in, the bytes of an index out. Field order and indentation are
 * those of the OCI project's Go types, as BuildKit and `docker buildx imagetools create` write them.
 * @see https://github.com/opencontainers/image-spec/blob/v1.1.1/specs-go/v1/index.go
 */
import { formatPlatformFull, normalizePlatform, samePlatform } from "../../platforms/platform.ts";
import type { Platform } from "../../platforms/platform.ts";
import { fail, ok } from "../result.ts";
import type { Result } from "../result.ts";
import { attestedDigest, isAttestation } from "./attestation.ts";
import type { Descriptor, Document } from "./descriptor.ts";
import { digestOf } from "./digest-of.ts";
import type { Digest } from "./digest.ts";
import { goMap, writeGoJson } from "./go-json.ts";
import type { GoJson, GoStruct } from "./go-json.ts";
import { DOCKER_INDEX, isDockerType, OCI_INDEX } from "./media-type.ts";

/** What an index is made of. */
export interface IndexParts {
  /** Images and attestations, in the order in which they will stand. */
  readonly children: readonly Descriptor[];
  /** Annotations of the index itself. */
  readonly annotations?: Readonly<Record<string, string>>;
  /** Docker's manifest list, or OCI's index. All children are of the same kind: some registries refuse a mixture. */
  readonly format: IndexFormat;
}

export type IndexFormat = "oci" | "docker";

/** These parts would make an index that no client could use rightly. `platform` is in canonical text. */
export type IndexRefused =
  | { readonly kind: "index-empty" }
  | { readonly kind: "platform-missing"; readonly digest: Digest }
  | {
      readonly kind: "platform-twice";
      readonly platform: string;
      readonly digests: readonly [Digest, Digest];
    }
  /** It speaks of an image that is not in the index. */
  | { readonly kind: "attestation-stray"; readonly digest: Digest; readonly subject?: Digest }
  /** Docker's manifest lists have no annotations: neither the list itself nor this entry of it. */
  | { readonly kind: "annotations-unsupported"; readonly digest?: Digest }
  /** Attestations are told by annotations, which Docker's manifest lists do not have. */
  | { readonly kind: "attestation-unsupported"; readonly digest: Digest }
  /** A Docker document in an OCI index, or the other way round. */
  | {
      readonly kind: "media-type-foreign";
      readonly format: IndexFormat;
      readonly digest: Digest;
      readonly mediaType: string;
      /** In canonical text, where the child is an image. */
      readonly platform?: string;
    };

/** Makes an index. The bytes depend on the parts alone: on the order of children, not on that of any object's keys. */
export function assembleIndex(parts: IndexParts): Result<Document, IndexRefused> {
  const refused = refusal(parts);
  return refused === undefined ? ok(writeIndex(parts)) : fail(refused);
}

/** The same of parts that no client is meant to use: nobody asks whether one could. */
export function writeIndex({ children, annotations, format }: IndexParts): Document {
  const mediaType = format === "docker" ? DOCKER_INDEX : OCI_INDEX;
  const index: GoStruct = {
    fields: [
      ["schemaVersion", 2],
      ["mediaType", mediaType],
      ["manifests", children.map(descriptorFields)],
      ["annotations", goMap(annotations)],
    ],
  };
  const bytes = new TextEncoder().encode(writeGoJson(index));
  return { descriptor: { mediaType, digest: digestOf(bytes), size: bytes.length }, bytes };
}

function descriptorFields(descriptor: Descriptor): GoStruct {
  const { mediaType, digest, size, annotations, platform, artifactType } = descriptor;
  return {
    fields: [
      ["mediaType", mediaType],
      ["digest", digest],
      ["size", size],
      ["annotations", goMap(annotations)],
      ["platform", platform && platformFields(platform)],
      ["artifactType", filled(artifactType)],
    ],
  };
}

function platformFields(platform: Platform): GoStruct {
  return {
    fields: [
      ["architecture", platform.architecture],
      ["os", platform.os],
      ["os.version", filled(platform.osVersion)],
      ["os.features", filled(platform.osFeatures)],
      ["variant", filled(platform.variant)],
    ],
  };
}

/** Go's `omitempty`. */
function filled<T extends Extract<GoJson, { readonly length: number }>>(value: T | undefined): T | undefined {
  return value === undefined || value.length === 0 ? undefined : value;
}

function refusal({ children, annotations = {}, format }: IndexParts): IndexRefused | undefined {
  const images = children.filter((child) => !isAttestation(child));
  if (images.length === 0) return { kind: "index-empty" };
  return (
    (format === "docker" ? findAnnotated(children, annotations) : undefined) ??
    findWithoutPlatform(images) ??
    findTwice(images) ??
    findStray(children, images) ??
    findForeign(children, format)
  );
}

function findForeign(children: readonly Descriptor[], format: IndexFormat): IndexRefused | undefined {
  const child = children.find(({ mediaType }) => isDockerType(mediaType) !== (format === "docker"));
  if (child === undefined) return undefined;
  const { digest, mediaType, platform } = child;
  const named = platform === undefined || isAttestation(child) ? {} : { platform: textOf(platform) };
  return { kind: "media-type-foreign", format, digest, mediaType, ...named };
}

function findAnnotated(
  children: readonly Descriptor[],
  annotations: Readonly<Record<string, string>>,
): IndexRefused | undefined {
  if (isFilled(annotations)) return { kind: "annotations-unsupported" };
  const attestation = children.find(isAttestation);
  if (attestation !== undefined) return { kind: "attestation-unsupported", digest: attestation.digest };
  const annotated = children.find((child) => isFilled(child.annotations ?? {}));
  return annotated && { kind: "annotations-unsupported", digest: annotated.digest };
}

function findWithoutPlatform(images: readonly Descriptor[]): IndexRefused | undefined {
  const image = images.find(
    ({ platform }) => platform === undefined || platform.os === "unknown" || platform.os === "",
  );
  return image && { kind: "platform-missing", digest: image.digest };
}

function findTwice(images: readonly Descriptor[]): IndexRefused | undefined {
  for (const [at, { platform, digest }] of images.entries()) {
    const first = images.slice(0, at).find((before) => isSame(before.platform, platform));
    if (first !== undefined && platform !== undefined) {
      return { kind: "platform-twice", platform: textOf(platform), digests: [first.digest, digest] };
    }
  }
  return undefined;
}

function findStray(children: readonly Descriptor[], images: readonly Descriptor[]): IndexRefused | undefined {
  const known = new Set(images.map((image) => image.digest));
  for (const child of children.filter(isAttestation)) {
    const subject = attestedDigest(child);
    if (subject === undefined) return { kind: "attestation-stray", digest: child.digest };
    if (!known.has(subject)) return { kind: "attestation-stray", digest: child.digest, subject };
  }
  return undefined;
}

function textOf(platform: Platform): string {
  return formatPlatformFull(normalizePlatform(platform));
}

function isSame(one: Platform | undefined, other: Platform | undefined): boolean {
  return one !== undefined && other !== undefined && samePlatform(one, other);
}

function isFilled(record: Readonly<Record<string, string>>): boolean {
  return Object.keys(record).length > 0;
}
