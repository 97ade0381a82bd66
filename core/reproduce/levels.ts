import type { Route } from "../route/route.ts";

/** Variants in waves: each needs those of waves before it only. What has no route is in none of them, and holds nobody up. */
export function levelsOf(routes: readonly Route[]): readonly (readonly Route[])[] {
  const left = new Map(routes.map((route) => [route.variant.id, route]));
  const levels: Route[][] = [];
  while (left.size > 0) {
    const level = [...left.values()].filter(({ variant }) => !variant.needs?.some((need) => left.has(need)));
    if (level.length === 0) throw new Error("Internal error: images that need each other were let through");
    for (const { variant } of level) left.delete(variant.id);
    levels.push(level);
  }
  return levels;
}
