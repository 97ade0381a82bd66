import type { FoundPlan, Source } from "./proposal.ts";

/** A source that was there, and what became of it: images; nothing; it could not be read; or another came first. */
export interface LookedAt {
  readonly source: Source;
  readonly files: readonly string[];
  /** What it holds, where the plan is made of it. */
  readonly images?: FoundPlan;
  /** Why it cannot be read. */
  readonly unusable?: string;
  /** The source that was taken instead. */
  readonly after?: Source;
}

/** No plan or pipeline was written. */
export type InitFailure =
  /** There is nothing in the folder that a plan could be made of. */
  | {
      readonly kind: "init-nothing-found";
      readonly directory: string;
      readonly from?: Source;
      readonly lookedAt: readonly LookedAt[];
    }
  /** What is there makes no plan that is valid. */
  | {
      readonly kind: "init-unusable";
      readonly source: Source;
      readonly files: readonly string[];
      readonly reasons: readonly string[];
    }
  /** The file is there, and was not to be overwritten. */
  | { readonly kind: "init-exists"; readonly path: string }
  | { readonly kind: "init-unwritable"; readonly path: string; readonly detail: string };
