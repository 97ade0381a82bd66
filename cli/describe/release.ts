import { formatReference, formatRepository } from "../../core/oci/reference.ts";
import type { IndexRefused } from "../../core/oci/image-index.ts";
import type { ReleaseFailure } from "../../core/publish/release.ts";
import { unreachable } from "../unreachable.ts";
import type { Explanation } from "./explanation.ts";
import { explainRegistry } from "./registry.ts";

/** Why a release is not out, in words: which tags have moved, which have not, and what to do. */
export function explainRelease(failure: ReleaseFailure): Explanation {
  switch (failure.kind) {
    case "release-incomplete":
      return {
        headline: `${failure.release} is not complete; no tag was moved`,
        facts: [
          ...failure.missing.map((variant) => `missing: ${variant}`),
          ...failure.unexpected.map((variant) => `not expected: ${variant}`),
        ],
        advice: ["Build again: what was built is taken from the cache."],
      };
    case "index-refused":
      return {
        headline: `no index can be made for ${failure.release}; no tag was moved`,
        facts: [refusal(failure.cause)],
        advice: [],
      };
    case "index-not-stored": {
      const cause = explainRegistry(failure.cause);
      return {
        headline: `the index of ${failure.release} cannot be stored in ${formatRepository(failure.repository)}; no tag was moved`,
        facts: [cause.headline, ...cause.facts],
        advice: cause.advice,
      };
    }
    case "release-failed":
      return explainHalfMoved(failure);
    default:
      return unreachable(failure);
  }
}

function explainHalfMoved(
  failure: Extract<ReleaseFailure, { readonly kind: "release-failed" }>,
): Explanation {
  const cause = explainRegistry(failure.cause);
  const tag = formatReference(failure.failedTag);
  // Without an answer the registry may have carried the request out all the same.
  const isUnknown =
    failure.cause.kind === "registry-cancelled" || failure.cause.kind === "registry-unreachable";
  return {
    headline: isUnknown
      ? `it is not known whether the tag ${tag} was moved`
      : `the tag ${tag} could not be moved`,
    facts: [
      cause.headline,
      ...cause.facts,
      ...failure.moved.map((each) => `moved: ${formatReference(each)}`),
      `${isUnknown ? "not known" : "not moved"}: ${tag}`,
      ...failure.notTried.map((each) => `not moved: ${formatReference(each)}`),
    ],
    advice: [...cause.advice, "Build again once that is mended: it moves the tags that are left."],
  };
}

function refusal(cause: IndexRefused): string {
  switch (cause.kind) {
    case "index-empty":
      return "there is nothing to put in it";
    case "platform-missing":
      return `${cause.digest} has no platform`;
    case "platform-twice":
      return `${cause.platform} is there twice: ${cause.digests.join(" and ")}`;
    case "attestation-stray":
      return `the attestation ${cause.digest} speaks of ${cause.subject ?? "an image"} that is not in the index`;
    case "annotations-unsupported":
      return "Docker's media types have no annotations; leave `oci-mediatypes=false` out of `output`, or the annotations";
    default:
      return unreachable(cause);
  }
}
