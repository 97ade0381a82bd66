import { formatReference, formatRepository } from "../../core/oci/reference.ts";
import type { IndexRefused } from "../../core/oci/image-index.ts";
import type { ReleaseFailure } from "../../core/publish/release-failure.ts";
import { unreachable } from "../unreachable.ts";
import type { Explanation } from "./explanation.ts";
import { explainRegistry } from "./registry.ts";

/** Why a release is not out, in words: which tags have moved, which have not, and what to do. */
export function explainRelease(
  failure: Exclude<ReleaseFailure, { readonly kind: "tags-refused" | "record-unwritable" }>,
): Explanation {
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
    case "attestations-missing":
      return {
        headline: `${failure.release} lacks attestations that the plan requires; no tag was moved`,
        facts: failure.platforms.map((platform) => `none for: ${platform}`),
        advice: [
          "Let the plan ask for them under `attest` (`provenance`, `sbom`), or keep what there is with `policy: keep`.",
        ],
      };
    case "index-refused":
      return {
        headline: `no index can be made for ${failure.release}; no tag was moved`,
        facts: [refusal(failure.cause)],
        advice: refusalAdvice(failure.cause),
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
      ...failure.unchanged.map((each) => `named it already: ${formatReference(each)}`),
      ...failure.kept.map((each) => `kept as it was: ${formatReference(each)}`),
      `${isUnknown ? "not known" : "not moved"}: ${tag}`,
      ...failure.notTried.map((each) => `not moved: ${formatReference(each)}`),
    ],
    advice: [
      ...cause.advice,
      "Build again once that is mended: it moves the tags that are left.",
      ...rollbackAdvice(failure, isUnknown),
    ],
  };
}

function rollbackAdvice(
  { moved, record }: Extract<ReleaseFailure, { readonly kind: "release-failed" }>,
  isUnknown: boolean,
): readonly string[] {
  if (record === undefined || (moved.length === 0 && !isUnknown)) return [];
  return [`Or put the tags back as they were: ${rollbackCommand(record)}`];
}

/** The command that undoes a release, ready to be pasted into a shell. */
export function rollbackCommand(record: string): string {
  const isPlain = /^[A-Za-z0-9_./:@%+,-]+$/.test(record);
  return `buildx-plan rollback ${isPlain ? record : `'${record.replaceAll("'", String.raw`'\''`)}'`}`;
}

/** What stands against an index, in words. */
export function refusal(cause: IndexRefused): string {
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
      return cause.digest === undefined
        ? "Docker's media types have no annotations for an index"
        : `Docker's media types have no annotations for an entry of an index, as ${cause.digest} has`;
    case "attestation-unsupported":
      return `Docker's media types have no place for attestations, such as ${cause.digest}`;
    case "media-type-foreign": {
      const child = cause.platform === undefined ? cause.digest : `${cause.platform} (${cause.digest})`;
      const wanted = cause.format === "oci" ? "OCI's" : "Docker's";
      return `${child} is of type ${cause.mediaType}, in an index of ${wanted} media types`;
    }
    default:
      return unreachable(cause);
  }
}

function refusalAdvice(cause: IndexRefused): readonly string[] {
  switch (cause.kind) {
    case "annotations-unsupported":
      return ["Take `media-types: oci`, or leave `index:` and `manifest-descriptor:` annotations out."];
    case "attestation-unsupported":
      return ["Take `media-types: oci`, or let `attest` make none, or leave them out with `policy: strip`."];
    case "media-type-foreign":
      return [
        "Some registries refuse such a mixture: let `media-types` say one kind for the whole image, and nothing else in `output`.",
      ];
    case "index-empty":
    case "platform-missing":
    case "platform-twice":
    case "attestation-stray":
      return [];
    default:
      return unreachable(cause);
  }
}
