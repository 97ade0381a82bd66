import { explainCrash } from "./crash.ts";
import { firstLine, subject, whereBuilt } from "./explanation.ts";
import { buildAdvice, pushAdvice, stallAdvice, timeoutAdvice } from "./advice.ts";
import { formatDuration } from "../text/units.ts";
import { unreachable } from "../unreachable.ts";
import type { Explanation, VariantContext } from "./explanation.ts";
import type { PushFailed, SolveFailure, SolveRefused, StepFailed } from "../../core/buildkit/buildkit.ts";

/** Why a variant was not built, in words. */
export function explainSolve(failure: SolveFailure, context?: VariantContext): Explanation {
  switch (failure.kind) {
    case "step-failed":
      return explainStep(failure, context);
    case "solve-refused":
      return explainRefused(failure, context);
    case "push-failed":
      return explainPush(failure, context);
    case "node-lost":
      return {
        headline: subject(context, `the connection to BuildKit node ${failure.node} was lost`),
        facts: [failure.detail],
        advice: [
          "Check that the node is up and has memory and disk left (`buildx-plan doctor`), then run again: finished steps come from its cache.",
        ],
      };
    case "solve-timed-out":
      return {
        headline: subject(context, `took longer than its timeout of ${formatDuration(failure.timeoutMs)}`),
        facts: [
          ...(failure.step === undefined ? [] : [`${failure.step} was running`]),
          ...whereBuilt(context),
        ],
        advice: timeoutAdvice(context),
      };
    case "solve-stalled":
      return {
        headline: subject(context, `showed no sign of life for ${formatDuration(failure.stallMs)}`),
        facts: [
          ...(failure.step === undefined ? [] : [`${failure.step} was running`]),
          ...whereBuilt(context),
        ],
        log: failure.log,
        advice: stallAdvice(failure.step, context),
      };
    case "emulator-crashed":
      return explainCrash(failure, context);
    case "result-missing":
      return {
        headline: subject(context, "BuildKit ended well but did not say what it pushed"),
        facts: [failure.detail, ...whereBuilt(context)],
        advice: ["Check the version of this BuildKit with `buildx-plan doctor`; a newer one may be needed."],
      };
    case "solve-cancelled":
      return { headline: subject(context, "the build was cancelled"), facts: [], advice: [] };
    default:
      return unreachable(failure);
  }
}

function explainStep(failure: StepFailed, context: VariantContext | undefined): Explanation {
  const code = failure.exitCode === undefined ? "" : ` with exit code ${failure.exitCode}`;
  return {
    headline: subject(context, `${failure.step} failed${code}`),
    facts: [...place(failure), ...whereBuilt(context), ...saidBesides(failure)],
    log: failure.log,
    advice: buildAdvice({
      text: [failure.message, ...failure.log].join("\n"),
      exitCode: failure.exitCode,
      context,
    }),
  };
}

/** BuildKit's own sentence, unless it only repeats the exit code. */
function saidBesides(failure: StepFailed): readonly string[] {
  const { first, rest } = firstLine(failure.message);
  const repeats = failure.exitCode !== undefined && /did not complete successfully/.test(first);
  return repeats || first === "" ? rest : [first, ...rest];
}

function explainRefused(failure: SolveRefused, context: VariantContext | undefined): Explanation {
  const { first, rest } = firstLine(failure.message);
  return {
    headline: subject(context, `the build did not go through: ${first}`),
    facts: [...rest, ...place(failure), ...whereBuilt(context)],
    advice: buildAdvice({ text: failure.message, exitCode: undefined, context }),
  };
}

function explainPush(failure: PushFailed, context: VariantContext | undefined): Explanation {
  const { first, rest } = firstLine(failure.message);
  return {
    headline: subject(context, `built, but not pushed to ${failure.registry}`),
    facts: [first, ...rest, ...whereBuilt(context)],
    advice: pushAdvice(failure.message, failure.registry),
  };
}

function place({ dockerfile }: Pick<StepFailed, "dockerfile">): readonly string[] {
  return dockerfile === undefined ? [] : [`at ${dockerfile.path}:${dockerfile.line}`];
}
