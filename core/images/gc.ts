import { parentsFirst } from "./gc-order.ts";
import { beginWalk, type GcIncomplete, type GcRoot, type Reached, type Walk } from "./gc-walk.ts";
import type { LayoutBlobs } from "../layout/blobs.ts";
import type { Document } from "../oci/descriptor.ts";
import { parseDigest, type Digest } from "../oci/digest.ts";
import { isAbsent } from "../publish/transfer-graph.ts";
import { referrersTag } from "../registry/referrers.ts";
import type { Store, StoreFailure } from "../registry/store.ts";
import { fail, ok, type Result } from "../result.ts";

/** A place to be cleaned up: a repository, or a layout folder with its blobs. */
export interface GcPlace {
  readonly store: Store;
  readonly layout?: LayoutBlobs;
}

/** What nothing reaches. */
export interface Unreachable {
  readonly digest: Digest;
  /** A list of referrers whose subject is gone: the tag that it has. */
  readonly tag?: string;
  readonly size: number;
}

/** What a repository or layout holds, as far as that can be known. */
export interface GcReport {
  /** In the order in which they can be removed: an index before its children. */
  readonly unreachable: readonly Unreachable[];
  /** Candidates that are kept, and what leads to them. */
  readonly kept: readonly { readonly digest: Digest; readonly via: string }[];
  /** Candidates that are not there. */
  readonly absent: readonly Digest[];
  /** Named by something that is kept, and not there. */
  readonly missing: Reached["missing"];
  /** Names that were followed, with what they named then. */
  readonly roots: Reached["roots"];
  /** Manifests that are kept. */
  readonly manifests: number;
}

/** Why nothing was called unreachable, or not all of it removed. */
export type GcFailure =
  | GcIncomplete
  | StoreFailure
  /** Names that were moved, added or removed meanwhile: nothing was deleted. */
  | { readonly kind: "gc-changed"; readonly store: string; readonly names: readonly string[] }
  | {
      readonly kind: "gc-not-deleted";
      readonly store: string;
      readonly deleted: readonly string[];
      readonly failed: string;
      readonly notTried: readonly string[];
      readonly cause: StoreFailure;
    };

const LIST_TAG = /^sha256-[0-9a-f]{64}$/;

/** How to look for what nothing reaches. */
export interface GcOptions {
  /** Tags that are to go, and what they name: they lead to nothing. What they name is a candidate. */
  readonly going?: ReadonlyMap<string, Digest>;
  readonly signal?: AbortSignal;
}

/**
 * Walks everything that tags lead to, and says which candidates nothing reaches. Of a layout all blobs are candidates; of a
 * repository, which cannot list what has no tag, those that are given and lists of referrers whose subject is gone.
 */
export async function findUnreachable(
  { store, layout }: GcPlace,
  candidates: readonly Digest[],
  { going = new Map(), signal }: GcOptions = {},
): Promise<Result<GcReport, GcFailure>> {
  if (layout !== undefined) return await sweepLayout(store, layout, signal);
  const tags = await store.tags(signal);
  if (!tags.ok) return tags;
  const listTags = tags.value.filter((tag) => LIST_TAG.test(tag));
  const walk = beginWalk(store, { listTags, referrers: true, signal });
  const names = tags.value.filter((tag) => !LIST_TAG.test(tag) && !going.has(tag));
  const walked = await walk.visitRoots(names.map(asRoot));
  if (!walked.ok) return walked;
  const world: World = {
    store,
    walk,
    candidates: new Set([...candidates, ...going.values()]),
    going,
    signal,
  };
  const orphaned = await findOrphanedLists(world, listTags);
  if (!orphaned.ok) return orphaned;
  return await report(world, orphaned.value);
}

interface World {
  readonly store: Store;
  readonly walk: Walk;
  readonly candidates: ReadonlySet<Digest>;
  readonly going: ReadonlyMap<string, Digest>;
  readonly signal: AbortSignal | undefined;
}

