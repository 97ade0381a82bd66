import type { IndexRefused } from "../../core/oci/image-index.ts";
import type { ChildProblem, ChildRefused } from "../../core/images/stitch-child.ts";
import type { AttestationMissing } from "../../core/images/stitch-policy.ts";
import { unreachable } from "../unreachable.ts";
import type { Explanation } from "./explanation.ts";
import { refusal } from "./release.ts";

type Refused =
  | ChildRefused
  | AttestationMissing
  | { readonly kind: "stitch-refused"; readonly cause: IndexRefused };

/** Why no index is made of these children, in words. Nothing was written. */
export function explainStitch(failure: Refused): Explanation {
  switch (failure.kind) {
    case "stitch-refused":
      return {
        headline: "no index can be made of these images; nothing was written",
        facts: [refusal(failure.cause)],
        advice: indexAdvice(failure.cause),
      };
    case "attestation-missing":
      return {
        headline: `${failure.child} has no attestation, and \`--attest require\` asks for one; nothing was written`,
        facts: [failure.digest],
        advice: [
          "Name the index that buildx pushed for it, which has its attestations, or build it with some.",
        ],
      };
    case "child-refused":
      return {
        headline: `${failure.child} cannot stand in an index; nothing was written`,
        facts: [failure.digest, problemWords(failure.problem)],
        advice: problemAdvice(failure.problem),
      };
    default:
      return unreachable(failure);
  }
}

function indexAdvice(cause: IndexRefused): readonly string[] {
  switch (cause.kind) {
    case "platform-missing":
      return [
        "Say its platform: PLATFORM=REFERENCE, linux/arm64=registry.example/app@sha256:... for instance.",
      ];
    case "platform-twice":
      return ["Leave one of them out: clients would take either."];
    case "media-type-foreign":
      return ["Some registries refuse such a mixture: build all images with one kind of media types."];
    case "annotations-unsupported":
      return ["Build the images with OCI media types, or leave annotations out."];
    case "attestation-unsupported":
      return ["Build the images with OCI media types, or leave attestations out with `--attest strip`."];
    case "index-empty":
    case "attestation-stray":
      return [];
    default:
      return unreachable(cause);
  }
}

function problemWords(problem: ChildProblem): string {
  switch (problem.kind) {
    case "no-document":
      return problem.detail;
    case "no-image":
      return `it is no image: its config is of type ${problem.mediaType}`;
    case "entry-foreign":
      return `${problem.entry} in it is neither an image nor an attestation (${problem.mediaType})`;
    case "attestation-stray":
      return `the attestation ${problem.entry} in it speaks of ${problem.subject ?? "an image"} that is not in it`;
    case "platform-absent":
      return `it has no ${problem.platform}, but ${problem.known.join(", ") || "no platform at all"}`;
    default:
      return unreachable(problem);
  }
}

function problemAdvice(problem: ChildProblem): readonly string[] {
  switch (problem.kind) {
    case "no-image":
      return ["To put it in all the same, say its platform: PLATFORM=REFERENCE."];
    case "attestation-stray":
      return ["Build it anew: an index that was changed by hand may have lost its image."];
    case "entry-foreign":
      return ["Name the images in it one by one, by their digests."];
    case "platform-absent":
    case "no-document":
      return [];
    default:
      return unreachable(problem);
  }
}
