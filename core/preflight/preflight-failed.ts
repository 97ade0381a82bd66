import type { Finding } from "../findings/finding.ts";

/** Preflight found what would make the build fail, or its result wrong: nothing was built. */
export interface PreflightFailed {
  readonly kind: "preflight-failed";
  readonly findings: readonly Finding[];
}