/** A list whose subject is there keeps what it names, unless the subject itself is to go. Answers the others. */
async function findOrphanedLists(
  { store, walk, candidates, signal }: World,
  listTags: readonly string[],
): Promise<Result<readonly string[], GcFailure>> {
  const orphaned: string[] = [];
  for (const tag of listTags) {
    const subject = parseDigest(tag.replace("-", ":"));
    if (subject === undefined || walk.reached().roots.has(tag)) continue;
    const isDoomed = candidates.has(subject) && !walk.reached().digests.has(subject);
    const there = isDoomed ? ok(undefined) : await store.resolve(subject, signal);
    if (!there.ok) return fail({ kind: "gc-incomplete", store: store.name, via: tag, cause: there.error });
    if (there.value === undefined) {
      orphaned.push(tag);
      continue;
    }
    const walked = await walk.visitRoots([asRoot(tag)]);
    if (!walked.ok) return walked;
  }
  // What was walked last may lead to a subject that was thought to be gone.
  const reached = walk.reached();
  const late = orphaned.filter((tag) =>
    [...reached.digests.keys()].some((digest) => referrersTag(digest) === tag),
  );
  const walked = await walk.visitRoots(late.map(asRoot));
  return walked.ok ? ok(orphaned.filter((tag) => !late.includes(tag))) : walked;
}

async function report(
  { store, walk, candidates, going, signal }: World,
  orphaned: readonly string[],
): Promise<Result<GcReport, GcFailure>> {
  const { digests, missing, roots, manifests } = walk.reached();
  const lists = await readAll(store, orphaned, signal);
  if (!lists.ok) return lists;
  const loose = await readAll(
    store,
    [...candidates].filter((digest) => !digests.has(digest)),
    signal,
  );
  if (!loose.ok) return loose;
  // A list that was given by its digest as well is told once, by its tag.
  const documents = new Map(
    [...loose.value, ...lists.value].flatMap(({ document }) =>
      document === undefined || digests.has(document.descriptor.digest)
        ? []
        : [[document.descriptor.digest, document] as const],
    ),
  );
  const tags = new Map(
    lists.value.map(({ reference, document }) => [document?.descriptor.digest, reference]),
  );
  return ok({
    unreachable: parentsFirst([...documents.values()]).map(({ descriptor: { digest, size } }) => {
      const tag = tags.get(digest);
      return { digest, size, ...(tag === undefined ? {} : { tag }) };
    }),
    kept: [...candidates].flatMap((digest) => keptBy(digest, digests)),
    absent: loose.value.flatMap(({ reference, document }) => {
      const digest = parseDigest(reference);
      return document !== undefined || digest === undefined ? [] : [digest];
    }),
    missing,
    roots: new Map([...roots, ...going, ...lists.value.map(namedBy)]),
    manifests,
  });
}

function keptBy(digest: Digest, digests: Reached["digests"]): GcReport["kept"] {
  const via = digests.get(digest);
  return via === undefined ? [] : [{ digest, via }];
}

function namedBy({ reference, document }: Loose): readonly [string, Digest | undefined] {
  return [reference, document?.descriptor.digest];
}

interface Loose {
  readonly reference: string;
  readonly document: Document | undefined;
}

async function readAll(
  store: Store,
  references: readonly string[],
  signal: AbortSignal | undefined,
): Promise<Result<readonly Loose[], GcFailure>> {
  const read: Loose[] = [];
  for (const reference of references) {
    const answer = await store.manifest(reference, signal);
    if (!answer.ok && !isAbsent(answer.error))
      return fail({ kind: "gc-incomplete", store: store.name, via: reference, cause: answer.error });
    read.push({ reference, document: answer.ok ? answer.value : undefined });
  }
  return ok(read);
}

async function sweepLayout(
  store: Store,
  layout: LayoutBlobs,
  signal: AbortSignal | undefined,
): Promise<Result<GcReport, GcFailure>> {
  const roots = await layoutRoots(layout);
  if (!roots.ok) return roots;
  // Whatever refers to something in a layout is an entry of its index.json itself.
  const walk = beginWalk(store, { listTags: [], referrers: false, signal });
  const walked = await walk.visitRoots(roots.value);
  if (!walked.ok) return walked;
  const blobs = await layout.list();
  if (!blobs.ok) return blobs;
  const { digests, missing, roots: named, manifests } = walk.reached();
  const unreachable = blobs.value.filter(({ digest }) => !digests.has(digest));
  const kept = blobs.value.flatMap(({ digest }) => keptBy(digest, digests));
  // Their names are their digests: there is nothing that they could name otherwise.
  const unnamed = new Map([...named.keys()].map((name) => [name, undefined]));
  return ok({ unreachable, kept, absent: [], missing, roots: unnamed, manifests });
}

async function layoutRoots(layout: LayoutBlobs): Promise<Result<readonly GcRoot[], StoreFailure>> {
  const entries = await layout.roots();
  return entries.ok ? ok(entries.value.map(({ digest }) => asRoot(digest))) : entries;
}

function asRoot(reference: string): GcRoot {
  return { name: reference, reference };
}
