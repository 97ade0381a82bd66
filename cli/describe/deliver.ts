import type { Explanation, VariantContext } from "./explanation.ts";
import { explainStore } from "./store.ts";
import type { LoadFailed } from "../../core/buildkit/docker-load.ts";
import type { DeliveryFailure } from "../../core/deliver.ts";
import type { TransferFailure } from "../../core/publish/transfer-failure.ts";
import type { StoreFailure } from "../../core/registry/store.ts";

type NotPushed = Extract<DeliveryFailure, { readonly kind: "variant-not-pushed" }>;

/** Why a variant that was built is not where it should be, in words. */
export function explainDelivery(failure: LoadFailed | NotPushed, context?: VariantContext): Explanation {
  const subject = context === undefined ? "" : `${context.variant}: `;
  if (failure.kind === "load-failed")
    return {
      headline: `${subject}Docker did not take the image`,
      facts: failure.detail.split("\n"),
      advice: ["Check that the Docker engine runs (`docker info`) and has space left."],
    };
  const { facts, advice } = explainCause(failure.cause);
  return { headline: `${subject}built, but not pushed to ${failure.store}`, facts, advice };
}

function explainCause(cause: TransferFailure | StoreFailure): Omit<Explanation, "headline"> {
  switch (cause.kind) {
    case "transfer-invalid":
      return { facts: [`${cause.store}@${cause.digest}`, cause.detail], advice: [] };
    case "transfer-failed":
    case "tags-not-moved":
      return explainCause(cause.cause);
    default: {
      const { headline, facts, advice } = explainStore(cause);
      return { facts: [headline, ...facts], advice };
    }
  }
}
