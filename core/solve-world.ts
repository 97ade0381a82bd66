import type { BuildKit } from "./buildkit/buildkit.ts";
import type { Delivery, Target } from "./deliver.ts";
import type { RunEvent, VariantOutcome } from "./event.ts";
import type { Gates } from "./gate.ts";
import type { Need } from "./needs.ts";
import type { Rooms } from "./rooms.ts";
import type { Route } from "./route/route.ts";
import type { TakeOver } from "./taking-over/take-over.ts";

/** The world as one variant's solve needs it. */
export interface SolveWorld {
  readonly buildkit: BuildKit;
  readonly target: Target;
  /** What must hold before its tags move; nothing more than being confirmed where it is absent. */
  readonly gates?: Gates;
  /** What was finished before; nothing is taken over where it is absent. */
  readonly takeOver?: TakeOver;
  /** Ids of the variants that are taken over only, and not built. */
  readonly joined: ReadonlySet<string>;
  /** A private folder of the run, for what one build hands to another. */
  readonly scratch: () => Promise<string>;
  /** See {@link Delivery.uploads}. */
  readonly uploads: Delivery["uploads"];
  readonly rooms: Rooms;
  readonly onEvent: (event: RunEvent) => void;
  readonly signal: AbortSignal;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/** What one variant is built from, and whether others wait for it. */
export interface VariantToSolve {
  readonly route: Route;
  readonly needs: readonly Need[];
  /** Is another variant built from it? */
  readonly isNeeded: boolean;
}

/** How a variant ended, and where it was built at last. */
export interface Solved {
  readonly route: Route;
  readonly outcome: VariantOutcome;
  /** Folder of the layout that it was handed over as, for those that are built from it. */
  readonly layout?: string;
}
