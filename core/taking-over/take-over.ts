import type { Node } from "../buildkit/buildkit.ts";
import type { Digest } from "../oci/digest.ts";
import type { TaggedReference } from "../oci/reference.ts";
import type { Variant } from "../plan/plan.ts";
import type { ConfirmedImage, PublishedManifest } from "../publish/confirm.ts";
import type { StoreFailure } from "../registry/store.ts";
import type { Result } from "../result.ts";
import type { Route } from "../route/route.ts";
import type { StagingUnusable } from "../staging/staged.ts";

/** `staging`: an earlier run, or another machine, has finished it; `release`: the image that the tag names now. */
export type TakenFrom = "staging" | "release";

/** What a variant is built from, besides what the plan says. */
export interface Circumstances {
  /** What the variants that it needs have become, by id. */
  readonly needs: ReadonlyMap<string, Digest>;
  /** The node that builds it, or would. */
  readonly node: Node;
}

/**
 * A variant that need not be built. From staging, it was read back; what a tag names is there as far as its registry keeps its word, and
 * has passed its checks when it was released.
 */
export type Taken = TakenFromStaging | TakenFromRelease;

export interface TakenFromRelease {
  readonly kind: "taken";
  readonly from: "release";
  readonly image: PublishedManifest;
}

export interface TakenFromStaging {
  readonly kind: "taken";
  readonly from: "staging";
  readonly image: ConfirmedImage;
  /** Where it was built, as far as that is known. */
  readonly built?: { readonly node: string; readonly execution: Route["execution"] };
  /** What its checks have found, as they keep it; absent: it has to be looked into again. */
  readonly checked?: string;
}

/** No such variant is there; `why` where something is that was not taken. */
export interface NotTaken {
  readonly kind: "absent";
  readonly lookedAt: readonly TaggedReference[];
  readonly why?: NotTakenReason;
}

/** Why what is there is not what would come of a build now. */
export type NotTakenReason =
  | StagingUnusable
  /** It was finished for other settings of the plan, or for other tags. */
  | { readonly kind: "other-settings" }
  /** It has not passed the checks that the plan asks for now. */
  | { readonly kind: "other-checks" }
  | { readonly kind: "other-revision"; readonly staged: string; readonly own: string }
  /** Not all that it was made of, or would be made of now, can be told. */
  | { readonly kind: "inputs-unknown" }
  | { readonly kind: "inputs-differ" }
  /** The tag names no index. */
  | { readonly kind: "no-index" }
  | { readonly kind: "no-platform" }
  | { readonly kind: "not-an-image"; readonly digest: Digest };

/** A variant that was only to be taken over is not there. */
export interface VariantNotStaged extends Omit<NotTaken, "kind"> {
  readonly kind: "variant-not-staged";
  readonly variant: string;
}

/** A variant that this run has built, or found in the release, and that has passed its checks. */
export interface Finished {
  readonly route: Route;
  readonly image: Pick<PublishedManifest, "manifest" | "attestations">;
  /** `release`: it is unchanged. Then nobody has to find it but who joins the parts of a release, and cannot tell what they would be made of. */
  readonly takenFrom?: "release";
  readonly durationMs: number;
  readonly circumstances: Circumstances;
  /** See {@link TakenFromStaging.checked}. */
  readonly checked?: string;
}

/**
 * What was finished before, by an earlier run or on another machine, and what this run leaves behind for the next. The registry is
 * where they meet.
 */
export interface TakeOver {
  /** Looks for a variant that is finished. */
  find(variant: Variant, circumstances: Circumstances): Promise<Result<Taken | NotTaken, StoreFailure>>;
  /** The image with what the release's index will say of what it was made of. */
  mark(variant: Variant, image: ConfirmedImage, circumstances: Circumstances): Promise<ConfirmedImage>;
  /** Keeps a variant for whoever comes next. It goes on by itself, and {@link TakeOver.settle} waits for it. */
  keep(finished: Finished): void;
  /** Waits for all that was begun; what held the variants of releases that are out is removed. */
  settle(released: readonly string[]): Promise<void>;
}
