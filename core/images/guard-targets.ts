import { normalizePlatform, type Platform } from "../../platforms/platform.ts";
import { isAttestation } from "../oci/attestation.ts";
import type { Descriptor, Document } from "../oci/descriptor.ts";
import { parseDocument, parseImageConfig, type Index, type Manifest } from "../oci/documents.ts";
import { isImageConfig } from "../oci/media-type.ts";
import { formatReference, type TaggedReference } from "../oci/reference.ts";
import type { PlannedRelease } from "../plan/plan.ts";
import { decideTags, isComparable, type Allowed, type TagReadings } from "../publish/guard.ts";
import type { ReleaseFailure } from "../publish/release-failure.ts";
import { readTag, tellsRevision } from "../publish/tag-now.ts";
import { isAbsent } from "../publish/transfer-graph.ts";
import type { Registry } from "../registry/registry.ts";
import type { Store, StoreFailure } from "../registry/store.ts";
import { fail, ok, type Result } from "../result.ts";

/** Why a copy or stitch may not move its tags. */
export type GuardFailure = Extract<ReleaseFailure, { readonly kind: "tags-refused" }> | StoreFailure;

/** Looks at what is to be tagged, before anything is written. */
export type TargetGuard = (next: Next) => Promise<Result<void, GuardFailure>>;

/** What the tags are to name, and the store that has what it leads to. */
export interface Next {
  readonly root: Document;
  readonly store: Store;
}

/** The guard of a release, for tags that a command line names: refuses to lose platforms or to go back to an older revision. */
export function guardTargets(
  registry: Registry,
  { tags, allowed }: { readonly tags: readonly TaggedReference[]; readonly allowed: Allowed },
  signal: AbortSignal,
): TargetGuard {
  return async (next) => {
    const told = await describeNext(next, signal);
    if (!told.ok) return told;
    const release = asRelease(tags, told.value.annotations);
    const comparable = isComparable(release);
    const readings: TagReadings = new Map(
      await Promise.all(
        tags.map(
          async (tag) =>
            [formatReference(tag), await readTag(registry, { tag, comparable }, signal)] as const,
        ),
      ),
    );
    const manifests = told.value.images.map(({ digest, mediaType, size, platform }) => ({
      variant: digest,
      platform,
      manifest: { digest, mediaType, size, platform },
      attestations: [],
      size: 0,
      layers: [],
    }));
    const decided = decideTags({ release, index: next.root, manifests }, readings, allowed);
    return decided.ok ? ok(undefined) : fail({ kind: "tags-refused", refusals: decided.error });
  };
}

interface Told {
  readonly images: readonly (Descriptor & { readonly platform: Platform })[];
  readonly annotations: Readonly<Record<string, string>>;
}

async function describeNext({ root, store }: Next, signal: AbortSignal): Promise<Result<Told, StoreFailure>> {
  const parsed = parseDocument(root.bytes);
  // What cannot be read is refused when it is copied, with its own words.
  if (!parsed.ok) return ok({ images: [], annotations: {} });
  return parsed.value.kind === "index"
    ? await describeIndex(parsed.value, store, signal)
    : await describeImage(root.descriptor, parsed.value, { store, signal });
}

async function describeIndex(
  index: Index,
  store: Store,
  signal: AbortSignal,
): Promise<Result<Told, StoreFailure>> {
  const images = index.manifests
    .filter((entry) => !isAttestation(entry))
    .flatMap((entry) => (entry.platform === undefined ? [] : [{ ...entry, platform: entry.platform }]));
  const [first] = images;
  if (first === undefined || tellsRevision(index.annotations))
    return ok({ images, annotations: index.annotations });
  const child = await store.manifest(first.digest, signal);
  if (!child.ok) return isAbsent(child.error) ? ok({ images, annotations: {} }) : child;
  const parsed = parseDocument(child.value.bytes);
  return ok({ images, annotations: parsed.ok ? parsed.value.annotations : {} });
}

async function describeImage(
  descriptor: Descriptor,
  { config, annotations }: Manifest,
  { store, signal }: { readonly store: Store; readonly signal: AbortSignal },
): Promise<Result<Told, StoreFailure>> {
  if (!isImageConfig(config.mediaType)) return ok({ images: [], annotations });
  const read = await store.blob(config, { signal });
  if (!read.ok) return read;
  const parsed = parseImageConfig(read.value);
  const images = parsed.ok ? [{ ...descriptor, platform: normalizePlatform(parsed.value.platform) }] : [];
  return ok({ images, annotations });
}

/** The guard decides about releases of a plan: this is one without anything that is built. */
function asRelease(
  tags: readonly TaggedReference[],
  indexAnnotations: Readonly<Record<string, string>>,
): PlannedRelease {
  return {
    name: "the command line",
    image: "",
    cell: {},
    variants: [],
    omitted: [],
    tags,
    repositories: [],
    mediaTypes: "oci",
    attestations: "keep",
    verify: { content: "error", ignore: [] },
    indexAnnotations,
    location: { file: { path: "", text: "" }, range: { start: 0, end: 0 } },
  };
}
