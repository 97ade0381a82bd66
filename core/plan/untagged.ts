import { fail, ok } from "../result.ts";
import type { Result } from "../result.ts";
import type { Plan, PlanFailure, PlannedRelease } from "./plan.ts";

/**
 * Refuses a plan that is to be published where the rules of an image give no tag for what is checked out: its result would go nowhere. That is
 * no mistake of the plan, so `plan`, `check` and results on disk have no part in it.
 */
export function refuseUntagged(plan: Plan): Result<Plan, PlanFailure> {
  const untagged = plan.releases.filter(goesNowhere);
  if (untagged.length === 0) return ok(plan);
  const diagnostics = untagged.map(({ name, location }) => ({
    severity: "error" as const,
    message: `No rule gives ${name} a tag here, so there is nothing to publish`,
    location,
    hint: "Add a rule that does (`buildx-plan tags` tells what each says), build other images with --image, or use --output or --load",
  }));
  return fail({ kind: "plan-invalid", diagnostics });
}

function goesNowhere({ tags, variants }: PlannedRelease): boolean {
  return tags.length === 0 && variants.some(({ build }) => build.outputs.length === 0);
}
