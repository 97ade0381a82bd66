import type { Finding } from "../findings/finding.ts";
import type { BaseUse } from "./base-place.ts";

/** What the Dockerfiles of a plan say. */
export interface DockerfileReport {
  readonly findings: readonly Finding[];
  /** Every image that a variant's build fetches. */
  readonly bases: readonly BaseUse[];
  readonly looked: number;
  /** In a sentence each: what could not be looked at. */
  readonly leftOut: readonly string[];
  /** Does a comment in the Dockerfile say that such a finding is not wanted there? */
  readonly isSilenced: (finding: Finding) => boolean;
}
