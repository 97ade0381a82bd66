import { matchesExactly, nativeRank } from "../../platforms/compatibility.ts";
import type { Platform } from "../../platforms/platform.ts";
import type { Node } from "../buildkit/buildkit.ts";
import type { Variant } from "../plan/plan.ts";

/** The equally good nodes of which one will build a variant. */
export interface Candidates {
  /** Positions in the list of nodes, in its order; never empty. */
  readonly nodes: readonly number[];
  readonly execution: "native" | "emulated";
}

/**
 * `unsupported`: the node takes no such platform; `would-emulate`/`would-run-natively`: the plan's `emulation` forbids what the node
 * offers; `not-permitted`: the plan names other builders; `lost`: it went away, or could not be reached.
 */
export type RefusalReason = "unsupported" | "would-emulate" | "would-run-natively" | "not-permitted" | "lost";

/** A node that may not build a variant. */
export interface Considered {
  readonly node: string;
  readonly why: RefusalReason;
}

/** What decides about a node, of a variant. */
type Wanted = Pick<Variant, "platform" | "emulation" | "builders">;

/**
 * Finds the best nodes for each variant: native ones before emulating ones; of these the builders in the order in which the variant names
 * them; of these the ones whose own platform is nearest (an arm/v7 machine before an arm64 one for arm/v7). Undefined where no node may.
 * Variants for which the same nodes are best get the same object.
 */
export function candidateFinder(
  nodes: readonly Node[],
  lost: ReadonlySet<string>,
): (variant: Wanted) => Candidates | undefined {
  const byWish = new Map<string, Candidates | undefined>();
  const byNodes = new Map<string, Candidates>();
  const shared = (found: Candidates): Candidates => {
    const key = `${found.execution} ${found.nodes.join()}`;
    const known = byNodes.get(key) ?? found;
    byNodes.set(key, known);
    return known;
  };
  return (variant) => {
    const key = JSON.stringify([variant.platform, variant.emulation, variant.builders]);
    if (!byWish.has(key)) {
      const found = findCandidates(variant, nodes, lost);
      byWish.set(key, found && shared(found));
    }
    return byWish.get(key);
  };
}

/** Why each node may not build a variant that none may; lost nodes of which nothing is known but the name come last. */
export function reasonsAgainst(
  variant: Wanted,
  nodes: readonly Node[],
  lost: ReadonlySet<string>,
): readonly Considered[] {
  const names = new Set(nodes.map(({ name }) => name));
  const considered = nodes.map((node): Considered => {
    const suit = suitOf(node, variant);
    // A node that it may have is no reason: only being lost is.
    return { node: node.name, why: typeof suit === "string" ? suit : "lost" };
  });
  const unseen = [...lost].filter((name) => !names.has(name));
  return [...considered, ...unseen.map((name) => ({ node: name, why: reasonUnseen(name, variant) }))];
}

/** A builder that could not be reached goes by its own name. */
function reasonUnseen(name: string, { builders }: Wanted): RefusalReason {
  return builders === undefined || builders.includes(name) ? "lost" : "not-permitted";
}

function findCandidates(
  variant: Wanted,
  nodes: readonly Node[],
  lost: ReadonlySet<string>,
): Candidates | undefined {
  let best: { readonly suit: Suit; readonly nodes: number[] } | undefined;
  for (const [at, node] of nodes.entries()) {
    const suit = lost.has(node.name) ? "lost" : suitOf(node, variant);
    if (typeof suit === "string") continue;
    const order = best === undefined ? -1 : compareSuits(suit, best.suit);
    if (order < 0) best = { suit, nodes: [at] };
    else if (order === 0) best?.nodes.push(at);
  }
  return best && { nodes: best.nodes, execution: executionOf(best.suit) };
}

/** How well a node suits a variant, smaller is better, the first difference decides. */
type Suit = readonly [offer: Offer, builder: number, distance: number];
/**
 * What a node has for a platform. Last comes a CPU that could run it though the daemon does not list it, as buildx has it (daemons
 * miss linux/386 now and then). There the build itself tells: a CPU without 32-bit mode ends it with `exec format error`.
 */
type Offer = typeof NATIVE | typeof EMULATED | typeof UNLISTED;
const NATIVE = 0;
const EMULATED = 1;
const UNLISTED = 2;

/** Or why a node that is there may not build it. */
function suitOf(node: Node, { platform, emulation, builders }: Wanted): Suit | RefusalReason {
  const builder = builders?.indexOf(node.builder) ?? 0;
  if (builder === -1) return "not-permitted";
  const { offer, distance } = offerOf(node, platform);
  if (offer === undefined) return "unsupported";
  if (emulation === "never" && offer === EMULATED) return "would-emulate";
  if (emulation === "only" && offer !== EMULATED) return "would-run-natively";
  return [offer, builder, distance];
}

function compareSuits(one: Suit, other: Suit): number {
  return one[0] - other[0] || one[1] - other[1] || one[2] - other[2];
}

function executionOf([offer]: Suit): Candidates["execution"] {
  return offer === EMULATED ? "emulated" : "native";
}

/** None where the daemon does not list the platform and no CPU of the node runs it either. */
function offerOf(
  node: Node,
  platform: Platform,
): { readonly offer: Offer | undefined; readonly distance: number } {
  const ranks = node.native.map((cpu) => nativeRank(cpu, platform)).filter((rank) => rank !== undefined);
  const isListed = node.platforms.some((taken) => matchesExactly(taken, platform));
  if (ranks.length === 0) return { offer: isListed ? EMULATED : undefined, distance: 0 };
  return { offer: isListed ? NATIVE : UNLISTED, distance: Math.min(...ranks) };
}
