import { formatReference } from "../../core/oci/reference.ts";
import type { StagingContended } from "../../core/staging/hold.ts";
import type { NotTakenReason, VariantNotStaged } from "../../core/taking-over/take-over.ts";
import type { Explanation } from "./explanation.ts";
import { stagingUnusableWords } from "./staging.ts";

/** Why a release cannot be joined: one of its variants is not there. */
export function explainNotStaged({ variant, lookedAt, why }: VariantNotStaged): Explanation {
  const platform = variant.slice(variant.lastIndexOf(" ") + 1);
  return {
    headline: `${variant} is not there to be joined`,
    facts: [
      ...lookedAt.map((tag) => `looked for ${formatReference(tag)}`),
      ...(why === undefined ? [] : [notTakenWords(why)]),
    ],
    advice: [
      `Build it with the same plan, on any machine: buildx-plan build --only ${platform}`,
      "Another value of a variable, or another commit, makes another plan.",
    ],
  };
}

/** Why a finished variant is not held for others, though it was written more than once. */
export function explainContended({ attempts }: StagingContended): Explanation {
  return {
    headline: `other runs have overwritten its staging tag ${attempts} times`,
    facts: [],
    advice: [
      "`staging: commit` gives each commit tags of its own; or let fewer pipelines of it run at once.",
    ],
  };
}

/** Why what is under a staging tag, or under the release's own, was not taken over. */
export function notTakenWords(why: NotTakenReason): string {
  switch (why.kind) {
    case "other-settings":
      return "what is there was finished for other settings of the plan, or for other tags";
    case "other-checks":
      return "what is there has passed other checks than the plan asks for now";
    case "other-revision":
      return `what is there is of commit ${why.staged}, and this is ${why.own}`;
    case "inputs-unknown":
      return "not all that it is made of can be told";
    case "inputs-differ":
      return "what is there was made of other inputs";
    case "no-index":
      return "no index is there";
    case "no-platform":
      return "the index there has no such platform";
    case "not-an-image":
      return `${why.digest} is not an image for this platform`;
    default:
      return stagingUnusableWords(why);
  }
}
