/** What a plan can be made of. */
export type Source = "bake" | "workflow" | "compose" | "dockerfile";

/** The plan's variable for what is released: the git tag, or `dev`. */
export const RELEASE = "${release}";

/** A value of the plan file. Its texts are in the plan's notation: `${...}` is an expression, `$$` a dollar sign. */
export type PlanValue =
  | string
  | boolean
  | readonly PlanValue[]
  | { readonly [key: string]: PlanValue | undefined };

/** A variable of the plan, and what a person has to know of it. */
export interface ProposedVariable {
  readonly default?: string;
  /** Environment variable that gives the value. */
  readonly env?: string;
  readonly comment?: string;
}

/** Rules that make tags, in the keys of the plan. */
export interface FoundRules {
  /** The repository; undefined where the source says nothing of it that is known before it runs. */
  readonly image?: string;
  readonly from: readonly PlanValue[];
  readonly latest?: boolean;
  readonly prefix?: string;
  readonly suffix?: string;
  readonly "on-latest"?: true;
}

/** One build that a source describes, in the keys of the plan; what is undefined was not said. */
export interface FoundImage {
  /** As the source calls it. */
  readonly name: string;
  readonly build: Readonly<Record<string, PlanValue | undefined>>;
  readonly platforms: readonly string[];
  readonly tags: readonly (string | FoundRules)[];
}

/** Something of a source that the plan does not have. */
export interface LeftOut {
  /** The image, or the file. */
  readonly of: string;
  readonly what: string;
}

/** Keys of a build that a plan has nothing like. */
export function withoutCounterpart(of: string, keys: readonly string[]): readonly LeftOut[] {
  const named = keys.map((key) => `\`${key}\``).join(", ");
  return keys.length === 0 ? [] : [{ of, what: `${named}: a plan has nothing like it` }];
}

/** What one source holds. */
export interface FoundPlan {
  readonly source: Source;
  /** The files that it was read from, relative to the folder. */
  readonly files: readonly string[];
  readonly images: readonly FoundImage[];
  readonly variables: ReadonlyMap<string, ProposedVariable>;
  /** Labels of runners by platform. */
  readonly runners: ReadonlyMap<string, PlanValue>;
  readonly leftOut: readonly LeftOut[];
}

/** A text of a source, in the plan's notation: a dollar sign stays one. */
export function literal(text: string): string {
  return text.replaceAll("$", "$$$$");
}
