import { formatReference } from "../../core/oci/reference.ts";
import type { RecordUnusable } from "../../core/publish/record-file.ts";
import type { RecordUnwritable } from "../../core/publish/record.ts";
import type { RollbackIncomplete, RollbackProblem } from "../../core/publish/rollback.ts";
import { unreachable } from "../unreachable.ts";
import type { Explanation } from "./explanation.ts";
import { explainRegistry } from "./registry.ts";

/** Why the record of a release cannot be written or used, in words. */
export function explainRecord(failure: RecordUnwritable | RecordUnusable): Explanation {
  switch (failure.kind) {
    case "record-unwritable":
      return {
        headline: `the record of this release cannot be written; ${MEANWHILE[failure.when]}`,
        facts: [failure.path, failure.detail],
        advice: [
          "Name a file that can be written with `--record FILE`, or set XDG_STATE_HOME to such a folder.",
        ],
      };
    case "record-unreadable":
      return {
        headline: `the record ${failure.path} cannot be read`,
        facts: [failure.detail],
        advice: ["`build` names the record of each release at its end, and in `--json` as `record`."],
      };
    case "record-invalid":
      return {
        headline: `${failure.path} is no record of a release that this version can use`,
        facts: [failure.detail],
        advice: ["No tag was touched. Take the file as `build` has written it."],
      };
    default:
      return unreachable(failure);
  }
}

const MEANWHILE: Readonly<Record<RecordUnwritable["when"], string>> = {
  "before-build": "nothing was built",
  "before-tags": "no tag was moved",
  "after-tags": "the tags have moved all the same",
};

/** Which tags are not as they were before the release, in words. */
export function explainRollback({ tags }: RollbackIncomplete): Explanation {
  return {
    headline: "not all tags are as they were before the release",
    facts: tags.flatMap(({ tag, problem }) => factsOf(formatReference(tag), problem)),
    advice: [...new Set(tags.flatMap(({ problem }) => adviceFor(problem)))],
  };
}

function factsOf(tag: string, problem: RollbackProblem): readonly string[] {
  switch (problem.kind) {
    case "moved-since":
      return [
        problem.current === null
          ? `left alone: ${tag}, which somebody has removed since`
          : `left alone: ${tag}, which somebody has moved since to ${problem.current}`,
      ];
    case "stays": {
      const cause = explainRegistry(problem.cause);
      return [`stays: ${tag}, which was not there before: ${cause.headline}`, ...cause.facts];
    }
    case "failed": {
      const cause = explainRegistry(problem.cause);
      return [`not put back: ${tag}: ${cause.headline}`, ...cause.facts];
    }
    default:
      return unreachable(problem);
  }
}

function adviceFor(problem: RollbackProblem): readonly string[] {
  switch (problem.kind) {
    case "moved-since":
      return ["Put it back all the same with `--force`, if what it names now may go."];
    case "stays":
      return ["This registry does not delete tags: remove it with the registry's own means, or move it on."];
    case "failed":
      return [
        ...explainRegistry(problem.cause).advice,
        "Roll back again once that is mended: what is done already is left as it is.",
      ];
    default:
      return unreachable(problem);
  }
}
