import type { Location } from "../plan/source.ts";

/** One thing that a build needs, looked at: how it is, and for anything but `ok` the command that mends it, where there is one. */
export interface Finding {
  /**
   * What was looked at: `node`, `buildkit`, `managed`, `buildx`, `runc`, `disk`, `cache`, `platform linux/arm64`, `registry ghcr.io`; of a
   * pipeline `ci`, `fork`, `bases`, `push ghcr.io/team/app`, `cosign`, `identity`, `history`, `variable NPM_TOKEN`.
   */
  readonly check: string;
  readonly state: "ok" | "warning" | "problem";
  /** One sentence without a full stop. */
  readonly detail: string;
  /** A command, or the lines to add to a pipeline. */
  readonly mend?: string;
  /** The place of the plan that asks for it. */
  readonly location?: Location;
  /** Whole sentences of background, for who wants to know why. */
  readonly notes?: readonly string[];
}
