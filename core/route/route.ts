import { matchesExactly, nativeRank } from "../../platforms/compatibility.ts";
import type { Node } from "../buildkit/buildkit.ts";
import type { Emulation, Variant } from "../plan/plan.ts";
import { fail, ok } from "../result.ts";
import type { Result } from "../result.ts";

/** Where a variant is built, and whether on the CPU itself or under emulation. */
export interface Route {
  readonly variant: Variant;
  readonly node: Node;
  readonly execution: "native" | "emulated";
  /** When it is expected to begin, and how long to take, from what past runs took; absent where nothing was scheduled. */
  readonly expected?: Expected;
}

/** Milliseconds from the beginning of the run. */
export interface Expected {
  readonly startMs: number;
  readonly durationMs: number;
  /** Is the duration known from past runs, or only assumed? */
  readonly isKnown: boolean;
}

/** No node may build this variant: every node that was considered, and why not. */
export interface RouteRefused {
  readonly kind: "route-refused";
  readonly variant: Variant;
  readonly considered: readonly { readonly node: string; readonly why: RefusalReason }[];
}

/**
 * `unsupported`: the node takes no such platform; `would-emulate`/`would-run-natively`: the plan's `emulation` forbids what the node
 * offers; `not-permitted`: the plan names other builders; `lost`: it went away, or could not be reached.
 */
export type RefusalReason = "unsupported" | "would-emulate" | "would-run-natively" | "not-permitted" | "lost";

/**
 * Chooses a node for each variant, in the order of the variants: a native one before an emulating one, and of the native
 * ones that whose own platform is nearest (an arm/v7 machine before an arm64 one for arm/v7). The order of the nodes
 * decides what is left; equally good nodes do not share the work, so that the same plan always takes the same routes.
 * Nothing is routed where one variant cannot be: then every refusal is returned.
 */
export function routeVariants(
  variants: readonly Variant[],
  nodes: readonly Node[],
): Result<readonly Route[], readonly RouteRefused[]> {
  const outcomes = variants.map((variant) => routeVariant(variant, nodes));
  const refused = outcomes.filter((outcome) => "kind" in outcome);
  return refused.length > 0 ? fail(refused) : ok(outcomes.filter((outcome) => "node" in outcome));
}

/**
 * How well a node suits a variant: 0 is its very own platform, higher is further; then emulation; last a CPU that could
 * run it though the daemon does not list it, as buildx has it (daemons miss linux/386 now and then). There the build itself
 * tells: a CPU without 32-bit mode ends it with `exec format error`.
 */
type Rank = number;
const EMULATED: Rank = 1_000;
const UNLISTED: Rank = 2_000;

function routeVariant(variant: Variant, nodes: readonly Node[]): Route | RouteRefused {
  let best: { readonly node: Node; readonly rank: Rank } | undefined;
  for (const node of nodes) {
    const rank = rankNode(node, variant);
    const isAllowed = rank !== undefined && refusal(variant.emulation, rank) === undefined;
    if (isAllowed && (best === undefined || rank < best.rank)) best = { node, rank };
  }
  if (best === undefined) return refuse(variant, nodes);
  return { variant, node: best.node, execution: best.rank === EMULATED ? "emulated" : "native" };
}

function refuse(variant: Variant, nodes: readonly Node[]): RouteRefused {
  const considered = nodes.map((node) => {
    const rank = rankNode(node, variant);
    const forbidden = rank === undefined ? undefined : refusal(variant.emulation, rank);
    return { node: node.name, why: forbidden ?? "unsupported" };
  });
  return { kind: "route-refused", variant, considered };
}

/** Undefined where the daemon does not list the platform and no CPU of the node runs it either. */
function rankNode(node: Node, { platform }: Variant): Rank | undefined {
  const ranks = node.native.map((cpu) => nativeRank(cpu, platform)).filter((rank) => rank !== undefined);
  const isListed = node.platforms.some((taken) => matchesExactly(taken, platform));
  if (ranks.length === 0) return isListed ? EMULATED : undefined;
  return isListed ? Math.min(...ranks) : UNLISTED + Math.min(...ranks);
}

function refusal(emulation: Emulation, rank: Rank): RefusalReason | undefined {
  if (emulation === "never" && rank === EMULATED) return "would-emulate";
  if (emulation === "only" && rank !== EMULATED) return "would-run-natively";
  return undefined;
}
