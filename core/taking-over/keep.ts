import type { StoreFailure } from "../registry/store.ts";
import type { PlannedRelease } from "../plan/plan.ts";
import { gatesFingerprint } from "../staging/gates-fingerprint.ts";
import {
  seeItStays,
  stage,
  stageAlone,
  type Held,
  type Staged,
  type StagingContended,
} from "../staging/hold.ts";
import { slotOf } from "../staging/slots.ts";
import type { StagingRecord } from "../staging/staged.ts";
import { planDigest } from "../staging/tag.ts";
import { unstage, unstageAlone } from "../staging/unstage.ts";
import { isWhole } from "./marks.ts";
import type { Place, TakeOverOptions } from "./place.ts";
import type { Finished } from "./take-over.ts";

/** A variant's place, and what is known of all. */
export interface Keeping {
  readonly place: Place;
  /** What holds each variant now, for its removal. */
  readonly held: Map<string, Held>;
  readonly options: TakeOverOptions;
}

/** A variant that was put under a staging tag which other pipelines have, too. */
export interface Kept {
  readonly place: Place;
  readonly staged: Staged;
}

/** Puts a finished variant under its staging tag. That it could not be is told, and stops nothing. */
export async function keep(finished: Finished, { place, held, options }: Keeping): Promise<Kept | undefined> {
  const { store, tag, variant, isShared } = place;
  const record = await recordOf(finished, place, options);
  const wanted = { tag: tag.tag, slot: slotOf(finished.image, record) };
  if (!isShared) {
    const put = await stageAlone(store, wanted, options);
    if (put.ok) held.set(variant.id, put.value);
    else tellNotKept(place, put.error, options);
    return undefined;
  }
  const put = await stage(store, wanted, options);
  if (!put.ok) {
    tellNotKept(place, put.error, options);
    return undefined;
  }
  held.set(variant.id, put.value.held);
  return { place, staged: put.value };
}

async function recordOf(
  { route, durationMs, circumstances, checked }: Finished,
  { variant, release }: Place,
  { inputsOf, planPartOf, revision, now }: TakeOverOptions,
): Promise<StagingRecord> {
  const inputs = await inputsOf(variant, circumstances);
  const { node, execution } = route;
  const { buildkitVersion } = node;
  return {
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
}

/** Waits until it is known that what was kept for others stays there, though other pipelines write the same tag. */
export async function seeKept({ place, staged }: Kept, options: TakeOverOptions): Promise<void> {
  const stays = await seeItStays(place.store, staged, options);
  if (!stays.ok) tellNotKept(place, stays.error, options);
}

function tellNotKept(
  { variant, tag }: Place,
  cause: StoreFailure | StagingContended,
  { onEvent, signal, now }: TakeOverOptions,
): void {
  if (!signal.aborted) onEvent({ kind: "variant-not-kept", atMs: now(), variant: variant.id, tag, cause });
}

/** Removes what held the variants of a release that is out. A registry that does not remove is told of once. */
export async function clear(
  release: PlannedRelease,
  {
    places,
    held,
    options,
  }: {
    readonly places: ReadonlyMap<string, Place>;
    readonly held: ReadonlyMap<string, Held>;
    readonly options: TakeOverOptions;
  },
): Promise<void> {
  const left = await Promise.all(
    release.variants.map(async ({ id }) => {
      const [place, own] = [places.get(id), held.get(id)];
      if (place === undefined || own === undefined) return [];
      const removed = await remove(place, own, options);
      return removed.ok && removed.value.kind === "removed" ? [] : [place.tag];
    }),
  );
  const tags = left.flat();
  if (tags.length > 0)
    options.onEvent({ kind: "staging-left", atMs: options.now(), release: release.name, tags });
}

async function remove({ store, isShared }: Place, held: Held, options: TakeOverOptions) {
  return isShared || held.alone === undefined
    ? await unstage(store, held, options)
    : await unstageAlone(store, held.alone, options.signal);
}
