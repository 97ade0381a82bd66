import type { BuildKit } from "./buildkit/buildkit.ts";
import { Slots } from "./concurrent.ts";
import type { Target } from "./deliver.ts";
import type { RunEvent, VariantOutcome } from "./event.ts";
import type { Document } from "./oci/descriptor.ts";
import type { Plan, PlannedRelease } from "./plan/plan.ts";
import type { PublishedManifest } from "./publish/confirm.ts";
import { moveTags, putIndexes, stitchRelease, type ReleaseFailure } from "./publish/release.ts";
import type { Uploads } from "./publish/transfer-uploads.ts";
import { fail, ok, type Result } from "./result.ts";
import type { Route } from "./route/route.ts";
import { solveVariant } from "./solve.ts";

/** A routed plan, and the world to carry it out in. */
export interface RunOptions {
  readonly plan: Plan;
  readonly routes: readonly Route[];
  readonly buildkit: BuildKit;
  readonly target: Target;
  readonly onEvent: (event: RunEvent) => void;
  readonly signal: AbortSignal;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/** All that a run did. */
export interface RunReport {
  /** In the order of the routes. */
  readonly variants: readonly VariantReport[];
  /** Releases whose tags all moved. Empty where a required variant is missing: then no tag has moved. */
  readonly released: readonly Released[];
  /** What stopped the releases once everything was built. */
  readonly failure?: ReleaseFailure;
  readonly interrupted: boolean;
}

export interface VariantReport {
  readonly route: Route;
  readonly outcome: VariantOutcome;
}

/** A release that is out: its index, and the variants in it. */
export interface Released {
  readonly release: PlannedRelease;
  readonly index: Document;
  readonly manifests: readonly PublishedManifest[];
}

/** solve -> confirm -> stitch -> release, for the routes that `plan` shows. */
export async function run(options: RunOptions): Promise<RunReport> {
  const { routes, buildkit, now, signal } = options;
  options.onEvent({ kind: "run-started", atMs: now(), routes, nodes: buildkit.nodes });
  const variants = await solveAll(options);
  const complete = variants.every(
    ({ route, outcome }) => outcome.kind === "built" || !route.variant.required,
  );
  const goesOn = complete && !signal.aborted;
  const released = goesOn ? await releaseAll(options, variants) : ok([]);
  // An interruption that comes when all tags have moved has interrupted nothing.
  const isDone = goesOn && released.ok;
  options.onEvent({ kind: "run-ended", atMs: now(), ok: isDone });
  return {
    variants,
    released: released.ok ? released.value : [],
    interrupted: signal.aborted && !isDone,
    ...(released.ok ? {} : { failure: released.error }),
  };
}

/** All variants at once, as far as their nodes have room. One that fails stops no other: what is built can still be used. */
async function solveAll(options: RunOptions): Promise<VariantReport[]> {
  const slots = new Map(options.buildkit.nodes.map((node) => [node.name, new Slots(node.maxParallelism)]));
  const uploads = sharedUploads();
  const solveOnNode = async (route: Route): Promise<VariantReport> => {
    const slot = slots.get(route.node.name) ?? new Slots(1);
    const onNode = <T>(task: () => Promise<T>): Promise<T> => slot.hold(task);
    return { route, outcome: await solveVariant(route, { ...options, uploads, onNode }) };
  };
  return await Promise.all(options.routes.map(solveOnNode));
}

/** What is being uploaded in this run, imported when there is something to upload. */
function sharedUploads(): () => Promise<Uploads> {
  let uploads: Promise<Uploads> | undefined;
  const begin = async (): Promise<Uploads> => {
    const { createUploads } = await import("./publish/transfer-uploads.ts");
    return createUploads();
  };
  return () => (uploads ??= begin());
}

/** Every index is stored in every repository before the first tag of any release moves. */
async function releaseAll(
  options: RunOptions,
  variants: readonly VariantReport[],
): Promise<Result<Released[], ReleaseFailure>> {
  const stitched = stitchAll(options, variants);
  if (!stitched.ok) return stitched;
  const { target } = options;
  if (target.kind !== "registries") return stitched;
  const publishing = {
    registry: target.registry,
    onEvent: options.onEvent,
    signal: options.signal,
    now: options.now,
  };
  const put = await putIndexes(stitched.value, publishing);
  if (!put.ok) return put;
  const moved = await moveTags(stitched.value, publishing);
  return moved.ok ? stitched : moved;
}

function stitchAll(
  options: RunOptions,
  variants: readonly VariantReport[],
): Result<Released[], ReleaseFailure> {
  const released: Released[] = [];
  const whole = options.plan.releases.filter(({ tags, omitted }) => tags.length > 0 && omitted.length === 0);
  for (const release of whole) {
    const manifests = publishedOf(release, variants);
    if (manifests.length === 0) continue;
    const index = stitchRelease(release, manifests);
    if (!index.ok) return fail(index.error);
    const { digest } = index.value.descriptor;
    options.onEvent({ kind: "release-stitched", atMs: options.now(), release: release.name, digest });
    released.push({ release, index: index.value, manifests });
  }
  return ok(released);
}

/** In the order of the plan, whatever the order of completion was. */
function publishedOf(release: PlannedRelease, variants: readonly VariantReport[]): PublishedManifest[] {
  const built = new Map(variants.map(({ route, outcome }) => [route.variant.id, outcome]));
  return release.variants.flatMap(({ id }) => {
    const outcome = built.get(id);
    return outcome?.kind === "built" && outcome.published !== undefined ? [outcome.published] : [];
  });
}
