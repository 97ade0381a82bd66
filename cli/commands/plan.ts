import { makespanOf } from "../../core/route/route.ts";
import { planTable, type PlanView } from "../render/plan-table.ts";
import { printJson, reportFailures, reportLeftOut, reportWarnings, widthOf } from "../report.ts";
import { openSession, type PlanSelection, type Session } from "../session.ts";
import type { Shell } from "../shell.ts";
import { planView } from "../views.ts";

export type PlanOptions = PlanSelection;

/** `plan`: load, expand, route, and show it. */
export async function runPlan(options: PlanOptions, shell: Shell): Promise<number> {
  const session = await openSession(options, shell);
  if (!session.ok) return await reportFailures(session.error, shell, { json: options.json === true });
  const { plan, routes, refused, buildkit } = session.value;
  await buildkit.close();
  const views = planView(plan, routes);
  if (options.json === true) return await printAnswer(session.value, views, shell);
  const { stdout } = shell;
  stdout.write(`${planTable(views, { width: widthOf(stdout), colour: stdout.colour })}\n`);
  await reportWarnings(plan.warnings, shell);
  await reportLeftOut(refused, shell);
  return 0;
}

async function printAnswer(
  { plan, routes, refused, lost, buildkit }: Session,
  views: readonly PlanView[],
  shell: Shell,
): Promise<number> {
  // Imported late: the table, which is asked for more often, needs none of it.
  const { planJson } = await import("../json.ts");
  const { diagnosticJson, failureJson } = await import("../describe/json.ts");
  printJson(shell, {
    ok: true,
    ...planJson(plan, buildkit.nodes, views),
    makespanMs: makespanOf(routes),
    leftOut: refused.map(failureJson),
    lost,
    warnings: plan.warnings.map(diagnosticJson),
  });
  return 0;
}
