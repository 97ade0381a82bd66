import { createHash } from "node:crypto";
import { normalizePlatform, type Platform } from "../platforms/platform.ts";
import type { RunEvent } from "./event.ts";
import type { Inputs } from "./inputs/inputs.ts";
import { attestedDigest, isAttestation } from "./oci/attestation.ts";
import type { Descriptor } from "./oci/descriptor.ts";
import { parseDigest, type Digest } from "./oci/digest.ts";
import { parseDocument, type Index } from "./oci/documents.ts";
import { formatReference, type TaggedReference } from "./oci/reference.ts";
import type { PlannedRelease, Variant } from "./plan/plan.ts";
import { confirmVariant, type ConfirmedImage, type PublishedManifest } from "./publish/confirm.ts";
import type { Registry } from "./registry/registry.ts";
import type { Timing } from "./registry/retry.ts";
import type { Store, StoreFailure } from "./registry/store.ts";
import { ok, type Result } from "./result.ts";
import { gatesFingerprint } from "./staging/gates-fingerprint.ts";
import type { StagingRecord, StagingUnusable } from "./staging/staged.ts";
import { findStaged, stage, unstage, type StagingLookup } from "./staging/staging.ts";
import { planDigest, stagingTag } from "./staging/tag.ts";
import type { Circumstances, Finished, NotTaken, Taken, TakeOver } from "./take-over.ts";

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

/** The annotation by which an index says what an image in it was made of. */
export const INPUTS_ANNOTATION = "dev.buildx-plan.inputs";

/**
 * Meets earlier runs and other machines in the registry: in the first repository of each release, under staging tags, and in what
 * its tag names now. All that can be asked is asked at once, before anything is built.
 */
export function meetInRegistry(options: TakeOverOptions): TakeOver {
  const places = placesOf(options);
  const kept: Promise<void>[] = [];
  const staged = new Map<string, Digest>();
  for (const place of places.values()) if (looksAtStaging(place, options)) void place.staging();
  return {
    find: async (variant, circumstances) => {
      const place = places.get(variant.id);
      if (place === undefined || mustBeBuilt(variant, options)) return ok(nowhere([]));
      const reused = await findReleased(place, circumstances, options);
      if (reused !== undefined) return ok(reused);
      const found = looksAtStaging(place, options) ? await place.staging() : ok(ABSENT);
      if (!found.ok) return found;
      const judged = await judge(found.value, place, { circumstances, options });
      if (judged.kind === "taken" && found.value.kind === "staged")
        staged.set(variant.id, found.value.staged.digest);
      const isAppended = options.appends === true && options.joined.has(variant.id);
      return judged.kind === "absent" && isAppended ? await takeFromTag(place, options) : ok(judged);
    },
    mark: async (variant, image, circumstances) => {
      const place = places.get(variant.id);
      if (place?.release.reuse === undefined) return image;
      const mark = await markOf(place, circumstances, options);
      return mark === undefined ? image : withMark(image, mark);
    },
    keep: (finished) => {
      const place = places.get(finished.route.variant.id);
      if (place === undefined || place.release.staging === false) return;
      kept.push(keep(finished, { place, staged, options }));
    },
    settle: async (released) => {
      await Promise.all(kept);
      await Promise.all(
        options.releases
          .filter(({ name }) => released.includes(name))
          .map((release) => clear(release, { places, staged, options })),
      );
    },
  };
}

/** Whoever wants no cache wants a build, and files are written by builds alone. */
function mustBeBuilt({ id, build }: Variant, { joined }: TakeOverOptions): boolean {
  return !joined.has(id) && (build.noCache || build.outputs.length > 0);
}

/** Where a variant is looked for. */
interface Place {
  readonly variant: Variant;
  readonly release: PlannedRelease;
  /** The first repository of the release. */
  readonly store: Store;
  readonly tag: TaggedReference;
  /** Reads what is under its staging tag; once, however often it is asked. */
  readonly staging: () => Promise<Result<StagingLookup, StoreFailure>>;
  /** Reads what the release's first tag names now; shared by all its variants. */
  readonly current: () => Promise<Result<Index | undefined, StoreFailure>>;
}

function placesOf(options: TakeOverOptions): ReadonlyMap<string, Place> {
  return new Map(options.releases.flatMap((release) => placesIn(release, options)));
}

function placesIn(release: PlannedRelease, options: TakeOverOptions): readonly (readonly [string, Place])[] {
  const { registry, planPartOf, revision, signal, timing } = options;
  const [repository] = release.repositories;
  if (repository === undefined) return [];
  const store = registry.store(repository);
  const current = once(() => readCurrent(release, store, signal));
  return release.variants.map((variant) => {
    const scope =
      release.staging === "commit"
        ? { scope: `${planDigest(release, planPartOf(variant))} ${revision ?? ""}` }
        : {};
    const name = stagingTag({ release, variant, ...scope });
    const waits = timing === undefined ? {} : { timing };
    const staging = once(() => findStaged(store, { tag: name, variant, ...waits }, signal));
    const tag = { ...repository, tag: name };
    return [variant.id, { variant, release, store, tag, staging, current }];
  });
}

