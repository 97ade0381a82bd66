import type { Digest } from "../oci/digest.ts";
import type { PublishedManifest } from "../publish/confirm.ts";

/**
 * What is known of a finished variant besides its image: made when it was built, pushed, looked into and tested, and kept in the annotations of
 * the index that its staging tag names. Whoever takes the variant over believes it as much as the image itself: both come from whoever may push.
 */
export interface StagingRecord {
  /** The variant's id. */
  readonly variant: string;
  /** See {@link import("../inputs/inputs.ts").Inputs.digest}; absent where not all inputs could be told. */
  readonly inputs?: Digest;
  /** Commit of the project, where git tells one. */
  readonly revision?: string;
  readonly route: {
    readonly node: string;
    readonly execution: "native" | "emulated";
    readonly buildkitVersion?: string;
  };
  readonly durationMs: number;
  /** Which checks it has passed: with what settings its content was looked at, and whether its test was run. Opaque, compared as a whole. */
  readonly gates: string;
  /** Digests of the layers that were looked into, with the diffIds and programs that hold other platforms against them; see core/staging/checked-layers.ts. */
  readonly checked?: string;
}

/** A variant that a staging tag holds. */
export interface StagedVariant {
  readonly published: PublishedManifest;
  readonly record: StagingRecord;
  /** Digest of the staging index, which is what is removed in the end. */
  readonly digest: Digest;
}
