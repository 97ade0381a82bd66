import type { Location } from "./source.ts";

/** Where tags, labels and annotations of a release come from, for those who ask (`tags`). */
export interface Origins {
  /** In the plan's order; rules that gave no tag included. */
  readonly tags: readonly TagOrigin[];
  /** What the repository gives for labels and annotations, unless the plan says something else. */
  readonly metadata: readonly MetadataFact[];
}

/** What became of one entry or rule of `tags`. */
export interface TagOrigin {
  readonly repository: string;
  /** As the plan has it, in one line; `latest` for the tag that a release gets besides. */
  readonly rule: string;
  /** The reference; absent where the rule gave none. */
  readonly tag?: string;
  /** What it was made of and who says so, or why there is none: for people. */
  readonly why: string;
  /** What a rule has made it of: a value, and `git`, `plan` or the variable of a CI that says so. */
  readonly of?: { readonly value: string; readonly from: string };
  readonly location: Location;
}

/** One predefined annotation key of OCI, and who says its value: `git`, a variable of the CI, `package.json`, a rule of `tags`. */
export interface MetadataFact {
  readonly key: string;
  readonly value: string;
  readonly from: string;
}
