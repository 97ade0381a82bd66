import {
  formatPlatformFull,
  normalizePlatform,
  samePlatform,
  type Platform,
} from "../../platforms/platform.ts";
import { attestedDigest, isAttestation } from "../oci/attestation.ts";
import type { Descriptor, Document } from "../oci/descriptor.ts";
import type { Digest } from "../oci/digest.ts";
import { parseDocument, parseImageConfig, type Index, type Manifest } from "../oci/documents.ts";
import { isImageConfig, isIndex, isManifest } from "../oci/media-type.ts";
import type { Store, StoreFailure } from "../registry/store.ts";
import { fail, ok, type Result } from "../result.ts";
import { attestationsFor, type StitchedChild } from "./stitch-policy.ts";

/** A manifest, or an index of which all images (or those of `platform`) are meant. */
export interface StitchChild {
  readonly store: Store;
  /** Tag or digest. */
  readonly reference: string;
  /** As people named it. */
  readonly name: string;
  /** For a manifest: what to call it. For an index: which of its images. */
  readonly platform?: Platform;
}

/** What was named cannot stand in an index. */
export interface ChildRefused {
  readonly kind: "child-refused";
  readonly child: string;
  readonly digest: Digest;
  readonly problem: ChildProblem;
}

export type ChildProblem =
  | { readonly kind: "no-document"; readonly detail: string }
  /** Neither its config nor the command line says for which platform it is; `mediaType` is that of its config. */
  | { readonly kind: "no-image"; readonly mediaType: string }
  /** An entry that is neither image nor attestation. */
  | { readonly kind: "entry-foreign"; readonly entry: Digest; readonly mediaType: string }
  /** An attestation of an image that is not in the same index. */
  | { readonly kind: "attestation-stray"; readonly entry: Digest; readonly subject?: Digest }
  | { readonly kind: "platform-absent"; readonly platform: string; readonly known: readonly string[] };

type Read<T> = Promise<Result<T, ChildRefused | StoreFailure>>;

/** Reads what a child is: one image, or the images of an index with their attestations. One request, two where a config is read. */
export async function readChild(
  child: StitchChild,
  signal: AbortSignal | undefined,
): Read<readonly StitchedChild[]> {
  const read = await child.store.manifest(child.reference, signal);
  if (!read.ok) return read;
  const parsed = parseDocument(read.value.bytes);
  const { digest } = read.value.descriptor;
  if (!parsed.ok) return refuse(child, digest, { kind: "no-document", detail: parsed.error.detail });
  return parsed.value.kind === "index"
    ? flatten(child, digest, parsed.value)
    : await single({ child, document: read.value, manifest: parsed.value, signal });
}

async function single({
  child,
  document,
  manifest,
  signal,
}: {
  readonly child: StitchChild;
  readonly document: Document;
  readonly manifest: Manifest;
  readonly signal: AbortSignal | undefined;
}): Read<readonly StitchedChild[]> {
  const { digest, size } = document.descriptor;
  const platform =
    child.platform === undefined ? await platformOf(child, digest, manifest, signal) : ok(child.platform);
  if (!platform.ok) return platform;
  const { store, name } = child;
  const entry = { mediaType: manifest.mediaType, digest, size, platform: platform.value };
  return ok([{ store, name, entry, attestations: [], document }]);
}

async function platformOf(
  child: StitchChild,
  digest: Digest,
  { config }: Manifest,
  signal: AbortSignal | undefined,
): Read<Platform> {
  if (!isImageConfig(config.mediaType))
    return refuse(child, digest, { kind: "no-image", mediaType: config.mediaType });
  const read = await child.store.blob(config, signal === undefined ? {} : { signal });
  if (!read.ok) return read;
  const parsed = parseImageConfig(read.value);
  if (!parsed.ok)
    return refuse(child, digest, { kind: "no-document", detail: `its config: ${parsed.error.detail}` });
  return ok(normalizePlatform(parsed.value.platform));
}

function flatten(
  child: StitchChild,
  digest: Digest,
  index: Index,
): Result<readonly StitchedChild[], ChildRefused> {
  const foreign = index.manifests.find(({ mediaType }) => isIndex(mediaType) || !isManifest(mediaType));
  if (foreign !== undefined)
    return refuse(child, digest, {
      kind: "entry-foreign",
      entry: foreign.digest,
      mediaType: foreign.mediaType,
    });
  const attestations = index.manifests.filter(isAttestation);
  const images = index.manifests.filter((entry) => !isAttestation(entry));
  const known = new Set(images.map((image) => image.digest));
  const stray = attestations.find((entry) => !known.has(attestedDigest(entry) ?? "sha256:"));
  if (stray !== undefined) {
    const subject = attestedDigest(stray);
    const about = subject === undefined ? {} : { subject };
    return refuse(child, digest, { kind: "attestation-stray", entry: stray.digest, ...about });
  }
  const chosen = images.filter((image) => isChosen(image, child.platform));
  if (child.platform !== undefined && chosen.length === 0) {
    const platform = formatPlatformFull(normalizePlatform(child.platform));
    return refuse(child, digest, { kind: "platform-absent", platform, known: platformNames(images) });
  }
  const { store, name } = child;
  return ok(
    chosen.map((entry) => ({ store, name, entry, attestations: attestationsFor(entry, attestations) })),
  );
}

function isChosen({ platform }: Descriptor, wanted: Platform | undefined): boolean {
  if (wanted === undefined) return true;
  return platform !== undefined && samePlatform(normalizePlatform(platform), normalizePlatform(wanted));
}

function platformNames(images: readonly Descriptor[]): readonly string[] {
  return images.flatMap(({ platform }) =>
    platform === undefined ? [] : [formatPlatformFull(normalizePlatform(platform))],
  );
}

function refuse(child: StitchChild, digest: Digest, problem: ChildProblem): Result<never, ChildRefused> {
  return fail({ kind: "child-refused", child: child.name, digest, problem });
}
