import type { Node } from "../buildkit/buildkit.ts";
import type { Variant } from "../plan/plan.ts";
import { routeVariants, type Route } from "./route.ts";

/** Nodes that cannot be had any more, and those on which the variant was tried without success. */
export interface Excluded {
  readonly lost: ReadonlySet<string>;
  readonly tried: ReadonlySet<string>;
}

/** Where a variant is built after an attempt that came to nothing: where it was not tried yet, if it may be built there; else once more where it was. */
export function rerouteVariant(
  variant: Variant,
  nodes: readonly Node[],
  { lost, tried }: Excluded,
): Route | undefined {
  const left = nodes.filter(({ name }) => !lost.has(name));
  const fresh = left.filter(({ name }) => !tried.has(name));
  for (const each of [fresh, left]) {
    const routed = each.length === 0 ? undefined : routeVariants([variant], each);
    if (routed?.ok === true) return routed.value[0];
  }
  return undefined;
}
