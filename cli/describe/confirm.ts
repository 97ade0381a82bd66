import { formatPlatformFull } from "../../platforms/platform.ts";
import { unreachable } from "../unreachable.ts";
import type { Explanation, VariantContext } from "./explanation.ts";
import { explainStore } from "./store.ts";
import type { ConfirmFailure } from "../../core/publish/confirm.ts";

/** Why what was pushed cannot be released, in words. */
export function explainConfirm(failure: ConfirmFailure, context?: VariantContext): Explanation {
  const explanation = explainUnconfirmed(failure);
  return context === undefined
    ? explanation
    : { ...explanation, headline: `${context.variant}: ${explanation.headline}` };
}

function explainUnconfirmed(failure: ConfirmFailure): Explanation {
  const pushed = `${failure.store}@${failure.digest}`;
  switch (failure.kind) {
    case "confirm-unreadable": {
      const cause = explainStore(failure.cause);
      const headline = `what was pushed to ${failure.store} cannot be read back`;
      return { ...cause, headline, facts: [pushed, cause.headline, ...cause.facts] };
    }
    case "platform-mismatch":
      return {
        headline: `the image for ${formatPlatformFull(failure.declared)} says that it is for ${formatPlatformFull(failure.actual)}`,
        facts: [pushed],
        advice: [
          "Look for a FROM pinned to one platform's digest, a default given to ARG TARGETARCH, or a last stage that is FROM --platform=$BUILDPLATFORM.",
        ],
      };
    case "document-invalid":
      return {
        headline: "what was pushed is not an image that can be released",
        facts: [pushed, failure.detail],
        advice: [
          "Check the options under `image` in the plan, and the version of BuildKit (`buildx-plan doctor`).",
        ],
      };
    default:
      return unreachable(failure);
  }
}
