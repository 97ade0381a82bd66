import type { GuardFailure, TargetGuard } from "./guard-targets.ts";
import type { Descriptor, Document } from "../oci/descriptor.ts";
import type { Digest } from "../oci/digest.ts";
import type { TransferFailure } from "../publish/transfer-failure.ts";
import { rememberReads } from "../publish/transfer-memory.ts";
import { moveTargets, nameOfTarget, type Target } from "../publish/transfer-tags.ts";
import { createUploads, type Uploads } from "../publish/transfer-uploads.ts";
import { isSame, transferContent, type Transferred, type TransferProgress } from "../publish/transfer.ts";
import type { Store, StoreFailure } from "../registry/store.ts";
import { fail, ok, type Result } from "../result.ts";

/** What is copied: by its digest where there is one, else by its tag. With both, the tag must name that digest. */
export interface CopySource {
  readonly store: Store;
  readonly tag?: string;
  readonly digest?: Digest;
}

/** A copy as it is asked for. */
export interface Copy {
  readonly source: CopySource;
  /** Tags move in this order, once the content is in all stores. */
  readonly targets: readonly Target[];
  readonly referrers: boolean;
  /** Refuses before anything is written. */
  readonly guard?: TargetGuard;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: TransferProgress) => void;
}

/** What a copy did; `names` in the order of the targets. */
export interface Copied extends Transferred {
  readonly root: Descriptor;
  readonly names: readonly string[];
}

/** Why a copy is not there. */
export type CopyFailure =
  | TransferFailure
  | StoreFailure
  | GuardFailure
  /** The tag of the source names another digest than the one beside it; `actual` is undefined where it names none. */
  | {
      readonly kind: "source-moved";
      readonly source: string;
      readonly tag: string;
      readonly expected: Digest;
      readonly actual?: Digest;
    };

/** Copies an image or index with all that belongs to it, byte for byte: it is read once, whatever the number of targets. */
export async function copyImage(copy: Copy): Promise<Result<Copied, CopyFailure>> {
  const { source, targets, signal } = copy;
  const root = await readSource(source, signal);
  if (!root.ok) return root;
  const guarded = await copy.guard?.({ root: root.value, store: source.store });
  if (guarded?.ok === false) return guarded;
  const contents = await copyContents(copy, root.value);
  if (!contents.ok) return contents;
  const moved = await moveTargets(targets, root.value, signal);
  if (!moved.ok) return moved;
  const names = targets.map((target) => nameOfTarget(target, root.value));
  return ok({ ...sum(contents.value), root: root.value.descriptor, names });
}

async function readSource(
  { store, tag, digest }: CopySource,
  signal: AbortSignal | undefined,
): Promise<Result<Document, CopyFailure>> {
  if (tag === undefined || digest === undefined)
    return await store.manifest(digest ?? tag ?? "latest", signal);
  const [root, named] = await Promise.all([store.manifest(digest, signal), store.resolve(tag, signal)]);
  if (!root.ok) return root;
  if (!named.ok) return named;
  const actual = named.value?.digest;
  if (actual === digest) return root;
  const about = { kind: "source-moved", source: store.name, tag, expected: digest } as const;
  return fail({ ...about, ...(actual === undefined ? {} : { actual }) });
}

/** Everything below the root, to each store once and to all of them at the same time. */
async function copyContents(
  { source, targets, referrers, signal, onProgress }: Copy,
  root: Document,
): Promise<Result<readonly Transferred[], TransferFailure>> {
  const stores = distinct(targets.map(({ store }) => store));
  const from = stores.length > 1 ? rememberReads(source.store) : source.store;
  const uploads: Uploads = createUploads();
  const results = await Promise.all(
    stores.map(async (to): Promise<Result<Transferred, TransferFailure>> => {
      const world = {
        ...(signal === undefined ? {} : { signal }),
        ...(onProgress === undefined ? {} : { onProgress }),
      };
      const copied = await transferContent({ from, to, root, referrers, uploads, ...world });
      return copied.ok ? ok({ ...copied.value, manifests: copied.value.manifests + 1 }) : copied;
    }),
  );
  const copied: Transferred[] = [];
  for (const result of results) {
    if (!result.ok) return result;
    copied.push(result.value);
  }
  return ok(copied);
}

/** The stores among these, each place once. */
export function distinct(stores: readonly Store[]): readonly Store[] {
  return stores.filter((store, at) => !stores.slice(0, at).some((before) => isSame(before, store)));
}

/** What several transfers did together. */
export function sum(all: readonly Transferred[]): Transferred {
  const total = (value: (each: Transferred) => number): number =>
    all.reduce((before, each) => before + value(each), 0);
  const notCopied = new Map(
    all.flatMap((each) => each.notCopied.map((blob) => [blob.digest, blob] as const)),
  );
  return {
    manifests: total(({ manifests }) => manifests),
    referrers: total(({ referrers }) => referrers),
    blobs: {
      present: total(({ blobs }) => blobs.present),
      mounted: total(({ blobs }) => blobs.mounted),
      uploaded: total(({ blobs }) => blobs.uploaded),
    },
    bytes: total(({ bytes }) => bytes),
    notCopied: [...notCopied.values()],
  };
}
