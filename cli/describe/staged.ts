import type { VariantNotStaged } from "../../core/take-over.ts";
import type { Explanation } from "./explanation.ts";

/** Why a release cannot be joined: one of its variants is not there. */
export function explainNotStaged({ variant, lookedAt, detail }: VariantNotStaged): Explanation {
  const platform = variant.slice(variant.lastIndexOf(" ") + 1);
  return {
    headline: `${variant} is not there to be joined`,
    facts: [
      ...lookedAt.map((reference) => `looked for ${reference}`),
      ...(detail === undefined ? [] : [detail]),
    ],
    advice: [
      `Build it with the same plan, on any machine: buildx-plan build --only ${platform}`,
      "Another value of a variable, or another commit, makes another plan.",
    ],
  };
}
