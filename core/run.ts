import type { BuildKit } from "./buildkit/buildkit.ts";
import { storeOf, type Target } from "./deliver.ts";
import type { RunEvent, VariantOutcome } from "./event.ts";
import type { GateFailure, Gates, ReleaseToCheck } from "./gate.ts";
import type { Document } from "./oci/descriptor.ts";
import type { Plan, PlannedRelease } from "./plan/plan.ts";
import type { PreflightFailed } from "./preflight/preflight-failed.ts";
import type { PublishedManifest } from "./publish/confirm.ts";
import type { Allowed } from "./publish/guard.ts";
import { readAhead, type ReadAhead } from "./publish/read-ahead.ts";
import type { ReleaseRecorder } from "./publish/record.ts";
import type { ReleaseFailure } from "./publish/release-failure.ts";
import { releaseTags, type TagOutcome } from "./publish/release.ts";
import { stitchRelease } from "./publish/stitch.ts";
import { nameInLayout } from "./publish/layout-release.ts";
import type { Publishing } from "./publish/tags.ts";
import type { Uploads } from "./publish/transfer-uploads.ts";
import type { StoreFailure } from "./registry/store.ts";
import type { Timing } from "./registry/retry.ts";
import { fail, ok, type Result } from "./result.ts";
import type { Route } from "./route/route.ts";
import { openRooms } from "./rooms.ts";
import type { TakeOver } from "./taking-over/take-over.ts";
import { solveVariants } from "./variants.ts";

/** A routed plan, and the world to carry it out in. */
export interface RunOptions {
  readonly plan: Plan;
  readonly routes: readonly Route[];
  readonly buildkit: BuildKit;
  readonly target: Target;
  /** What must hold before tags move; absent: no more than that everything is there. */
  readonly gates?: Gates;
  /** What was finished before, and is left for those who come next; absent: nothing is. */
  readonly takeOver?: TakeOver;
  /** Ids of variants that are not built: what other machines have finished, or the tag names, is joined. */
  readonly joined?: ReadonlySet<string>;
  /** A private folder for what one build hands to another, made when it is needed. */
  readonly scratch?: () => Promise<string>;
  /** What was asked beside the build: waited for before anything is released. */
  readonly preflight?: () => Promise<Result<void, PreflightFailed>>;
  readonly onEvent: (event: RunEvent) => void;
  readonly signal: AbortSignal;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** What the guard lets pass; nothing where it is absent. */
  readonly allowed?: Allowed;
  /** Keeps the record of what happens to tags. */
  readonly recorder?: ReleaseRecorder;
  /** For waits; the real clock unless a test has its own. */
  readonly timing?: Pick<Timing, "sleep">;
}

/** All that a run did. */
export interface RunReport {
  /** In the order of the routes. */
  readonly variants: readonly VariantReport[];
  /** Releases whose tags all moved. Empty where a required variant is missing: then no tag has moved. */
  readonly released: readonly Released[];
  /** What stopped the releases once everything was built; with all of them out, why they have no record. */
  readonly failure?: ReleaseFailure | StoreFailure | GateFailure | PreflightFailed;
  /** Path of the record of what happened to tags. */
  readonly record?: string;
  readonly interrupted: boolean;
}

export interface VariantReport {
  /** The last one, where it was moved to another node. */
  readonly route: Route;
  readonly outcome: VariantOutcome;
}

/** An index that is ready for its tags, and the variants in it. */
interface Stitched {
  readonly release: PlannedRelease;
  readonly index: Document;
  readonly manifests: readonly PublishedManifest[];
}

/** A release that is out. */
export interface Released extends Stitched {
  /** In the plan's order. */
  readonly tags: readonly TagOutcome[];
}

/** solve -> confirm -> stitch -> release, for the routes that `plan` shows. */
export async function run(options: RunOptions): Promise<RunReport> {
  const { routes, buildkit, now, signal } = options;
  options.onEvent({ kind: "run-started", atMs: now(), routes, nodes: buildkit.nodes });
  const ahead = watchTags(options);
  const onEvent = (event: RunEvent): void => {
    options.onEvent(event);
    ahead?.onEvent(event);
  };
  const variants = await solveAll({ ...options, onEvent });
  const complete = variants.every(
    ({ route, outcome }) => outcome.kind === "built" || !route.variant.required,
  );
  const goesOn = complete && !signal.aborted;
  const { isOut, ...published } = goesOn ? await releaseAll(options, variants, ahead) : NOT_OUT;
  await options.takeOver?.settle(isOut ? published.released.map(({ release }) => release.name) : []);
  options.onEvent({ kind: "run-ended", atMs: now(), ok: isOut });
  return {
    variants,
    ...published,
    // An interruption that comes when all tags have moved has interrupted nothing.
    interrupted: signal.aborted && !isOut,
    ...(options.recorder?.isWritten() === true ? { record: options.recorder.path } : {}),
  };
}

/** What became of the releases. `isOut` is also true where there was none to make. */
interface Published extends Pick<RunReport, "released" | "failure"> {
  readonly isOut: boolean;
}

const NOT_OUT: Published = { isOut: false, released: [] };

/** Nothing to read where the result does not go to registries. */
function watchTags({ plan, routes, target, signal, now }: RunOptions): ReadAhead | undefined {
  if (target.kind !== "registries") return undefined;
  const { registry } = target;
  const variants = routes.map(({ variant }) => variant);
  return readAhead({ releases: plan.releases.filter(isWhole), variants, registry, signal, now });
}

/** A release that gets its tags: a part of one is pushed only. */
function isWhole({ tags, omitted }: PlannedRelease): boolean {
  return tags.length > 0 && omitted.length === 0;
}

