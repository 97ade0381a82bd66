/** One thing that a build needs, looked at: how it is, and for anything but `ok` the command that mends it, where there is one. */
export interface Finding {
  /** What was looked at: `node`, `buildkit`, `managed`, `buildx`, `runc`, `disk`, `cache`, `platform linux/arm64`, `registry ghcr.io`. */
  readonly check: string;
  readonly state: "ok" | "warning" | "problem";
  /** One sentence without a full stop. */
  readonly detail: string;
  readonly mend?: string;
  /** Whole sentences of background, for who wants to know why. */
  readonly notes?: readonly string[];
}