const ABSENT: StagingLookup = { kind: "absent" };

function looksAtStaging({ release, variant }: Place, options: TakeOverOptions): boolean {
  const { builds, joined } = options;
  if (release.staging === false || mustBeBuilt(variant, options)) return false;
  return builds !== "all" || joined.has(variant.id);
}

function once<T>(ask: () => Promise<T>): () => Promise<T> {
  let asked: Promise<T> | undefined;
  return () => (asked ??= ask());
}

function nowhere(lookedAt: readonly string[], detail?: string): NotTaken {
  return { kind: "absent", lookedAt, ...(detail === undefined ? {} : { detail }) };
}

interface Judging {
  readonly circumstances: Circumstances;
  readonly options: TakeOverOptions;
}

/** Is what was finished before what would come of a build now? */
async function judge(found: StagingLookup, place: Place, judging: Judging): Promise<Taken | NotTaken> {
  const lookedAt = [formatReference(place.tag)];
  if (found.kind === "absent") return nowhere(lookedAt);
  if (found.kind === "unusable") return nowhere(lookedAt, unusableWords(found.why));
  const { published, record } = found.staged;
  const differs = await differenceOf(record, place, judging);
  if (differs !== undefined) return nowhere(lookedAt, differs);
  return {
    kind: "taken",
    from: "staging",
    image: published,
    built: record.route,
    ...(record.checked === undefined ? {} : { checked: record.checked }),
  };
}

async function differenceOf(
  record: StagingRecord,
  { release, variant }: Place,
  { circumstances, options }: Judging,
): Promise<string | undefined> {
  const { joined, planPartOf, revision } = options;
  if (record.plan !== planDigest(release, planPartOf(variant)))
    return "it was finished for other settings of the plan";
  if (record.gates !== gatesFingerprint({ release, variant }))
    return "it has passed other checks than the plan asks for now";
  if (joined.has(variant.id))
    return record.revision === revision || record.revision === undefined || revision === undefined
      ? undefined
      : `it is of commit ${record.revision}, and this is ${revision}`;
  if (record.inputs === undefined) return "not all that it was made of can be told";
  const inputs = await options.inputsOf(variant, circumstances);
  return inputs?.digest === record.inputs ? undefined : "it was made of other inputs";
}

