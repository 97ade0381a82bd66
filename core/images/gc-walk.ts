import { Slots } from "../concurrent.ts";
import type { Descriptor, Document } from "../oci/descriptor.ts";
import type { Digest } from "../oci/digest.ts";
import { parseDocument } from "../oci/documents.ts";
import { isIndex, isLayer, isManifest } from "../oci/media-type.ts";
import { isAbsent } from "../publish/transfer-graph.ts";
import { referrersTag } from "../registry/referrers.ts";
import type { Store, StoreFailure } from "../registry/store.ts";
import { fail, ok, type Result } from "../result.ts";

/** A name that keeps what it leads to. */
export interface GcRoot {
  readonly name: string;
  /** Tag or digest. */
  readonly reference: string;
}

/** Part of what the roots lead to could not be read: nothing may be called unreachable. */
export type GcIncomplete =
  | {
      readonly kind: "gc-incomplete";
      readonly store: string;
      readonly via: string;
      readonly cause: StoreFailure;
    }
  /** It was read, and what it leads to cannot be told. */
  | {
      readonly kind: "gc-unreadable";
      readonly store: string;
      readonly digest: Digest;
      readonly via: string;
      readonly detail: string;
    };

/** What roots lead to. */
export interface Reached {
  /** Every digest that is reached, blobs included, and from where. */
  readonly digests: ReadonlyMap<Digest, string>;
  /** What each root names; undefined where nothing is there (any more). */
  readonly roots: ReadonlyMap<string, Digest | undefined>;
  /** Manifests that were read. */
  readonly manifests: number;
  /** Named by something, and not there. */
  readonly missing: readonly { readonly digest: Digest; readonly via: string }[];
}

/** Requests under way at the same time. */
const CONCURRENCY = 8;

/** A walk that can be gone on with: from more roots, and into what refers to what it reached. */
export interface Walk {
  visitRoots(roots: readonly GcRoot[]): Promise<Result<void, GcIncomplete>>;
  reached(): Reached;
}

interface Work {
  readonly store: Store;
  readonly slots: Slots;
  readonly signal: AbortSignal | undefined;
  /** Tags of lists of referrers, which lead on from the manifest that they are named after. */
  readonly lists: ReadonlyMap<string, string>;
  readonly askReferrers: boolean;
  readonly digests: Map<Digest, string>;
  readonly roots: Map<string, Digest | undefined>;
  readonly missing: Map<Digest, string>;
  manifests: number;
  failure?: GcIncomplete;
}

/** How to walk: `listTags` are the registry's fallback tags, without `referrers` nobody is asked for any. */
export interface WalkOptions {
  readonly listTags: readonly string[];
  readonly referrers: boolean;
  readonly signal?: AbortSignal | undefined;
}

/** Begins a walk over what a store holds. */
export function beginWalk(store: Store, { listTags, referrers, signal }: WalkOptions): Walk {
  const work: Work = {
    store,
    slots: new Slots(CONCURRENCY),
    signal,
    lists: new Map(listTags.map((tag) => [tag, tag])),
    askReferrers: referrers,
    digests: new Map(),
    roots: new Map(),
    missing: new Map(),
    manifests: 0,
  };
  return {
    visitRoots: async (roots) => {
      await Promise.all(roots.map((root) => visitRoot(work, root)));
      return work.failure === undefined ? ok(undefined) : fail(work.failure);
    },
    reached: () => ({
      digests: work.digests,
      roots: work.roots,
      manifests: work.manifests,
      missing: [...work.missing].map(([digest, via]) => ({ digest, via })),
    }),
  };
}

async function visitRoot(work: Work, { name, reference }: GcRoot): Promise<void> {
  const document = await read(work, reference, name);
  work.roots.set(name, document?.descriptor.digest);
  if (document === undefined) return;
  const { digest } = document.descriptor;
  if (work.digests.has(digest)) return;
  work.digests.set(digest, name);
  await visitDocument(work, document, name);
}

async function visit(work: Work, entry: Descriptor, via: string): Promise<void> {
  if (work.digests.has(entry.digest)) return;
  work.digests.set(entry.digest, via);
  if (isLayer(entry.mediaType)) return;
  const document = await read(work, entry.digest, via);
  if (document !== undefined) return await visitDocument(work, document, via);
  // An entry of another kind may be a blob, which no manifest has to be there for.
  if (isIndex(entry.mediaType) || isManifest(entry.mediaType)) work.missing.set(entry.digest, via);
}

async function visitDocument(work: Work, { bytes, descriptor }: Document, via: string): Promise<void> {
  const { digest } = descriptor;
  const parsed = parseDocument(bytes);
  if (!parsed.ok)
    return stop(work, { kind: "gc-unreadable", ...place(work, via), digest, detail: parsed.error.detail });
  const document = parsed.value;
  work.manifests += 1;
  const below = document.kind === "index" ? document.manifests : [];
  if (document.kind === "manifest")
    for (const blob of [document.config, ...document.layers]) keep(work, blob.digest, digest);
  // What it is about is kept as well: a signature of nothing is of no use.
  const about = document.subject === undefined ? [] : [document.subject];
  await Promise.all([
    ...below.map((entry) => visit(work, entry, digest)),
    ...about.map((subject) => visit(work, subject, digest)),
    visitReferrers(work, digest),
    visitList(work, digest),
  ]);
}

async function visitReferrers(work: Work, digest: Digest): Promise<void> {
  // Lists that are kept in tags are followed as tags.
  const isListed = !work.askReferrers || work.store.keepsReferrersInTags?.() === true;
  if (isListed || work.failure !== undefined) return;
  const listed = await work.slots.hold(() => work.store.referrers(digest, work.signal));
  if (!listed.ok) return stop(work, { kind: "gc-incomplete", ...place(work, digest), cause: listed.error });
  await Promise.all(listed.value.map((entry) => visit(work, entry, digest)));
}

async function visitList(work: Work, digest: Digest): Promise<void> {
  const tag = work.lists.get(referrersTag(digest));
  if (tag !== undefined && !work.roots.has(tag)) await visitRoot(work, { name: tag, reference: tag });
}

function keep(work: Work, digest: Digest, via: string): void {
  if (!work.digests.has(digest)) work.digests.set(digest, via);
}

async function read(work: Work, reference: string, via: string): Promise<Document | undefined> {
  if (work.failure !== undefined) return undefined;
  const answer = await work.slots.hold(() => work.store.manifest(reference, work.signal));
  if (answer.ok) return answer.value;
  if (!isAbsent(answer.error))
    stop(work, { kind: "gc-incomplete", ...place(work, via), cause: answer.error });
  return undefined;
}

function place({ store }: Work, via: string): { readonly store: string; readonly via: string } {
  return { store: store.name, via };
}

function stop(work: Work, failure: GcIncomplete): void {
  work.failure ??= failure;
}
