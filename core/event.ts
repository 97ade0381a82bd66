import type { SolveFailure, Node } from "./buildkit/buildkit.ts";
import type { Digest } from "./oci/digest.ts";
import type { TaggedReference, Repository } from "./oci/reference.ts";
import type { DeliveryFailure } from "./deliver.ts";
import type { Finding } from "./findings/finding.ts";
import type { GateFailure } from "./gate.ts";
import type { PublishedManifest } from "./publish/confirm.ts";
import type { StoreFailure } from "./registry/store.ts";
import type { Route } from "./route/route.ts";
import type { StagingContended } from "./staging/hold.ts";
import type { TakenFrom, VariantNotStaged } from "./taking-over/take-over.ts";
import type { Vertex, VertexWarning } from "./buildkit/status.ts";

/**
 * Everything that a watcher of a run may be shown, in the order in which it happens. `variant` is a variant's id, `release`
 * a release's name; times are milliseconds since the epoch. Renderers only show events, they never decide anything.
 */
export type RunEvent =
  | {
      readonly kind: "run-started";
      readonly atMs: number;
      readonly routes: readonly Route[];
      readonly nodes: readonly Node[];
    }
  /** It begins on its route's node; once more for each further attempt. */
  | { readonly kind: "variant-started"; readonly atMs: number; readonly variant: string }
  /** An attempt came to nothing, and there will be another one; `to` is where. */
  | {
      readonly kind: "variant-rerouted";
      readonly atMs: number;
      readonly variant: string;
      readonly from: Route;
      readonly to: Route;
      readonly why: SolveFailure;
    }
  /** It went away in the middle of the run: nothing is built there any more. */
  | { readonly kind: "node-dropped"; readonly atMs: number; readonly node: string; readonly detail: string }
  /** It is built, and nobody will be able to take it over: its staging tag could not be written, or others have overwritten it. */
  | {
      readonly kind: "variant-not-kept";
      readonly atMs: number;
      readonly variant: string;
      readonly tag: TaggedReference;
      readonly cause: StoreFailure | StagingContended;
    }
  /** The release is out, and its staging tags are still there: the registry does not remove them. */
  | {
      readonly kind: "staging-left";
      readonly atMs: number;
      readonly release: string;
      readonly tags: readonly TaggedReference[];
    }
  /** It is there already, with the very inputs that it would be built from now: from a staging tag, or from what its tag names. */
  | {
      readonly kind: "variant-taken-over";
      readonly atMs: number;
      readonly variant: string;
      readonly from: TakenFrom;
      readonly digest: Digest;
    }
  | { readonly kind: "vertex"; readonly atMs: number; readonly variant: string; readonly vertex: Vertex }
  /** One whole line of a step's output, without its line break. */
  | {
      readonly kind: "log";
      readonly atMs: number;
      readonly variant: string;
      readonly vertex: Digest;
      readonly step: string;
      readonly line: string;
    }
  | {
      readonly kind: "warning";
      readonly atMs: number;
      readonly variant: string;
      readonly warning: VertexWarning;
    }
  /** It is built, and pushed or handed over to be pushed; it is being read back. */
  | {
      readonly kind: "variant-pushed";
      readonly atMs: number;
      readonly variant: string;
      readonly digest: Digest;
    }
  /** Checks before the tags move have found something in it: an error fails it, anything else is worth knowing. */
  | {
      readonly kind: "variant-finding";
      readonly atMs: number;
      readonly variant: string;
      readonly finding: Finding;
    }
  /** A line that its test printed. */
  | {
      readonly kind: "test-line";
      readonly atMs: number;
      readonly variant: string;
      readonly line: string;
    }
  | {
      readonly kind: "variant-done";
      readonly atMs: number;
      readonly variant: string;
      readonly outcome: VariantOutcome;
    }
  | {
      readonly kind: "release-finding";
      readonly atMs: number;
      readonly release: string;
      readonly finding: Finding;
    }
  /** A line that what signs it tells people: without a key, where somebody must sign in. */
  | {
      readonly kind: "sign-line";
      readonly atMs: number;
      readonly release: string;
      readonly line: string;
    }
  | {
      readonly kind: "release-signed";
      readonly atMs: number;
      readonly release: string;
      readonly digest: Digest;
    }
  | {
      readonly kind: "release-stitched";
      readonly atMs: number;
      readonly release: string;
      readonly digest: Digest;
    }
  | {
      readonly kind: "index-put";
      readonly atMs: number;
      readonly release: string;
      readonly repository: Repository;
      readonly digest: Digest;
    }
  | {
      readonly kind: "tag-moved";
      readonly atMs: number;
      readonly release: string;
      readonly tag: TaggedReference;
      readonly digest: Digest;
    }
  /** It was there, and stays as it was: `if-exists: skip`. `digest` is what it names. */
  | {
      readonly kind: "tag-kept";
      readonly atMs: number;
      readonly release: string;
      readonly tag: TaggedReference;
      readonly digest: Digest;
    }
  /** It named this very index already. */
  | {
      readonly kind: "tag-unchanged";
      readonly atMs: number;
      readonly release: string;
      readonly tag: TaggedReference;
      readonly digest: Digest;
    }
  /** Another run has moved it since; `digest` is what it names now. `restored`: that was older, and the tag is back. */
  | {
      readonly kind: "tag-overtaken";
      readonly atMs: number;
      readonly release: string;
      readonly tag: TaggedReference;
      readonly digest: Digest;
      readonly restored: boolean;
    }
  | { readonly kind: "run-ended"; readonly atMs: number; readonly ok: boolean };

/** How a variant ended. `published` is undefined where its result went to files only. */
export type VariantOutcome =
  | {
      readonly kind: "built";
      readonly published?: PublishedManifest;
      readonly cache: CacheUse;
      readonly durationMs: number;
      /** Absent: it was built in this run. */
      readonly takenFrom?: TakenFrom;
    }
  | {
      readonly kind: "failed";
      readonly failure: SolveFailure | DeliveryFailure | GateFailure | VariantNotStaged;
      readonly durationMs: number;
    }
  /** `because`: the variant that it is built from and that is not there. */
  | { readonly kind: "cancelled"; readonly durationMs: number; readonly because?: string };

/** Steps that did work or could have (not internal ones), and how many of them came from the cache. */
export interface CacheUse {
  readonly steps: number;
  readonly cached: number;
}
