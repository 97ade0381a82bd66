import type { Platform } from "../../platforms/platform.ts";
import { isAttestation } from "../oci/attestation.ts";
import type { Document } from "../oci/descriptor.ts";
import type { Digest } from "../oci/digest.ts";
import { parseDocument, parseImageConfig, type Index, type Manifest } from "../oci/documents.ts";
import { isImageConfig, isManifest } from "../oci/media-type.ts";
import type { TaggedReference } from "../oci/reference.ts";
import type { RegistryFailure } from "../registry/registry-failure.ts";
import type { Registry } from "../registry/registry.ts";
import type { Store } from "../registry/store.ts";
import { ok, type Result } from "../result.ts";

/** What a tag points at before a release moves it. */
export type TagNow =
  | { readonly kind: "absent" }
  | {
      readonly kind: "present";
      readonly digest: Digest;
      /** Of its images, as written; attestations are none. */
      readonly platforms: readonly Platform[];
      readonly annotations: Annotations;
    }
  /** Something that is no image or index that we can read. */
  | { readonly kind: "foreign"; readonly digest: Digest; readonly detail: string };

type Annotations = Readonly<Record<string, string>>;

const REVISION = "org.opencontainers.image.revision";
const CREATED = "org.opencontainers.image.created";
const VERSION = "org.opencontainers.image.version";

/** What annotations tell of a revision. */
export interface RevisionFacts {
  readonly revision?: string;
  readonly created?: string;
  readonly version?: string;
}

/**
 * Reads the annotations that tell revisions apart.
 * @see https://github.com/opencontainers/image-spec/blob/v1.1.1/annotations.md#pre-defined-annotation-keys
 */
export function revisionFacts(annotations: Annotations): RevisionFacts {
  const { [REVISION]: revision, [CREATED]: created, [VERSION]: version } = annotations;
  return {
    ...(revision === undefined ? {} : { revision }),
    ...(created === undefined ? {} : { created }),
    ...(version === undefined ? {} : { version }),
  };
}

/** Do these annotations tell anything of a revision? */
export function tellsRevision(annotations: Annotations): boolean {
  return Object.keys(revisionFacts(annotations)).length > 0;
}

/**
 * Reads what a tag points at: one request for an index; its first image too where the index itself tells no revision and
 * `comparable` says that there is something to compare it with; the config of a single image, which alone knows its platform.
 * Absent is only what the registry says is not there.
 */
export async function readTag(
  registry: Registry,
  { tag, comparable }: { readonly tag: TaggedReference; readonly comparable: boolean },
  signal?: AbortSignal,
): Promise<Result<TagNow, RegistryFailure>> {
  const store = registry.store(tag);
  const read = await store.manifest(tag.tag, signal);
  if (!read.ok) return read.error.kind === "manifest-unknown" ? ok({ kind: "absent" }) : read;
  const { digest } = read.value.descriptor;
  const parsed = parseDocument(read.value.bytes);
  if (!parsed.ok) return ok({ kind: "foreign", digest, detail: parsed.error.detail });
  const document = parsed.value;
  return document.kind === "index"
    ? await presentIndex(store, { digest, index: document, comparable }, signal)
    : await presentImage(store, { digest, manifest: document }, signal);
}

async function presentIndex(
  store: Store<RegistryFailure>,
  {
    digest,
    index,
    comparable,
  }: { readonly digest: Digest; readonly index: Index; readonly comparable: boolean },
  signal: AbortSignal | undefined,
): Promise<Result<TagNow, RegistryFailure>> {
  const images = index.manifests.filter((entry) => !isAttestation(entry));
  const platforms = images.flatMap(({ platform }) => (platform === undefined ? [] : [platform]));
  const present = { kind: "present", digest, platforms, annotations: index.annotations } as const;
  const first = images.find(({ mediaType }) => isManifest(mediaType));
  if (!comparable || first === undefined || tellsRevision(index.annotations)) return ok(present);
  const child = await store.manifest(first.digest, signal);
  // An index whose child is gone tells nothing of a revision, and replacing it mends it.
  if (!child.ok) return child.error.kind === "manifest-unknown" ? ok(present) : child;
  return ok({ ...present, annotations: annotationsOf(child.value) });
}

async function presentImage(
  store: Store<RegistryFailure>,
  { digest, manifest }: { readonly digest: Digest; readonly manifest: Manifest },
  signal: AbortSignal | undefined,
): Promise<Result<TagNow, RegistryFailure>> {
  const { config, annotations } = manifest;
  if (!isImageConfig(config.mediaType))
    return ok({ kind: "foreign", digest, detail: `not an image: its config is ${config.mediaType}` });
  const read = await store.blob(config, signal === undefined ? {} : { signal });
  if (!read.ok) return read;
  const parsed = parseImageConfig(read.value);
  return parsed.ok
    ? ok({ kind: "present", digest, platforms: [parsed.value.platform], annotations })
    : ok({ kind: "foreign", digest, detail: parsed.error.detail });
}

function annotationsOf({ bytes }: Document): Annotations {
  const parsed = parseDocument(bytes);
  return parsed.ok ? parsed.value.annotations : {};
}
