import type { Node } from "../buildkit/buildkit.ts";
import type { Variant } from "../plan/plan.ts";

/** Where a variant is built, and whether on the CPU itself or under emulation. */
export interface Route {
  readonly variant: Variant;
  readonly node: Node;
  readonly execution: "native" | "emulated";
}

/** No node may build this variant: every node that was considered, and why not. */
export interface RouteRefused {
  readonly kind: "route-refused";
  readonly variant: Variant;
  readonly considered: readonly { readonly node: string; readonly why: RefusalReason }[];
}

/** `unsupported`: the node takes no such platform; `would-emulate`/`would-run-natively`: the plan's `emulation` forbids what the node offers. */
export type RefusalReason = "unsupported" | "would-emulate" | "would-run-natively";
