import type { InitFailure } from "../../core/init/init-failure.ts";
import { foundLines } from "../render/init-view.ts";
import { unreachable } from "../unreachable.ts";
import type { Explanation } from "./explanation.ts";

/** Why no plan or pipeline was written, in words. */
export function explainInit(failure: InitFailure): Explanation {
  switch (failure.kind) {
    case "init-nothing-found":
      return {
        headline: `there is nothing in ${failure.directory} that a plan could be made of`,
        facts: foundLines(failure.lookedAt, []),
        advice: [
          failure.from === undefined
            ? "A plan is made of a bake file, a GitHub workflow with docker/build-push-action, a Compose file with `build`, or a Dockerfile."
            : "Without --from, all sources are looked at.",
        ],
      };
    case "init-unusable":
      return {
        headline: `no plan can be made of ${failure.files.slice(0, 5).join(", ")}`,
        facts: failure.reasons.slice(0, 20),
        advice: ["Mend it there, or take another source: --from bake, workflow, compose or dockerfile."],
      };
    case "init-exists":
      return {
        headline: `${failure.path} is there already`,
        facts: [],
        advice: ["--force overwrites it, --dry-run prints what would be written."],
      };
    case "init-unwritable":
      return { headline: `cannot write ${failure.path}`, facts: [failure.detail], advice: [] };
    default:
      return unreachable(failure);
  }
}
