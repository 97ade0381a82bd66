import { unreachable } from "../unreachable.ts";
import type { Explanation } from "./explanation.ts";
import type { LayoutFailure } from "../../core/oci/layout-failure.ts";

/** Why an OCI layout cannot be used, in words. */
export function explainLayout(failure: LayoutFailure): Explanation {
  switch (failure.kind) {
    case "layout-missing":
      return {
        headline: `there is no OCI layout at ${failure.path}`,
        facts: [],
        advice: ["Check the path: a layout is a folder with a file `oci-layout` in it, or a tar of one."],
      };
    case "layout-invalid":
      return {
        headline: `${failure.path} is no OCI layout that can be read`,
        facts: [failure.detail],
        advice: ["Write it anew with `buildx-plan build --output type=oci,dest=PATH`."],
      };
    case "layout-content-missing":
      return {
        headline: `the OCI layout ${failure.path} has no ${failure.reference}`,
        facts: [`tags in it: ${failure.known.length === 0 ? "none" : failure.known.join(", ")}`],
        advice: ["Name one of its tags, `oci-layout://PATH:TAG`, or a digest, `oci-layout://PATH@DIGEST`."],
      };
    case "layout-content-damaged":
      return {
        headline: `the OCI layout ${failure.path} is damaged`,
        facts: [failure.digest, failure.detail],
        advice: ["Write or copy it anew: these bytes are not those that its name promises."],
      };
    case "layout-inaccessible":
      return {
        headline: `the OCI layout ${failure.path} cannot be read or written`,
        facts: [failure.detail],
        advice: ["Check permissions and free space there."],
      };
    case "layout-cancelled":
      return {
        headline: `interrupted while the OCI layout ${failure.path} was read or written`,
        facts: [],
        advice: [],
      };
    default:
      return unreachable(failure);
  }
}
