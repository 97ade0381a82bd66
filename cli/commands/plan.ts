import { failureJson } from "../describe/json.ts";
import { planJson } from "../json.ts";
import { planTable } from "../render/plan-table.ts";
import {
  printJson,
  reportFailures,
  reportLeftOut,
  reportWarnings,
  warningsJson,
  widthOf,
} from "../report.ts";
import { openSession, type PlanSelection } from "../session.ts";
import type { Shell } from "../shell.ts";
import { planView } from "../views.ts";

export type PlanOptions = PlanSelection;

/** `plan`: load, expand, route, and show it. */
export async function runPlan(options: PlanOptions, shell: Shell): Promise<number> {
  const session = await openSession(options, shell);
  if (!session.ok) return reportFailures(session.error, shell, { json: options.json === true });
  const { plan, routes, refused, buildkit } = session.value;
  await buildkit.close();
  const views = await planView(plan, routes);
  const { stdout } = shell;
  if (options.json === true) {
    printJson(shell, {
      ok: true,
      ...planJson(plan, buildkit.nodes, views),
      leftOut: refused.map(failureJson),
      warnings: warningsJson(plan.warnings),
    });
    return 0;
  }
  stdout.write(`${planTable(views, { width: widthOf(stdout), colour: stdout.colour })}\n`);
  reportWarnings(plan.warnings, shell);
  reportLeftOut(refused, shell);
  return 0;
}
