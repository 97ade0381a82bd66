import { carryOut, type CarryOutOptions } from "../carry-out.ts";
import { noBuildKit, withJoined } from "../joined.ts";
import { reportFailures } from "../report.ts";
import { readPlan, type PlanSelection } from "../session.ts";
import type { Shell } from "../shell.ts";

export interface JoinOptions
  extends
    Omit<PlanSelection, "only" | "builder">,
    Omit<CarryOutOptions, "destination" | "check" | "resume"> {}

/** `stitch` of a plan: joins what `build --only` has finished on any machines, and releases it as `build` does. Nothing is built. */
export async function runJoin(options: JoinOptions, shell: Shell): Promise<number> {
  const plan = await readPlan({ ...options, only: [] }, shell);
  if (!plan.ok) return await reportFailures(plan.error, shell, { json: options.json === true });
  const session = { plan: plan.value, routes: [], refused: [], lost: [], buildkit: noBuildKit() };
  const work = withJoined(session, () => true);
  return await carryOut(work, { ...options, destination: { kind: "registries" }, check: false }, shell);
}