async function solveAll(options: RunOptions): Promise<readonly VariantReport[]> {
  const { plan, routes, buildkit, joined = new Set(), scratch = noScratch } = options;
  const rooms = openRooms(buildkit.nodes, plan.maxParallelism);
  const world = { ...options, joined, scratch, uploads: sharedUploads(), rooms };
  const solved = await solveVariants(routes, plan, world);
  return solved.map(({ route, outcome }) => ({ route, outcome }));
}

function noScratch(): Promise<string> {
  throw new Error(
    "Internal error: one build is to hand its image to another, and there is no folder for that",
  );
}

/** What is being uploaded in this run, made when there is something to upload. */
function sharedUploads(): () => Promise<Uploads> {
  let uploads: Promise<Uploads> | undefined;
  return () => (uploads ??= beginUploads());
}

async function beginUploads(): Promise<Uploads> {
  const { createUploads } = await import("./publish/transfer-uploads.ts");
  return createUploads();
}

/** All releases of the plan together: nothing moves before all that can be known beforehand is known to be right. */
async function releaseAll(
  options: RunOptions,
  variants: readonly VariantReport[],
  ahead: ReadAhead | undefined,
): Promise<Published> {
  const stitched = stitchAll(options, variants);
  if (!stitched.ok) return { ...NOT_OUT, failure: stitched.error };
  const [expected, passed] = await Promise.all([
    options.preflight?.() ?? ok(undefined),
    passGates(stitched.value, options),
  ]);
  if (!expected.ok) return { ...NOT_OUT, failure: expected.error };
  if (!passed.ok) return { ...NOT_OUT, failure: passed.error };
  const { target } = options;
  if (target.kind === "layout") {
    const named = await nameInLayout(stitched.value, target.store, options.signal);
    if (!named.ok) return { ...NOT_OUT, failure: named.error };
  }
  if (target.kind !== "registries" || ahead === undefined || stitched.value.length === 0)
    return { isOut: true, released: stitched.value.map((each) => ({ ...each, tags: [] })) };
  const tagsRead = await ahead.tagsRead();
  if (options.signal.aborted) return NOT_OUT;
  const allowed = options.allowed ?? { shrink: false, downgrade: false };
  const publishing = { ...options, registry: target.registry, ...signing(stitched.value, options) };
  const out = await releaseTags(stitched.value, { tagsRead, allowed }, publishing);
  if (!out.ok) return { ...NOT_OUT, failure: out.error };
  const { tags, unrecorded } = out.value;
  const released = stitched.value.map((each) => ({
    ...each,
    tags: tags.filter(({ release }) => release === each.release.name),
  }));
  return { isOut: true, released, ...(unrecorded === undefined ? {} : { failure: unrecorded }) };
}

/** Every release is looked at before the first one is out, so that all that is wrong is told. */
async function passGates(
  stitched: readonly Stitched[],
  { gates, target, onEvent, signal, now }: RunOptions,
): Promise<Result<void, GateFailure>> {
  if (gates === undefined) return ok(undefined);
  const checks = await Promise.all(
    stitched.map(async ({ release, manifests }) => {
      const store = storeOf(target, release.repositories);
      if (store === undefined) return ok(undefined);
      const onFinding: ReleaseToCheck["onFinding"] = (finding) =>
        onEvent({ kind: "release-finding", atMs: now(), release: release.name, finding });
      return await gates.release({ release, manifests, store, onFinding, signal });
    }),
  );
  return checks.find((check) => !check.ok) ?? ok(undefined);
}

/** Signing is the last thing before the tags move: what is signed is stored then, and named by nothing. */
function signing(
  stitched: readonly Stitched[],
  { gates, onEvent, signal, now }: RunOptions,
): Pick<Publishing, "beforeTags"> {
  const signed = stitched.filter(({ release }) => release.sign !== undefined);
  if (gates === undefined || signed.length === 0) return {};
  return {
    beforeTags: async () => {
      const releases = signed.map(({ release, index, manifests }) => ({
        release,
        repositories: release.repositories,
        index: index.descriptor.digest,
        images: manifests.map(({ manifest }) => manifest.digest),
        onLine: (line: string) => onEvent({ kind: "sign-line", atMs: now(), release: release.name, line }),
      }));
      const done = await gates.sign(releases, signal);
      if (!done.ok) return done;
      for (const { release, index } of releases)
        onEvent({ kind: "release-signed", atMs: now(), release: release.name, digest: index });
      return done;
    },
  };
}

function stitchAll(
  options: RunOptions,
  variants: readonly VariantReport[],
): Result<Stitched[], ReleaseFailure> {
  const stitched: Stitched[] = [];
  // A layout takes parts and what has no tags: it is whoever asked for it that knows what for.
  const isWanted = options.target.kind === "layout" ? () => true : isWhole;
  for (const release of options.plan.releases.filter(isWanted)) {
    const manifests = publishedOf(release, variants);
    if (manifests.length === 0) continue;
    const index = stitchRelease(release, manifests);
    if (!index.ok) return fail(index.error);
    const { digest } = index.value.descriptor;
    options.onEvent({ kind: "release-stitched", atMs: options.now(), release: release.name, digest });
    stitched.push({ release, index: index.value, manifests });
  }
  return ok(stitched);
}

/** In the order of the plan, whatever the order of completion was. */
function publishedOf(release: PlannedRelease, variants: readonly VariantReport[]): PublishedManifest[] {
  const built = new Map(variants.map(({ route, outcome }) => [route.variant.id, outcome]));
  return release.variants.flatMap(({ id }) => {
    const outcome = built.get(id);
    return outcome?.kind === "built" && outcome.published !== undefined ? [outcome.published] : [];
  });
}
