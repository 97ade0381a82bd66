import { firstLine } from "./explanation.ts";
import { buildAdvice, pushAdvice, stallAdvice, timeoutAdvice } from "./advice.ts";
import { formatDuration } from "../text/units.ts";
import { unreachable } from "../unreachable.ts";
import type { Explanation, VariantContext } from "./explanation.ts";
import type {
  EmulatorCrash,
  EmulatorCrashed,
  PushFailed,
  SolveFailure,
  SolveRefused,
  StepFailed,
} from "../../core/buildkit/buildkit.ts";

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
        facts: [...(failure.step === undefined ? [] : [`${failure.step} was running`]), ...where(context)],
        advice: timeoutAdvice(context),
      };
    case "solve-stalled":
      return {
        headline: subject(context, `showed no sign of life for ${formatDuration(failure.stallMs)}`),
        facts: [...(failure.step === undefined ? [] : [`${failure.step} was running`]), ...where(context)],
        log: failure.log,
        advice: stallAdvice(context),
      };
    case "emulator-crashed":
      return explainCrash(failure, context);
    case "result-missing":
      return {
        headline: subject(context, "BuildKit ended well but did not say what it pushed"),
        facts: [failure.detail, ...where(context)],
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
    facts: [...place(failure), ...where(context), ...saidBesides(failure)],
    log: failure.log,
    advice: buildAdvice({
      text: [failure.message, ...failure.log].join("\n"),
      exitCode: failure.exitCode,
      context,
    }),
  };
}

function explainCrash(failure: EmulatorCrashed, context: VariantContext | undefined): Explanation {
  const { crash, step, exitCode, log } = failure;
  return {
    headline: subject(context, `${CRASHES[crash.signature](crash)} in ${step}`),
    facts: [
      ...(crash.line === undefined ? [] : [crash.line]),
      ...(crash.isSilent === true ? ["the step went on without a word after that, and was ended"] : []),
      ...place(failure),
      ...where(context),
    ],
    log,
    advice: buildAdvice({ text: [crash.line ?? "", ...log].join("\n"), exitCode, context }),
  };
}

const CRASHES: Readonly<Record<EmulatorCrash["signature"], (crash: EmulatorCrash) => string>> = {
  signal: ({ signal }) => `a program crashed under QEMU${signal === undefined ? "" : ` (signal ${signal})`}`,
  "illegal-instruction": () => "a program met an instruction that QEMU does not know",
  "exec-format": () => "no emulator took a program",
  "text-busy": () => "the emulator was still being installed",
};

/** BuildKit's own sentence, unless it only repeats the exit code. */
function saidBesides(failure: StepFailed): readonly string[] {
  const { first, rest } = firstLine(failure.message);
  const repeats = failure.exitCode !== undefined && /did not complete successfully/.test(first);
  return repeats || first === "" ? rest : [first, ...rest];
}

function explainRefused(failure: SolveRefused, context: VariantContext | undefined): Explanation {
  const { first, rest } = firstLine(failure.message);
  return {
    headline: subject(context, `BuildKit refused the build: ${first}`),
    facts: [...rest, ...place(failure), ...where(context)],
    advice: buildAdvice({ text: failure.message, exitCode: undefined, context }),
  };
}

function explainPush(failure: PushFailed, context: VariantContext | undefined): Explanation {
  const { first, rest } = firstLine(failure.message);
  return {
    headline: subject(context, `built, but not pushed to ${failure.registry}`),
    facts: [first, ...rest, ...where(context)],
    advice: pushAdvice(failure.message, failure.registry),
  };
}

function subject(context: VariantContext | undefined, text: string): string {
  return context === undefined ? text : `${context.variant}: ${text}`;
}

function place({ dockerfile }: Pick<StepFailed, "dockerfile">): readonly string[] {
  return dockerfile === undefined ? [] : [`at ${dockerfile.path}:${dockerfile.line}`];
}

function where(context: VariantContext | undefined): readonly string[] {
  return context === undefined ? [] : [`on node ${context.node}, ${context.execution}`];
}
