import type { RunEvent } from "../event.ts";
import type { Inputs } from "../inputs/inputs.ts";
import type { Digest } from "../oci/digest.ts";
import { parseDocument, type Index } from "../oci/documents.ts";
import type { TaggedReference } from "../oci/reference.ts";
import type { PlannedRelease, Variant } from "../plan/plan.ts";
import { revisionFacts } from "../publish/tag-now.ts";
import type { Registry } from "../registry/registry.ts";
import type { Timing } from "../registry/retry.ts";
import type { Store, StoreFailure } from "../registry/store.ts";
import { ok, type Result } from "../result.ts";
import type { Slot, StagedSlot } from "../staging/staged.ts";
import { confirmSlot, readSlots, type ConfirmedSlot, type StagingLookup } from "../staging/staging.ts";
import { planDigest, stagingTag } from "../staging/tag.ts";
import type { Circumstances } from "./take-over.ts";

/** What taking over needs of a run and of the world. */
export interface TakeOverOptions {
  readonly releases: readonly PlannedRelease[];
  readonly registry: Registry;
  /** What a variant is made of, as far as anybody can tell. */
  readonly inputsOf: (variant: Variant, circumstances: Circumstances) => Promise<Inputs | undefined>;
  /** The plan's part of a variant in canonical text. */
  readonly planPartOf: (variant: Variant) => string;
  /** Commit of the project, where git tells one. */
  readonly revision?: string;
  /** Is nothing taken over that could be built? What is built is kept all the same. */
  readonly builds?: "all";
  /** Ids of variants that are not built: whatever was finished for the same plan and commit is right. */
  readonly joined: ReadonlySet<string>;
  /** Those of them that are not staged are taken from what the first tag of their release names now. */
  readonly appends?: true;
  readonly onEvent: (event: RunEvent) => void;
  readonly signal: AbortSignal;
  readonly now: () => number;
  /** For waits; the real clock unless a test has its own. */
  readonly timing?: Pick<Timing, "sleep">;
}

/** Where a variant is looked for. */
export interface Place {
  readonly variant: Variant;
  readonly release: PlannedRelease;
  /** The first repository of the release. */
  readonly store: Store;
  readonly tag: TaggedReference;
  /** Do several pipelines have this staging tag? */
  readonly isShared: boolean;
  /** Reads what is under its staging tag; once, however often it is asked. */
  readonly staging: () => Promise<Result<StagingLookup, StoreFailure>>;
  /** Reads back what a slot there names; once for each. */
  readonly confirm: (found: FoundSlot) => Promise<Result<ConfirmedSlot, StoreFailure>>;
  /** Reads what the release's first tag names now; shared by all its variants. */
  readonly current: () => Promise<Result<Index | undefined, StoreFailure>>;
  /** Do all tags of the release name what this very commit has released? Asked once for all its variants. */
  readonly isOut: () => Promise<boolean>;
}

/** A slot of a staging tag. */
export interface FoundSlot {
  readonly staged: StagedSlot;
  /** Of the index that has it. */
  readonly digest: Digest;
  /** Has that index no other? */
  readonly isAlone: boolean;
}

/** The places of all variants that go to a registry, by id; nothing is asked yet. */
export function placesOf(options: TakeOverOptions): ReadonlyMap<string, Place> {
  return new Map(options.releases.flatMap((release) => placesIn(release, options)));
}

function placesIn(release: PlannedRelease, options: TakeOverOptions): readonly (readonly [string, Place])[] {
  const { registry, planPartOf, revision, signal, timing } = options;
  const [repository] = release.repositories;
  if (repository === undefined) return [];
  const store = registry.store(repository);
  const current = once(() => readCurrent(release, store, signal));
  const out = once(() => isOut(release, current, options));
  const waits = timing === undefined ? {} : { timing };
  const isShared = release.staging !== "commit";
  return release.variants.map((variant) => {
    const scope = isShared ? {} : { scope: `${planDigest(release, planPartOf(variant))} ${revision ?? ""}` };
    const name = stagingTag({ release, variant, ...scope });
    const staging = once(() => readSlots(store, name, signal));
    const confirm = onceEach((found: FoundSlot) =>
      confirmSlot(store, { ...found, variant, ...waits }, signal),
    );
    const tag = { ...repository, tag: name };
    return [variant.id, { variant, release, store, tag, isShared, staging, confirm, current, isOut: out }];
  });
}

/** Whoever wants no cache wants a build, and files are written by builds alone. */
export function mustBeBuilt({ id, build }: Variant, { joined }: TakeOverOptions): boolean {
  return !joined.has(id) && (build.noCache || build.outputs.length > 0);
}

/** May it be under a staging tag, and does anybody want to know? */
export function looksAtStaging({ release, variant }: Place, options: TakeOverOptions): boolean {
  const { builds, joined } = options;
  if (release.staging === false || mustBeBuilt(variant, options)) return false;
  return builds !== "all" || joined.has(variant.id);
}

function once<T>(ask: () => Promise<T>): () => Promise<T> {
  let asked: Promise<T> | undefined;
  return () => (asked ??= ask());
}

function onceEach<T>(ask: (found: FoundSlot) => Promise<T>): (found: FoundSlot) => Promise<T> {
  const asked = new Map<Slot, Promise<T>>();
  return (found) => {
    const { slot } = found.staged;
    const answer = asked.get(slot) ?? ask(found);
    asked.set(slot, answer);
    return answer;
  };
}

async function readCurrent(
  { tags }: PlannedRelease,
  store: Store,
  signal: AbortSignal,
): Promise<Result<Index | undefined, StoreFailure>> {
  const [first] = tags;
  if (first === undefined) return ok(undefined);
  const read = await store.manifest(first.tag, signal);
  if (!read.ok) return read.error.kind === "manifest-unknown" ? ok(undefined) : read;
  const parsed = parseDocument(read.value.bytes);
  return ok(parsed.ok && parsed.value.kind === "index" ? parsed.value : undefined);
}

/** One index under all of them: then a tag that is to move would have moved. */
async function isOut(
  { tags }: PlannedRelease,
  current: Place["current"],
  { registry, revision, signal }: TakeOverOptions,
): Promise<boolean> {
  const index = await current();
  if (revision === undefined || !index.ok || index.value === undefined) return false;
  if (revisionFacts(index.value.annotations).revision !== revision) return false;
  const named = await Promise.all(tags.map((tag) => registry.store(tag).resolve(tag.tag, signal)));
  const digests = new Set(named.map((each) => (each.ok ? each.value?.digest : undefined)));
  return digests.size === 1 && !digests.has(undefined);
}
