import type { Digest } from "../oci/digest.ts";
import type { IndexRefused } from "../oci/image-index.ts";
import type { Repository, TaggedReference } from "../oci/reference.ts";
import type { RegistryFailure } from "../registry/registry-failure.ts";
import type { TagRefusal } from "./guard.ts";
import type { RecordUnwritable } from "./record.ts";

/** Why a release is not out. Only `release-failed` may leave tags moved, and it says which. */
export type ReleaseFailure =
  /** The gate: variants (by id) that are required and absent, or present and not of this release, or present twice. */
  | {
      readonly kind: "release-incomplete";
      readonly release: string;
      readonly missing: readonly string[];
      readonly unexpected: readonly string[];
    }
  /** `attest: require`, and these platforms (canonical text) have none. */
  | {
      readonly kind: "attestations-missing";
      readonly release: string;
      readonly platforms: readonly string[];
    }
  | { readonly kind: "index-refused"; readonly release: string; readonly cause: IndexRefused }
  /** The guard: all that stands against moving the tags of this run. None has moved. */
  | { readonly kind: "tags-refused"; readonly refusals: readonly TagRefusal[] }
  /** An index could not be stored under its digest: no tag of any release has moved. */
  | {
      readonly kind: "index-not-stored";
      readonly release: string;
      readonly repository: Repository;
      readonly digest: Digest;
      readonly cause: RegistryFailure;
    }
  /**
   * A tag could not be moved. `moved` and `unchanged` point at the new index, `kept` at what `if-exists: skip` has left there,
   * `notTried` at what they did before; all in the plan's order. `record` is the path that `rollback` takes.
   */
  | {
      readonly kind: "release-failed";
      readonly release: string;
      readonly moved: readonly TaggedReference[];
      readonly unchanged: readonly TaggedReference[];
      readonly kept: readonly TaggedReference[];
      readonly failedTag: TaggedReference;
      readonly notTried: readonly TaggedReference[];
      readonly cause: RegistryFailure;
      readonly record?: string;
    }
  | RecordUnwritable;
