import type { BuildKit, Node } from "../core/buildkit/buildkit.ts";
import type { Variant } from "../core/plan/plan.ts";
import type { Route } from "../core/route/route.ts";
import type { Work } from "./carry-out.ts";
import { variantsOf, type Session } from "./session.ts";

/** Stands for wherever a variant was built that is only joined here; what is known of that comes with the variant. */
const ELSEWHERE: Node = {
  name: "elsewhere",
  builder: "elsewhere",
  native: [],
  platforms: [],
  maxParallelism: 1,
  local: false,
};

/** Adds the variants that are not built to the routes of those that are, in the order of the plan. */
export function withJoined(session: Session, isJoined: (variant: Variant) => boolean): Work {
  const built = new Map(session.routes.map((route) => [route.variant.id, route]));
  const joined = new Set<string>();
  const routes = variantsOf(session.plan).flatMap((variant): readonly Route[] => {
    const route = built.get(variant.id);
    if (route !== undefined) return [route];
    if (!isJoined(variant)) return [];
    joined.add(variant.id);
    return [{ variant, node: ELSEWHERE, execution: "native" }];
  });
  return { ...session, routes, joined };
}

function refuse(): never {
  throw new Error("Internal error: nothing is built where parts are joined");
}

/** The BuildKit of a run that builds nothing. */
export function noBuildKit(): BuildKit {
  return { nodes: [], solve: refuse, lint: refuse, isAlive: refuse, close: async () => undefined };
}
