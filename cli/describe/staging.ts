import type { StagingUnusable } from "../../core/staging/staged.ts";
import { visible } from "../text/safe.ts";
import { unreachable } from "../unreachable.ts";
import { explainConfirm } from "./confirm.ts";

/** Why what a staging tag names is not taken over, to follow a name and a colon. */
export function stagingUnusableWords(why: StagingUnusable): string {
  switch (why.kind) {
    case "staging-foreign":
      return "buildx-plan did not write it";
    case "staging-other-version":
      return `another version of buildx-plan wrote it (format ${visible(why.version)})`;
    case "staging-other-variant":
      return `it holds another variant, ${visible(why.variant)}`;
    case "staging-malformed":
      return `its record cannot be used: ${visible(why.detail)}`;
    case "staging-image-lost":
      return `${why.missing}, which it names, is not there any more`;
    case "staging-image-invalid":
      return explainConfirm(why.cause).headline;
    default:
      return unreachable(why);
  }
}
