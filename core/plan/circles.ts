import type { ExpandedRelease } from "./expand.ts";
import { rangeOf } from "./fields.ts";
import type { ImageNeed } from "./needs.ts";
import type { Problems } from "./problems.ts";
import type { ExpandedVariant } from "./variant.ts";

/** A variant that another one needs, and where the plan says so. */
export interface Link {
  readonly need: ImageNeed;
  readonly release: ExpandedRelease;
  readonly variant: ExpandedVariant;
}

/** What each variant, by its id, needs. */
type Links = ReadonlyMap<string, readonly Link[]>;

/** Reports variants that need each other in a circle, each circle with its whole way. */
export function reportCircles(links: Links, problems: Problems): void {
  const stuck = neverReady(links);
  const seen = new Set<string>();
  for (const start of stuck) {
    const way: Link[] = [];
    const places = new Map<string, number>();
    let id = start;
    while (!seen.has(id)) {
      seen.add(id);
      places.set(id, way.length);
      const next = links.get(id)?.find(({ variant }) => stuck.has(variant.variant.id));
      if (next === undefined) break;
      way.push(next);
      id = next.variant.variant.id;
    }
    const first = places.get(id);
    if (first !== undefined) reportCircle(way.slice(first), problems);
  }
}

/** The variants that could never be built: those of a circle, and all that need one of them. In the order of the plan. */
function neverReady(links: Links): ReadonlySet<string> {
  const waiting = new Map([...links].map(([id, { length }]) => [id, length]));
  const users = new Map<string, string[]>();
  for (const [id, needed] of links) {
    for (const { variant } of needed) {
      const known = users.get(variant.variant.id);
      if (known === undefined) users.set(variant.variant.id, [id]);
      else known.push(id);
    }
  }
  const ready = [...waiting].filter(([, count]) => count === 0).map(([id]) => id);
  for (const id of ready) {
    for (const user of users.get(id) ?? []) {
      const left = (waiting.get(user) ?? 0) - 1;
      waiting.set(user, left);
      if (left === 0) ready.push(user);
    }
  }
  return new Set([...waiting].filter(([, count]) => count > 0).map(([id]) => id));
}

// A longer way nobody reads.
const MAX_SHOWN = 12;

/** At the first of its places in the file; the others go with it. */
function reportCircle(circle: readonly Link[], problems: Problems): void {
  const starts = circle.map(({ need }) => rangeOf(need.text).start);
  const first = starts.indexOf(starts.reduce((least, each) => Math.min(least, each), Infinity));
  // Each link leads to what it names, so the one before it says where it starts.
  const way = [...circle.slice(first), ...circle.slice(0, first)];
  const [head, ...others] = way;
  const range = head && rangeOf(head.need.text);
  // Other platforms and cells have the same circle.
  if (range === undefined || problems.hasErrorAt(range)) return;
  const names = [way.at(-1), ...way].flatMap((link) => link?.release.release.name ?? []);
  const shown =
    names.length <= MAX_SHOWN ? names : [...names.slice(0, MAX_SHOWN - 2), "...", ...names.slice(-1)];
  problems.error(range, `\`${names[0]}\` needs itself: ${shown.join(" -> ")}`, {
    hint: "Break the circle",
    related: others.slice(0, MAX_SHOWN).map(({ need, release }) => ({
      message: `\`${release.release.name}\` is needed here`,
      range: rangeOf(need.text),
    })),
  });
}
