import type { Finding } from "../core/findings/finding.ts";
import type { Plan } from "../core/plan/plan.ts";
import type { RunReport } from "../core/run.ts";
import type { Ended, ReportOptions } from "./render/ci-report.ts";
import { reportToCi } from "./report-to-ci.ts";
import { contextOf } from "./describe/explanation.ts";
import type { Shell } from "./shell.ts";
import { releaseViews } from "./views.ts";

/** A run of a plan that has ended. */
export interface EndedRun {
  readonly ok: boolean;
  /** It failed before any tag was moved. */
  readonly untagged: boolean;
  readonly plan: Plan;
  readonly report: RunReport;
  /** Of all checks. */
  readonly findings: readonly Finding[];
  readonly redact: (text: string) => string;
}

/** Tells CI how a run has ended; see {@link reportToCi}. */
export async function reportRunToCi(
  { ok, untagged, plan, report, findings, redact }: EndedRun,
  options: ReportOptions,
  shell: Shell,
): Promise<number> {
  const failed = report.variants.flatMap(({ route, outcome }) =>
    outcome.kind === "failed" ? [{ failure: outcome.failure, context: contextOf(route) }] : [],
  );
  const ended: Ended = {
    ok,
    ...(untagged ? { untagged } : {}),
    releases: releaseViews(plan, report),
    failures: [...failed, ...(report.failure === undefined ? [] : [{ failure: report.failure }])],
    findings,
    diagnostics: plan.warnings,
    interrupted: report.interrupted,
    redact,
  };
  return await reportToCi(ended, options, shell);
}
