import type { Platform } from "../../platforms/platform.ts";
import type { Descriptor } from "../oci/descriptor.ts";
import { parseDigest, type Digest } from "../oci/digest.ts";
import { parseDocument, type Index, type Manifest } from "../oci/documents.ts";
import { formatRepository, parseReference, type Reference, type Repository } from "../oci/reference.ts";
import type { Store } from "../registry/store.ts";
import { readBaseMaterials } from "./base-materials.ts";
import { newerTag } from "./base-tags.ts";
import type { ImageToScan } from "./image-to-scan.ts";

/** The image that an image is built on, and what has become of it since. */
export interface BaseImage {
  /** `docker.io/library/node:22.3-alpine`, without the digest. */
  readonly name: string;
  /** That it was built on, where that is known. */
  readonly digest?: Digest;
  /** What the same tag names now, where that is another image. */
  readonly moved?: Digest;
  /** A tag of a newer version, of the same shape. */
  readonly newerTag?: string;
}

/** What was found out of an image's base, and a sentence for each thing that could not be. */
export interface FoundBase {
  readonly base?: BaseImage;
  readonly notes: readonly string[];
}

/** An image, and what says on which base it was built. */
export interface ImageOnBase extends Pick<ImageToScan, "store" | "platform" | "statements"> {
  /** Of its manifest, then of its index. */
  readonly annotations: readonly Readonly<Record<string, string>>[];
  /** From the lowest. */
  readonly layers: readonly Pick<Descriptor, "digest">[];
}

/** The registries that base images are looked for in. */
export type BaseStores = (repository: Repository) => Pick<Store, "resolve" | "manifest" | "tags">;

export interface BaseWorld {
  readonly stores: BaseStores;
  readonly signal: AbortSignal;
}

const BASE_NAME = "org.opencontainers.image.base.name";
const BASE_DIGEST = "org.opencontainers.image.base.digest";
/** Bases of one build that are held against an image's layers. */
const MAX_CANDIDATES = 12;
/** Images for one platform in an index: versions of Windows. */
const MAX_ENTRIES = 8;
/** A registry that takes longer is not waited for: a suggestion is not worth it. */
const TIMEOUT_MS = 20_000;

/**
 * Finds the base of each image and what there is newer, in the order of the images. Annotations tell it, or the provenance, where
 * the layers say which of a build's images is the base. Nothing here stops a scan: what cannot be told is a note.
 * @see https://github.com/opencontainers/image-spec/blob/v1.1.1/annotations.md
 */
export async function findBases(
  images: readonly ImageOnBase[],
  { stores, signal }: BaseWorld,
): Promise<readonly FoundBase[]> {
  // Platforms have the same base mostly: it is asked for once.
  const asked = new Map<string, Promise<FoundBase>>();
  const work = workOf(stores, AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]));
  return await Promise.all(
    images.map(async (image): Promise<FoundBase> => {
      const built = await builtOn(image, work);
      if (!("registry" in built)) return built;
      if (!mayAsk(built, image))
        return { base: baseOf(built), notes: [`${built.registry} is not asked for a newer base image`] };
      const key = JSON.stringify(built);
      const found = asked.get(key) ?? lookForNewer(built, work);
      asked.set(key, found);
      return await found;
    }),
  );
}

async function builtOn(image: ImageOnBase, work: Work): Promise<Reference | FoundBase> {
  for (const annotations of image.annotations) {
    const reference = parseReference(annotations[BASE_NAME] ?? "");
    if (!reference.ok) continue;
    const digest = parseDigest(annotations[BASE_DIGEST] ?? "");
    return { ...reference.value, ...(digest !== undefined && { digest }) };
  }
  const materials = await readBaseMaterials(image, work.signal);
  if (!materials.ok) return { notes: ["provenance cannot be read: the base image is not known"] };
  const candidates = await Promise.all(
    materials.value.slice(0, MAX_CANDIDATES).map(async (candidate) => ({
      candidate,
      depth: mayAsk(candidate, image) ? await depthBelow(candidate, image, work) : undefined,
    })),
  );
  const deepest = candidates.toSorted((one, other) => (other.depth ?? 0) - (one.depth ?? 0))[0];
  if (deepest?.depth !== undefined && deepest.depth > 0) return deepest.candidate;
  const names = candidates
    .filter(({ depth }) => depth === undefined)
    .map((each) => baseOf(each.candidate).name);
  const [first] = names;
  if (first === undefined) return { notes: [] };
  const all = names.length === 1 ? first : `${first} and ${names.length - 1} more`;
  return {
    notes: [`the build used ${all}, which cannot be read: whether it is the base image is not known`],
  };
}