function unusableWords(why: StagingUnusable): string {
  switch (why.kind) {
    case "staging-foreign":
      return "what is there was not put there by buildx-plan";
    case "staging-other-version":
      return `another version of buildx-plan put it there (format ${why.version})`;
    case "staging-other-variant":
      return `it holds ${why.variant}`;
    case "staging-malformed":
      return why.detail;
    case "staging-image-lost":
      return `the registry has removed ${why.missing}`;
    case "staging-image-invalid":
      return `${why.cause.digest} is not what it should be`;
    default:
      return why satisfies never;
  }
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

/** A variant that the release's tag names already, made of the very same: it stays as it is, and is not looked at any further. */
async function findReleased(
  place: Place,
  circumstances: Circumstances,
  options: TakeOverOptions,
): Promise<Taken | undefined> {
  if (place.release.reuse === undefined || options.builds === "all") return undefined;
  const index = await place.current();
  if (!index.ok || index.value === undefined) return undefined;
  const entry = entryFor(index.value, place.variant);
  const named = parseDigest(entry?.annotations?.[INPUTS_ANNOTATION] ?? "");
  if (entry === undefined || named === undefined) return undefined;
  const mark = await markOf(place, circumstances, options);
  if (mark !== named) return undefined;
  return { kind: "taken", from: "release", image: asItStands(entry, index.value, place.variant) };
}

/** A variant that is not to be built is taken as the tag has it; where it has none, there is none. */
async function takeFromTag(
  place: Place,
  { signal, timing }: TakeOverOptions,
): Promise<Result<Taken | NotTaken, StoreFailure>> {
  const { variant, release, store } = place;
  const [first] = release.tags;
  const lookedAt = first === undefined ? [] : [formatReference(first)];
  const index = await place.current();
  if (!index.ok) return index;
  const entry = index.value === undefined ? undefined : entryFor(index.value, variant);
  if (index.value === undefined || entry === undefined)
    return ok(
      nowhere(lookedAt, index.value === undefined ? "no index is there" : "its index has no such platform"),
    );
  const annotations = entry.annotations ?? {};
  const about = { variant: variant.id, platform: variant.platform, digest: entry.digest, annotations };
  const confirmed = await confirmVariant(store, timing === undefined ? about : { ...about, timing }, signal);
  if (!confirmed.ok)
    return confirmed.error.kind === "confirm-unreadable"
      ? { ok: false, error: confirmed.error.cause }
      : ok(nowhere(lookedAt, `${entry.digest} is not an image for this platform`));
  const attestations = attestationsOf(index.value, entry.digest);
  return ok({ kind: "taken", from: "release", image: { ...confirmed.value, attestations } });
}

function entryFor({ manifests }: Index, { platform }: Variant): Descriptor | undefined {
  return manifests.find(
    (entry) => !isAttestation(entry) && entry.platform !== undefined && isFor(entry.platform, platform),
  );
}

/** The version of Windows that an entry names may come of its base. */
function isFor(entry: Platform, wanted: Platform): boolean {
  const { os, architecture, variant, osVersion } = normalizePlatform(wanted);
  const named = normalizePlatform(entry);
  return (
    named.os === os &&
    named.architecture === architecture &&
    named.variant === variant &&
    (osVersion === undefined || named.osVersion === osVersion)
  );
}

function attestationsOf({ manifests }: Index, image: Digest): readonly Descriptor[] {
  return manifests.filter((entry) => isAttestation(entry) && attestedDigest(entry) === image);
}

function asItStands(entry: Descriptor, index: Index, { id, platform }: Variant): PublishedManifest {
  return {
    variant: id,
    platform: normalizePlatform(platform),
    manifest: entry,
    attestations: attestationsOf(index, entry.digest),
    layers: [],
  };
}

/** What an index says of a variant's inputs: those that it was made of, and the checks that it has passed. */
async function markOf(
  { variant, release }: Place,
  circumstances: Circumstances,
  { inputsOf }: TakeOverOptions,
): Promise<Digest | undefined> {
  const inputs = await inputsOf(variant, circumstances);
  if (inputs === undefined || !isWhole(inputs, release)) return undefined;
  const facts = `${inputs.digest}\n${gatesFingerprint({ release, variant })}`;
  return `sha256:${createHash("sha256").update(facts).digest("hex")}`;
}

/** Are all inputs in the digest, as far as the plan minds? */
function isWhole({ unknown }: Inputs, { unknownInputs }: PlannedRelease): boolean {
  return unknown.length === 0 || unknownInputs === "ignore";
}

function withMark(image: ConfirmedImage, mark: Digest): ConfirmedImage {
  const annotations = { ...image.manifest.annotations, [INPUTS_ANNOTATION]: mark };
  return { ...image, manifest: { ...image.manifest, annotations } };
}

interface Keeping {
  readonly place: Place;
  /** What holds each variant now, for its removal. */
  readonly staged: Map<string, Digest>;
  readonly options: TakeOverOptions;
}

async function keep(
  { route, image, durationMs, circumstances, checked }: Finished,
  { place, staged, options }: Keeping,
): Promise<void> {
  const { variant, release, store, tag } = place;
  const { revision, planPartOf, onEvent, signal, timing, now } = options;
  const inputs = await options.inputsOf(variant, circumstances);
  const { node, execution } = route;
  const { buildkitVersion } = node;
  const record: StagingRecord = {
    variant: variant.id,
    plan: planDigest(release, planPartOf(variant)),
    ...(inputs === undefined || !isWhole(inputs, release) ? {} : { inputs: inputs.digest }),
    ...(revision === undefined ? {} : { revision }),
    route: { node: node.name, execution, ...(buildkitVersion === undefined ? {} : { buildkitVersion }) },
    durationMs,
    stagedAt: new Date(now()).toISOString(),
    gates: gatesFingerprint({ release, variant }),
    ...(checked === undefined ? {} : { checked }),
  };
  const put = await stage(store, { tag: tag.tag, published: image, record }, { signal, timing });
  if (put.ok) staged.set(variant.id, put.value);
  else if (!signal.aborted)
    onEvent({ kind: "variant-not-kept", atMs: now(), variant: variant.id, tag, cause: put.error });
}

/** Removes what held the variants of a release that is out. A registry that does not remove is told of once. */
async function clear(
  release: PlannedRelease,
  {
    places,
    staged,
    options,
  }: {
    readonly places: ReadonlyMap<string, Place>;
    readonly staged: ReadonlyMap<string, Digest>;
    readonly options: TakeOverOptions;
  },
): Promise<void> {
  const left = await Promise.all(
    release.variants.map(async ({ id }) => {
      const [place, digest] = [places.get(id), staged.get(id)];
      if (place === undefined || digest === undefined) return [];
      const removed = await unstage(place.store, digest, options.signal);
      return removed.ok && removed.value.kind === "removed" ? [] : [place.tag];
    }),
  );
  const tags = left.flat();
  if (tags.length > 0)
    options.onEvent({ kind: "staging-left", atMs: options.now(), release: release.name, tags });
}
