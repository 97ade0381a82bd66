import type { Digest } from "../oci/digest.ts";
import { ok } from "../result.ts";
import type { StagingLookup } from "../staging/staging.ts";
import { judge } from "./judge.ts";
import { clear, keep } from "./keep.ts";
import { markOf, withMark } from "./marks.ts";
import { looksAtStaging, mustBeBuilt, placesOf, type Place, type TakeOverOptions } from "./place.ts";
import { findReleased, takeFromTag } from "./released.ts";
import type { TakeOver } from "./take-over.ts";

const ABSENT: StagingLookup = { kind: "absent" };
const NOWHERE = { kind: "absent", lookedAt: [] } as const;

/**
 * Meets earlier runs and other machines in the registry: in the first repository of each release, under staging tags, and in what
 * its tag names now. All that can be asked is asked at once, before anything is built.
 */
export function meetInRegistry(options: TakeOverOptions): TakeOver {
  const places = placesOf(options);
  const kept: Promise<void>[] = [];
  const staged = new Map<string, Digest>();
  for (const place of places.values()) askEarly(place, options);
  return {
    find: async (variant, circumstances) => {
      const place = places.get(variant.id);
      if (place === undefined || mustBeBuilt(variant, options)) return ok(NOWHERE);
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
      if (finished.takenFrom === "release" && place.release.omitted.length === 0) return;
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

/** Where a release may be unchanged, nothing is asked besides until it is known not to be. */
function askEarly(place: Place, options: TakeOverOptions): void {
  if (place.release.reuse !== undefined && options.builds !== "all") void place.current();
  else if (looksAtStaging(place, options)) void place.staging();
}
