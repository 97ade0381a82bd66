import type { Digest } from "../oci/digest.ts";
import type { StoreFailure } from "../registry/store.ts";

/** Why an image graph is not in another store. Nothing that a tag names has changed, but for what `tags-not-moved` says. */
export type TransferFailure = TransferBroken | TransferInvalid | TagsNotMoved;

/** A manifest or blob could not be read from `from`, or not written to `to`; the cause says which. */
export interface TransferBroken {
  readonly kind: "transfer-failed";
  readonly from: string;
  readonly to: string;
  readonly digest: Digest;
  readonly cause: StoreFailure;
}

/** What `store` holds is not what it should be: of another size, no document, too much or too deep. */
export interface TransferInvalid {
  readonly kind: "transfer-invalid";
  readonly store: string;
  readonly digest: Digest;
  readonly detail: string;
}

/** A tag could not be moved. `moved` name the new digest, `notTried` what they did before; all in the order asked for. */
export interface TagsNotMoved {
  readonly kind: "tags-not-moved";
  readonly digest: Digest;
  readonly moved: readonly string[];
  readonly failed: string;
  readonly notTried: readonly string[];
  readonly cause: StoreFailure;
}