/**
 * How many of the lowest layers of an image are those of a candidate: a build uses images besides its base. 0 where it is not below,
 * undefined where it cannot be read.
 */
async function depthBelow(
  candidate: Reference,
  { layers, platform }: ImageOnBase,
  work: Work,
): Promise<number | undefined> {
  const { digest } = candidate;
  const root = digest === undefined ? undefined : await work.read(candidate, digest);
  if (root === undefined) return undefined;
  const manifests = root.kind === "manifest" ? [root] : [];
  const entries = root.kind === "index" ? root.manifests.filter((entry) => isFor(entry, platform)) : [];
  for (const entry of entries.slice(0, MAX_ENTRIES)) {
    const read = await work.read(candidate, entry.digest);
    if (read === undefined) return undefined;
    if (read.kind === "manifest") manifests.push(read);
  }
  const isBelow = (manifest: Manifest): boolean =>
    manifest.layers.every(({ digest: own }, at) => own === layers[at]?.digest);
  return Math.max(0, ...manifests.filter(isBelow).map((each) => each.layers.length));
}

function isFor({ platform }: Descriptor, { os, architecture }: Platform): boolean {
  return platform === undefined || (platform.os === os && platform.architecture === architecture);
}

async function lookForNewer(built: Reference, { stores, read, signal }: Work): Promise<FoundBase> {
  const base = baseOf(built);
  const { tag, digest } = built;
  if (tag === undefined) return { base, notes: [] };
  const store = stores(built);
  const notes: string[] = [];
  const moved =
    digest === undefined ? undefined : await movedTo({ built, tag, digest }, store, { read, signal });
  const tags = await store.tags(signal);
  if (!tags.ok || moved === "unreadable")
    notes.push(`${base.name}: the registry does not tell whether there is a newer base image`);
  const newer = tags.ok ? newerTag(tag, tags.value) : undefined;
  return {
    base: {
      ...base,
      ...(moved !== undefined && moved !== "unreadable" && { moved }),
      ...(newer !== undefined && { newerTag: newer }),
    },
    notes,
  };
}

/** What a tag names now; undefined where that is the base itself, or the index that the base is in. */
async function movedTo(
  { built, tag, digest }: { readonly built: Reference; readonly tag: string; readonly digest: Digest },
  store: Pick<Store, "resolve">,
  { read, signal }: Pick<Work, "read" | "signal">,
): Promise<Digest | "unreadable" | undefined> {
  const resolved = await store.resolve(tag, signal);
  if (!resolved.ok) return "unreadable";
  const now = resolved.value?.digest;
  if (now === undefined || now === digest) return undefined;
  // Some annotate the digest of one platform's manifest, which never equals that of the index.
  const document = await read(built, now);
  if (document === undefined) return "unreadable";
  const isWithin = document.kind === "index" && document.manifests.some((entry) => entry.digest === digest);
  return isWithin ? undefined : now;
}

interface Work extends BaseWorld {
  /** Each document once, whichever platforms ask for it; undefined for what cannot be read. */
  readonly read: (repository: Repository, digest: Digest) => Promise<Manifest | Index | undefined>;
}

function workOf(stores: BaseStores, signal: AbortSignal): Work {
  const asked = new Map<string, Promise<Manifest | Index | undefined>>();
  const read = async (repository: Repository, digest: Digest): Promise<Manifest | Index | undefined> => {
    const answer = await stores(repository).manifest(digest, signal);
    const parsed = answer.ok ? parseDocument(answer.value.bytes) : undefined;
    return parsed?.ok === true ? parsed.value : undefined;
  };
  return {
    stores,
    signal,
    read: async (repository, digest) => {
      const key = `${formatRepository(repository)}@${digest}`;
      const reading = asked.get(key) ?? read(repository, digest);
      asked.set(key, reading);
      return await reading;
    },
  };
}

/**
 * Images name their base as they please. Addresses that are likely to be of this machine or its network are asked only where the
 * image itself comes from there, so that nobody's image sends requests to them.
 */
function mayAsk({ registry }: Repository, { store }: ImageOnBase): boolean {
  if (registry === store.repository?.registry) return true;
  const host = registry.replace(/:\d+$/, "");
  return host.includes(".") && !/^[\d.]+$/.test(host) && !host.startsWith("[");
}

function baseOf({ tag, digest, ...repository }: Reference): BaseImage {
  const name = formatRepository(repository);
  return {
    name: tag === undefined ? name : `${name}:${tag}`,
    ...(digest !== undefined && { digest }),
  };
}
