import type { Descriptor } from "../oci/descriptor.ts";
import type { Digest } from "../oci/digest.ts";
import type { ConfirmFailure } from "../publish/confirm.ts";

/**
 * What is known of a finished variant besides its image: made when it was built, pushed, looked into and tested, and kept in the annotations of
 * its entry in the index that its staging tag names. Whoever takes the variant over believes it as much as the image itself: both come from whoever may push.
 */
export interface StagingRecord {
  /** The variant's id. */
  readonly variant: string;
  /** Names the settings of the plan, and the tags, that it was finished for; see core/staging/tag.ts. */
  readonly plan: string;
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
  /** When it was finished, as `Date.toISOString` writes it. */
  readonly stagedAt: string;
  /** Which checks it has passed: with what settings its content was looked at, and whether its test was run. Opaque, compared as a whole; see core/staging/gates-fingerprint.ts. */
  readonly gates: string;
  /** What its layers tell when they are held against other platforms; see core/staging/checked-layers.ts. Absent: they are read again. */
  readonly checked?: string;
}

/** The slot of one pipeline under a staging tag, as it stands in the index: the image with its record, then its attestations. */
export type Slot = readonly [Descriptor, ...Descriptor[]];

/** What is read of a slot; whether the image is still there, and is what it should be, nobody has asked yet. */
export interface StagedSlot {
  readonly slot: Slot;
  /** The image, as it will stand in the index of its release. */
  readonly manifest: Descriptor;
  readonly attestations: readonly Descriptor[];
  readonly record: StagingRecord;
}

/** What a staging tag names and nobody can take over: the variant is built as if nothing was there. */
export type StagingUnusable =
  /** It was not written by this program. */
  | { readonly kind: "staging-foreign"; readonly digest: Digest }
  /** Another version of this program wrote it in its own way. */
  | { readonly kind: "staging-other-version"; readonly digest: Digest; readonly version: string }
  | { readonly kind: "staging-other-variant"; readonly digest: Digest; readonly variant: string }
  | { readonly kind: "staging-malformed"; readonly digest: Digest; readonly detail: string }
  /** It names something that was removed meanwhile. */
  | { readonly kind: "staging-image-lost"; readonly digest: Digest; readonly missing: Digest }
  | {
      readonly kind: "staging-image-invalid";
      readonly digest: Digest;
      readonly cause: Exclude<ConfirmFailure, { readonly kind: "confirm-unreadable" }>;
    };
