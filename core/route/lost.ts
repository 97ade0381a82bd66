import type { LostNode } from "../buildkit/lost.ts";
import type { RouteRefused } from "./route.ts";

/** Names the nodes that could not be reached beside those that were considered: one of them may be the very one that was meant. */
export function withLost(
  refused: readonly RouteRefused[],
  lost: readonly LostNode[],
): readonly RouteRefused[] {
  return refused.map((each) => ({ ...each, considered: [...each.considered, ...lost.map(whyOf(each))] }));
}

function whyOf({ variant: { builders } }: RouteRefused) {
  return ({ node, builder }: LostNode): RouteRefused["considered"][number] => ({
    node,
    why: builders === undefined || builders.includes(builder) ? "lost" : "not-permitted",
  });
}
