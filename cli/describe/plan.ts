import { describeDiagnostics } from "./diagnostics.ts";
import { layOut } from "./explanation.ts";
import { formatBytes } from "../text/units.ts";
import { unreachable } from "../unreachable.ts";
import type { TextOptions } from "./diagnostics.ts";
import type { Explanation } from "./explanation.ts";
import type { PlanFailure } from "../../core/plan/plan.ts";

type Unreadable = Exclude<PlanFailure, { readonly kind: "plan-invalid" }>;

/** Why the plan cannot be used, as text: all its problems with their lines, or why it was not read at all. */
export function describePlan(failure: PlanFailure, options: TextOptions): string {
  return failure.kind === "plan-invalid"
    ? describeDiagnostics(failure.diagnostics, options)
    : layOut(explainUnreadable(failure), options.colour).join("\n");
}

/** Why a plan was not read, or an option that changes it not taken, in words. */
export function explainUnreadable(failure: Unreadable): Explanation {
  switch (failure.kind) {
    case "plan-not-found":
      return {
        headline: `cannot read the plan ${failure.path}`,
        facts: [failure.detail],
        advice: [notFoundAdvice(failure.nearby)],
      };
    case "plan-too-large":
      return {
        headline: `the plan ${failure.path} is too large`,
        facts: [`it has ${formatBytes(failure.bytes)}, at most ${formatBytes(failure.maxBytes)} are read`],
        advice: [
          "Is this the right file? A plan is written by hand; use `matrix` and anchors for repetition.",
        ],
      };
    case "override-invalid":
      return {
        headline: `${[failure.option, failure.value].filter((part) => part !== "").join(" ")}: ${failure.detail}`,
        facts: [],
        advice: failure.hint === undefined ? [] : [failure.hint],
      };
    default:
      return unreachable(failure);
  }
}

function notFoundAdvice(nearby: readonly string[]): string {
  return nearby.length === 0
    ? "Name the plan with -f FILE; without it, buildx-plan.yaml in the current folder is read."
    : `Did you mean ${nearby.join(" or ")}? Name it with -f FILE.`;
}
