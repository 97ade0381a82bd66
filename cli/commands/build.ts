import { run, type RunReport } from "../../core/run.ts";
import { formatReference } from "../../core/oci/reference.ts";
import { openRegistry } from "../../core/registry/client.ts";
import type { Plan } from "../../core/plan/plan.ts";
import type { Failure } from "../../core/failure.ts";
import { exitCodeOf } from "../describe/exit-code.ts";
import { reportJson } from "../json.ts";
import { createRenderer, type ProgressStyle } from "../render/create.ts";
import { releaseTable } from "../render/release-table.ts";
import { printJson, redactor, reportFailures, reportWarnings, warningsJson, widthOf } from "../report.ts";
import { openSession, type PlanSelection, type Session } from "../session.ts";
import type { Shell } from "../shell.ts";
import { releaseViews } from "../views.ts";

export interface BuildOptions extends PlanSelection {
  readonly progress: ProgressStyle;
  readonly quiet?: boolean;
}

/** `build`: everything that `plan` does, then solve, confirm, stitch and release. */
export async function runBuild(options: BuildOptions, shell: Shell): Promise<number> {
  const session = await openSession(options, shell);
  if (!session.ok) return reportFailures(session.error, shell, { json: options.json === true });
  try {
    return await carryOut(session.value, options, shell);
  } finally {
    await session.value.buildkit.close();
  }
}

async function carryOut(session: Session, options: BuildOptions, shell: Shell): Promise<number> {
  const { plan, routes, buildkit } = session;
  const redact = redactor(plan.secretValues);
  if (options.quiet !== true) reportWarnings(plan.warnings, shell);
  const renderer = createRenderer(options.quiet === true ? "quiet" : options.progress, shell, redact);
  const registry = openRegistry({
    env: shell.env,
    home: shell.home,
    userAgent: `buildx-plan/${shell.version}`,
    access: "write",
  });
  try {
    const report = await run({
      plan,
      routes,
      buildkit,
      registry,
      onEvent: (event) => renderer.onEvent(event),
      signal: shell.signal,
      now: shell.now,
    });
    await renderer.end();
    return answer({ report, plan, options, redact }, shell);
  } finally {
    await registry.close();
  }
}

interface Outcome {
  readonly report: RunReport;
  readonly plan: Plan;
  readonly options: BuildOptions;
  readonly redact: (text: string) => string;
}

/** The table and the reference to pull; the failures of variants have been told by the renderer already. */
function answer(outcome: Outcome, shell: Shell): number {
  const { report, plan, options, redact } = outcome;
  const exitCode = exitCodeOfRun(report);
  const isQuiet = options.quiet === true || options.progress === "quiet" || options.progress === "json";
  if (!isQuiet) {
    const { stderr } = shell;
    const table = releaseTable(releaseViews(plan, report), { width: widthOf(stderr), colour: stderr.colour });
    stderr.write(`\n${table}\n`);
  }
  if (report.failure !== undefined) reportFailures([report.failure], shell, { json: false, redact });
  if (report.interrupted) shell.stderr.write("buildx-plan: interrupted; no tag was moved after that\n");
  if (options.json === true) {
    printJson(shell, { ok: exitCode === 0, ...reportJson(report), warnings: warningsJson(plan.warnings) });
  } else {
    const references = report.released.flatMap(({ release, index }) =>
      release.tags.map((tag) => `${formatReference(tag)}@${index.descriptor.digest}\n`),
    );
    shell.stdout.write(references.join(""));
  }
  return exitCode;
}

/** Failures of optional variants do not count: the plan lets the release go on without them. */
function exitCodeOfRun(report: RunReport): number {
  if (report.interrupted) return 130;
  const failures: Failure[] = report.variants.flatMap(({ route, outcome }) =>
    outcome.kind === "failed" && route.variant.required ? [outcome.failure] : [],
  );
  if (report.failure !== undefined) failures.push(report.failure);
  return failures.length === 0 ? 0 : exitCodeOf(failures);
}
