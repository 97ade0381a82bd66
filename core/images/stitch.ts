import { distinct, sum } from "./copy.ts";
import type { GuardFailure, TargetGuard } from "./guard-targets.ts";
import type { Descriptor, Document } from "../oci/descriptor.ts";
import { assembleIndex, type IndexRefused } from "../oci/image-index.ts";
import { isDockerType } from "../oci/media-type.ts";
import type { TransferFailure } from "../publish/transfer-failure.ts";
import { moveTargets, nameOfTarget, type Target } from "../publish/transfer-tags.ts";
import { createUploads } from "../publish/transfer-uploads.ts";
import { isSame, transfer, type Transferred } from "../publish/transfer.ts";
import type { Store, StoreFailure } from "../registry/store.ts";
import { fail, ok, type Result } from "../result.ts";
import { readChild, type ChildRefused, type StitchChild } from "./stitch-child.ts";
import {
  applyPolicy,
  attestationsOf,
  type AttestationMissing,
  type AttestationPolicy,
  type StitchedChild,
} from "./stitch-policy.ts";

/** An index as it is asked for. */
export interface Stitch {
  /** Images stand in the index in this order, then their attestations. */
  readonly children: readonly StitchChild[];
  /** In the order in which the tags move. */
  readonly targets: readonly (Target & { readonly tag: string })[];
  readonly annotations: Readonly<Record<string, string>>;
  readonly attestations: AttestationPolicy;
  /** Refuses before anything is written. */
  readonly guard?: TargetGuard;
  readonly signal?: AbortSignal;
}

/** An index that is out. */
export interface Stitched {
  readonly index: Document;
  readonly names: readonly string[];
  readonly platforms: readonly StitchedChild[];
  /** What had to be copied because it was in another repository. */
  readonly transferred: Transferred;
}

/** Why there is no index, or not under all tags. Only `tags-not-moved` may leave tags moved, and it says which. */
export type StitchFailure =
  | TransferFailure
  | StoreFailure
  | GuardFailure
  | ChildRefused
  | AttestationMissing
  | { readonly kind: "stitch-refused"; readonly cause: IndexRefused };

/**
 * Makes one index of images that are in registries already, and moves tags to it: what cannot be right (two images for one
 * platform, attestations of strangers, mixed media types) is refused before anything is written.
 */
export async function stitchImages(stitch: Stitch): Promise<Result<Stitched, StitchFailure>> {
  const { children, targets, annotations, attestations, signal } = stitch;
  const read = await Promise.all(children.map((child) => readChild(child, signal)));
  const found = all(read);
  if (!found.ok) return found;
  const chosen = applyPolicy(found.value.flat(), attestations);
  if (!chosen.ok) return chosen;
  const platforms = chosen.value;
  const entries = [...platforms.map(({ entry }) => entry), ...attestationsOf(platforms)];
  const format = entries.every(({ mediaType }) => isDockerType(mediaType)) ? "docker" : "oci";
  const index = assembleIndex({ children: entries, annotations, format });
  if (!index.ok) return fail({ kind: "stitch-refused", cause: index.error });
  const [first] = platforms;
  const guarded = first && (await stitch.guard?.({ root: index.value, store: first.store }));
  if (guarded?.ok === false) return guarded;
  const transferred = await bringChildren(platforms, stitch);
  if (!transferred.ok) return transferred;
  const moved = await moveTags(index.value, stitch);
  if (!moved.ok) return moved;
  const names = targets.map((target) => nameOfTarget(target, index.value));
  return ok({ index: index.value, names, platforms, transferred: transferred.value });
}

/** Copies to each repository of a tag what it does not have itself: all at once, each blob once for each registry. */
async function bringChildren(
  platforms: readonly StitchedChild[],
  { targets, signal }: Stitch,
): Promise<Result<Transferred, StitchFailure>> {
  const uploads = createUploads();
  const bring = async (to: Store, child: StitchedChild, entry: Descriptor) => {
    const document = await documentOf(child, entry, signal);
    if (!document.ok) return document;
    const about = { from: child.store, to, root: document.value, tags: [], referrers: false, uploads };
    return await transfer({ ...about, ...(signal === undefined ? {} : { signal }) });
  };
  const stores = distinct(targets.map(({ store }) => store));
  const brought = stores.flatMap((to) =>
    platforms
      .filter(({ store }) => !isSame(store, to))
      .flatMap((child) => [child.entry, ...child.attestations].map((entry) => bring(to, child, entry))),
  );
  const outcomes = all<Transferred, StitchFailure>(await Promise.all(brought));
  return outcomes.ok ? ok(sum(outcomes.value)) : outcomes;
}

async function documentOf(
  { store, document }: StitchedChild,
  { digest, size }: Descriptor,
  signal: AbortSignal | undefined,
): Promise<Result<Document, StitchFailure>> {
  if (document?.descriptor.digest === digest) return ok(document);
  const read = await store.manifest(digest, signal);
  if (!read.ok || read.value.bytes.length === size) return read;
  const detail = `it has ${read.value.bytes.length} bytes, where its descriptor says ${size}`;
  return fail({ kind: "transfer-invalid", store: store.name, digest, detail });
}

/** The index is in every repository before the first tag moves; that tag's own PUT stores it in its own. */
async function moveTags(index: Document, { targets, signal }: Stitch): Promise<Result<void, StitchFailure>> {
  const [, ...others] = distinct(targets.map(({ store }) => store));
  const { digest } = index.descriptor;
  const stored = all(await Promise.all(others.map((store) => store.putManifest(digest, index, signal))));
  if (!stored.ok) return stored;
  return await moveTargets(targets, index, signal);
}

function all<T, E>(results: readonly Result<T, E>[]): Result<readonly T[], E> {
  const values: T[] = [];
  for (const result of results) {
    if (!result.ok) return result;
    values.push(result.value);
  }
  return ok(values);
}
