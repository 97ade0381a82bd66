import { run, type RunReport } from "../../core/run.ts";
import { formatReference, formatRepository } from "../../core/oci/reference.ts";
import type { Plan } from "../../core/plan/plan.ts";
import type { Failure } from "../../core/failure.ts";
import { exitCodeOf } from "../describe/exit-code.ts";
import { diagnosticJson } from "../describe/json.ts";
import { reportJson } from "../json.ts";
import { lateRegistry } from "../late-registry.ts";
import { createRenderer, type ProgressStyle } from "../render/create.ts";
import { releaseTable } from "../render/release-table.ts";
import { printJson, redactor, reportFailures, reportLeftOut, reportWarnings, widthOf } from "../report.ts";
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
  if (!session.ok) return await reportFailures(session.error, shell, { json: options.json === true });
  try {
    return await carryOut(session.value, options, shell);
  } finally {
    await session.value.buildkit.close();
  }
}

async function carryOut(session: Session, options: BuildOptions, shell: Shell): Promise<number> {
  const { plan, routes, refused, buildkit } = session;
  const redact = redactor(plan.secretValues);
  if (options.quiet !== true) await reportWarnings(plan.warnings, shell);
  await reportLeftOut(refused, shell);
  const renderer = await createRenderer(options.quiet === true ? "quiet" : options.progress, shell, redact);
  const registry = lateRegistry({
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
      target: { kind: "registries", registry, byBuilder: (repositories) => repositories },
      onEvent: (event) => renderer.onEvent(event),
      signal: shell.signal,
      now: shell.now,
    });
    await renderer.end();
    return await answer({ report, plan, options, redact }, shell);
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

/** The table and the references; the failures of variants have been told by the renderer already. */
async function answer(outcome: Outcome, shell: Shell): Promise<number> {
  const { report, plan, options, redact } = outcome;
  const exitCode = exitCodeOfRun(report);
  const isQuiet = options.quiet === true || options.progress === "quiet" || options.progress === "json";
  if (!isQuiet) showTable(plan, report, shell);
  if (!isQuiet && exitCode !== 0 && !report.interrupted && report.failure === undefined)
    shell.stderr.write("Not released: no tag was moved. What was built is kept in the cache.\n");
  if (report.failure !== undefined) await reportFailures([report.failure], shell, { json: false, redact });
  if (report.interrupted) shell.stderr.write(`buildx-plan: interrupted; ${movedSoFar(report)}\n`);
  if (options.json === true) {
    const json = { ok: exitCode === 0, ...reportJson(report), warnings: plan.warnings.map(diagnosticJson) };
    printJson(shell, json, redact);
  } else {
    shell.stdout.write(referencesOf(plan, report).join(""));
  }
  return exitCode;
}

function showTable(plan: Plan, report: RunReport, shell: Shell): void {
  const { stderr } = shell;
  const table = releaseTable(releaseViews(plan, report), { width: widthOf(stderr), colour: stderr.colour });
  stderr.write(`\n${table}\n`);
  for (const { name, tags, omitted } of plan.releases) {
    if (tags.length === 0 || omitted.length === 0) continue;
    stderr.write(
      `${name} is a part only (--only left out ${omitted.join(", ")}): pushed by digest, no tag was moved\n`,
    );
  }
}

function movedSoFar(report: RunReport): string {
  return report.failure?.kind === "release-failed" ? "see above which tags have moved" : "no tag was moved";
}

/** What can be pulled now: each tag with its digest; of a part, which gets no tag, each variant by its digest. */
function referencesOf(plan: Plan, report: RunReport): string[] {
  const tagged = report.released.flatMap(({ release, index }) =>
    release.tags.map((tag) => `${formatReference(tag)}@${index.descriptor.digest}\n`),
  );
  const parts = new Set(plan.releases.filter(({ omitted }) => omitted.length > 0).map(({ name }) => name));
  const pushed = report.variants.flatMap(({ route, outcome }) => {
    if (!parts.has(route.variant.release) || outcome.kind !== "built" || outcome.published === undefined)
      return [];
    const { digest } = outcome.published.manifest;
    return route.variant.build.repositories.map(
      (repository) => `${formatRepository(repository)}@${digest}\n`,
    );
  });
  return [...tagged, ...pushed];
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
