import type { CopyFailure } from "../../core/images/copy.ts";
import type { TransferFailure } from "../../core/publish/transfer-failure.ts";
import type { StoreFailure } from "../../core/registry/store.ts";
import { unreachable } from "../unreachable.ts";
import type { Explanation } from "./explanation.ts";
import { explainStore } from "./store.ts";

type SourceMoved = Extract<CopyFailure, { readonly kind: "source-moved" }>;

/** Why an image is not in another store, or not under all of its tags, in words. */
export function explainTransfer(failure: TransferFailure | SourceMoved): Explanation {
  switch (failure.kind) {
    case "transfer-failed": {
      const { headline, facts, advice } = explainStore(failure.cause);
      return {
        headline: `copying from ${failure.from} to ${failure.to} failed; no tag was moved`,
        facts: [failure.digest, headline, ...facts],
        advice,
      };
    }
    case "transfer-invalid":
      return {
        headline: `${failure.store} holds something that cannot be copied; no tag was moved`,
        facts: [failure.digest, failure.detail],
        advice: [
          "If it refers to the image without being a part of it (a signature), `--no-referrers` leaves it out.",
        ],
      };
    case "tags-not-moved":
      return explainTags(failure);
    case "source-moved":
      return {
        headline: `${failure.source}:${failure.tag} does not name the digest beside it; nothing was copied`,
        facts: [`asked for ${failure.expected}`, `it names ${failure.actual ?? "nothing"}`],
        advice: ["Name the tag or the digest alone, whichever is meant."],
      };
    default:
      return unreachable(failure);
  }
}

function explainTags(failure: Extract<TransferFailure, { readonly kind: "tags-not-moved" }>): Explanation {
  const cause = explainStore(failure.cause);
  const unknown = isOpen(failure.cause);
  return {
    headline: unknown
      ? `it is not known whether ${failure.failed} was written`
      : `${failure.failed} could not be written`,
    facts: [
      cause.headline,
      ...cause.facts,
      ...failure.moved.map((name) => `moved: ${name}`),
      `${unknown ? "not known" : "not moved"}: ${failure.failed}`,
      ...failure.notTried.map((name) => `not moved: ${name}`),
    ],
    advice: [
      ...cause.advice,
      `Run it again once that is mended: ${failure.digest} and its content are there.`,
    ],
  };
}

/** Without an answer the registry may have carried the request out all the same. */
function isOpen({ kind }: StoreFailure): boolean {
  return kind === "registry-cancelled" || kind === "registry-unreachable";
}
