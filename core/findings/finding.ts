import type { Platform } from "../../platforms/platform.ts";
import type { Digest } from "../oci/digest.ts";
import type { Location } from "../plan/source.ts";
import type { RuleId, Severity } from "./rules.ts";

/**
 * One thing that a check found: what preflight, verification and scans all answer with. Where it stands is a place in a file
 * (`location`), in an image (`image`), or both: a wrong program, and the Dockerfile line that put it there.
 */
export interface Finding {
  readonly rule: RuleId;
  readonly severity: Severity;
  /** One sentence that says what is wrong, for somebody who has never heard of the rule; without the place. */
  readonly message: string;
  readonly location?: Location;
  readonly image?: ImagePlace;
  /** More facts, a line each: files, digests, what was expected. */
  readonly facts?: readonly string[];
  /** What to do, one sentence. */
  readonly fix?: string;
}

/** A place in an image. */
export interface ImagePlace {
  /** Repository, reference or layout, as people know it. */
  readonly reference: string;
  readonly platform?: Platform;
  readonly layer?: Digest;
  /** Absolute path in the image. */
  readonly path?: string;
  /** The history line of the config that made the layer: `COPY server /server # buildkit`. */
  readonly madeBy?: string;
}

/** Is there one that stops a release? */
export function hasErrors(findings: readonly Finding[]): boolean {
  return findings.some(({ severity }) => severity === "error");
}
