import { ok } from "../result.ts";
import type { Held } from "../staging/hold.ts";
import { candidatesIn } from "./candidates.ts";
import { judge } from "./judge.ts";
import { clear, keep, seeKept, type Kept } from "./keep.ts";
import { markOf, withMark } from "./marks.ts";
import { looksAtStaging, mustBeBuilt, placesOf, type Place, type TakeOverOptions } from "./place.ts";
import { findReleased, takeFromTag } from "./released.ts";
import type { NotTaken, TakeOver } from "./take-over.ts";

const NOWHERE: NotTaken = { kind: "absent", lookedAt: [] };

/**
 * Meets earlier runs and other machines in the registry: in the first repository of each release, under staging tags, and in what
 * its tag names now. All that can be asked is asked at once, before anything is built.
 */
export function meetInRegistry(options: TakeOverOptions): TakeOver {
  const places = placesOf(options);
  const kept: Promise<Kept | undefined>[] = [];
  const held = new Map<string, Held>();
  for (const place of places.values()) askEarly(place, options);
  return {
    find: async (variant, circumstances) => {
      const place = places.get(variant.id);
      if (place === undefined || mustBeBuilt(variant, options)) return ok(NOWHERE);
      const reused = await findReleased(place, circumstances, options);
      if (reused !== undefined) return ok(reused);
      const judged = looksAtStaging(place, options)
        ? await judge(place, { circumstances, options })
        : ok({ ...NOWHERE, lookedAt: [place.tag] });
      if (!judged.ok) return judged;
      if (judged.value.kind === "taken") {
        held.set(variant.id, judged.value.held);
        return ok(judged.value.taken);
      }
      if (!options.joined.has(variant.id)) return ok(judged.value);
      // What had held its parts went with the release: a job that joins them once more finds them where that has left them.
      const isThere = options.appends === true || (await place.isOut());
      return isThere ? await takeFromTag(place, options) : ok(judged.value);
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
      kept.push(keep(finished, { place, held, options }));
    },
    settle: async (released) => {
      const all = await Promise.all(kept);
      const isOut = (name: string): boolean => released.includes(name);
      await Promise.all([
        ...options.releases
          .filter(({ name }) => isOut(name))
          .map((release) => clear(release, { places, held, options })),
        ...all.map((each) =>
          each === undefined || isOut(each.place.release.name) ? undefined : seeKept(each, options),
        ),
      ]);
    },
  };
}

/** Where a release may be unchanged, nothing is asked besides until it is known not to be. */
function askEarly(place: Place, options: TakeOverOptions): void {
  if (place.release.reuse !== undefined && options.builds !== "all") void place.current();
  else if (looksAtStaging(place, options)) void confirmEarly(place, options);
}

/** What is likely to be taken is read back while it is found out what a build would be made of. */
async function confirmEarly(place: Place, options: TakeOverOptions): Promise<void> {
  const read = await place.staging();
  if (!read.ok) return;
  const likely = candidatesIn(read.value, place, options).find(({ kind }) => kind === "fits");
  if (likely?.kind === "fits") await place.confirm(likely.found);
}
