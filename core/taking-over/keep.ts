import type { Digest } from "../oci/digest.ts";
import type { PlannedRelease } from "../plan/plan.ts";
import { gatesFingerprint } from "../staging/gates-fingerprint.ts";
import type { StagingRecord } from "../staging/staged.ts";
import { stage, unstage } from "../staging/staging.ts";
import { planDigest } from "../staging/tag.ts";
import { isWhole } from "./marks.ts";
import type { Place, TakeOverOptions } from "./place.ts";
import type { Finished } from "./take-over.ts";

/** A variant's place, and what is known of all. */
export interface Keeping {
  readonly place: Place;
  /** What holds each variant now, for its removal. */
  readonly staged: Map<string, Digest>;
  readonly options: TakeOverOptions;
}

/** Puts a finished variant under its staging tag. That it could not be is told, and stops nothing. */
export async function keep(
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
export async function clear(
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
