import { formatPlatformFull } from "../../platforms/platform.ts";
import { redirect, type Destination } from "../../core/destination.ts";
import { run, type RunReport } from "../../core/run.ts";
import { hasErrors, type Finding } from "../../core/findings/finding.ts";
import type { Plan } from "../../core/plan/plan.ts";
import { refuseUntagged } from "../../core/plan/untagged.ts";
import type { Failure } from "../../core/failure.ts";
import { exitCodeOf } from "../describe/exit-code.ts";
import { diagnosticJson, findingJson } from "../describe/json.ts";
import { reportJson } from "../json.ts";
import { openGates } from "../gates.ts";
import { hostPlatform } from "../host-platform.ts";
import { lateRegistry } from "../late-registry.ts";
import { createRenderer, type ProgressStyle } from "../render/create.ts";
import { beginPreflight, preflightBeside } from "../preflight.ts";
import { releaseTable } from "../render/release-table.ts";
import { openRecord } from "../recorder.ts";
import {
  printJson,
  redactor,
  reportFailures,
  reportFindings,
  reportLeftOut,
  reportWarnings,
  widthOf,
  reportRegistryWarnings,
} from "../report.ts";
import { openSession, type PlanSelection, type Session } from "../session.ts";
import { openScratch } from "../scratch.ts";
import type { Shell } from "../shell.ts";
import { resultsOf } from "../results.ts";
import { destinationOf, openTarget, type DestinationOptions } from "../target.ts";
import { releaseViews } from "../views.ts";

export interface BuildOptions extends PlanSelection, DestinationOptions {
  readonly progress: ProgressStyle;
  readonly quiet?: boolean;
  readonly allowShrink?: boolean;
  readonly allowDowngrade?: boolean;
  readonly record?: string;
  /** `--no-check` makes it false. */
  readonly check?: boolean;
  readonly failFast?: boolean;
  readonly strict?: boolean;
}

/** `build`: everything that `plan` does, then solve, confirm, stitch and release. */
export async function runBuild(options: BuildOptions, shell: Shell): Promise<number> {
  const json = options.json === true;
  const destination = destinationOf(options, shell);
  if (!destination.ok) return await reportFailures([destination.error], shell, { json });
  const session = await openSession(options, shell, (plan) => {
    const told = asToldBy(options, plan);
    if (destination.value.kind === "registries") return refuseUntagged(told);
    return redirect(told, destination.value, hostPlatform());
  });
  if (!session.ok) return await reportFailures(session.error, shell, { json });
  try {
    return await carryOut(session.value, { ...options, destination: destination.value }, shell);
  } finally {
    await session.value.buildkit.close();
  }
}

/** What the command line says of failures, as if the plan said so. */
function asToldBy({ failFast, strict }: BuildOptions, plan: Plan): Plan {
  const releases =
    strict === true
      ? plan.releases.map((release) => ({
          ...release,
          variants: release.variants.map((variant) => ({ ...variant, required: true })),
        }))
      : plan.releases;
  return { ...plan, releases, ...(failFast === true ? { failFast } : {}) };
}

type BuildTo = BuildOptions & { readonly destination: Destination };

async function carryOut(session: Session, options: BuildTo, shell: Shell): Promise<number> {
  const { plan, routes, refused, buildkit } = session;
  const redact = redactor(plan.secretValues);
  const recorder = await openRecord(plan, options, shell);
  if (!recorder.ok) return await reportFailures([recorder.error], shell, { json: options.json === true });
  const gates = await openGates(session, options.destination, shell);
  if (!gates.ok) return await reportFailures([gates.error], shell, { json: options.json === true });
  const allowed = { shrink: options.allowShrink === true, downgrade: options.allowDowngrade === true };
  const early = options.check === false ? undefined : await beginPreflight(session, shell);
  if (early !== undefined && hasErrors(early.findings)) {
    const failure = { kind: "preflight-failed", findings: early.findings } as const;
    return await reportFailures([failure], shell, { json: options.json === true, redact });
  }
  if (options.quiet !== true) await reportWarnings(plan.warnings, shell);
  if (options.quiet !== true) await reportFindings(early?.findings ?? [], shell, redact);
  await reportLeftOut(refused, shell);
  const renderer = await createRenderer(options.quiet === true ? "quiet" : options.progress, shell, redact);
  const registry = lateRegistry({
    env: shell.env,
    home: shell.home,
    userAgent: `buildx-plan/${shell.version}`,
    access: "write",
    registries: plan.registries,
  });
  const scratch = openScratch();
  const beside = early && preflightBeside(session, early, { allowed, shell });
  try {
    const opened = await openTarget(options.destination, { plan, registry }, shell);
    if (!opened.ok) return await reportFailures([opened.error], shell, { json: options.json === true });
    const checked: Finding[] = [];
    const ran = await run({
      plan,
      routes,
      buildkit,
      target: opened.value.target,
      allowed,
      scratch: scratch.path,
      ...(beside === undefined ? {} : { preflight: beside.outcome }),
      ...(recorder.value === undefined ? {} : { recorder: recorder.value }),
      ...(gates.value === undefined ? {} : { gates: gates.value }),
      onEvent: (event) => {
        renderer.onEvent(event);
        if ("finding" in event) checked.push(event.finding);
        beside?.onEvent(event);
      },
      signal: beside?.signal ?? shell.signal,
      now: shell.now,
    });
    await renderer.end();
    const found = (await beside?.end()) ?? [];
    const report = stoppedBy(found, ran);
    const findings = [...(early?.findings ?? []), ...found, ...checked];
    if (options.quiet !== true && report.failure?.kind !== "preflight-failed")
      await reportFindings(found, shell, redact);
    const closed = await opened.value.close(exitCodeOfRun(report) === 0);
    if (!closed.ok) return await reportFailures([closed.error], shell, { json: options.json === true });
    return await answer({ report, plan, options, redact, findings }, shell);
  } finally {
    await beside?.end();
    await scratch.remove();
    reportRegistryWarnings(registry, shell);
    await registry.close();
  }
}

/** What preflight has stopped was not interrupted by anybody. */
function stoppedBy(found: readonly Finding[], report: RunReport): RunReport {
  if (!hasErrors(found) || report.released.length > 0) return report;
  return { ...report, interrupted: false, failure: { kind: "preflight-failed", findings: found } };
}

interface Outcome {
  readonly report: RunReport;
  /** Of preflight, then of the checks before tags move. */
  readonly findings: readonly Finding[];
  readonly plan: Plan;
  readonly options: BuildTo;
  readonly redact: (text: string) => string;
}

/** The table and the references; the failures of variants have been told by the renderer already. */
async function answer(outcome: Outcome, shell: Shell): Promise<number> {
  const { report, plan, options, redact } = outcome;
  const exitCode = exitCodeOfRun(report);
  const results = resultsOf(plan, report, options.destination);
  const isQuiet = options.quiet === true || options.progress === "quiet" || options.progress === "json";
  if (!isQuiet) showTable(outcome, shell);
  if (!isQuiet && exitCode !== 0 && !report.interrupted && !saysItself(report))
    shell.stderr.write(`${notDone(options.destination)} What was built is kept in the cache.\n`);
  if (!isQuiet && report.record !== undefined) shell.stderr.write(`recorded in ${report.record}\n`);
  if (report.failure !== undefined) await reportFailures([report.failure], shell, { json: false, redact });
  if (report.interrupted) shell.stderr.write(`buildx-plan: interrupted; ${movedSoFar(report)}\n`);
  if (options.json === true) {
    const warnings = plan.warnings.map(diagnosticJson);
    const findings = outcome.findings.map(findingJson);
    printJson(shell, { ok: exitCode === 0, results, ...reportJson(report), findings, warnings }, redact);
  } else {
    shell.stdout.write(results.map((result) => `${result}\n`).join(""));
  }
  return exitCode;
}

function showTable({ plan, report, options }: Outcome, shell: Shell): void {
  const { destination } = options;
  const { stderr } = shell;
  const table = releaseTable(releaseViews(plan, report), { width: widthOf(stderr), colour: stderr.colour });
  stderr.write(`\n${table}\n`);
  if (destination.kind !== "registries") return;
  for (const { release, manifests } of report.released) {
    const there = new Set(manifests.map(({ variant }) => variant));
    const missing = release.variants.filter(({ id }) => !there.has(id)).map(({ platform }) => platform);
    if (missing.length === 0) continue;
    const names = missing.map(formatPlatformFull).join(", ");
    stderr.write(`warning: ${release.name} was released without ${names} (\`required: false\`)\n`);
  }
  for (const { name, tags, omitted } of plan.releases) {
    if (tags.length === 0 || omitted.length === 0) continue;
    stderr.write(
      `${name} is a part only (--only left out ${omitted.join(", ")}): pushed by digest, no tag was moved\n`,
    );
  }
}

/** Failures of moving tags say which have moved; what was found before that only says what was found. */
function saysItself({ failure }: RunReport): boolean {
  switch (failure?.kind) {
    case undefined:
    case "preflight-failed":
    case "verification-failed":
    case "vulnerabilities-found":
    case "scan-failed":
    case "scan-unavailable":
      return false;
    default:
      return true;
  }
}

function movedSoFar(report: RunReport): string {
  return report.failure?.kind === "release-failed" ? "see above which tags have moved" : "no tag was moved";
}

function notDone({ kind }: Destination): string {
  return kind === "registries" ? "Not released: no tag was moved." : "Not all was built.";
}

/** Failures of optional variants do not count: the plan lets the release go on without them. */
function exitCodeOfRun(report: RunReport): number {
  if (report.interrupted) return 130;
  // Whether a build or preflight is the first to meet what is wrong is chance.
  if (report.failure?.kind === "preflight-failed") return exitCodeOf([report.failure]);
  const failures: Failure[] = report.variants.flatMap(({ route, outcome }) =>
    outcome.kind === "failed" && route.variant.required ? [outcome.failure] : [],
  );
  if (report.failure !== undefined) failures.push(report.failure);
  return failures.length === 0 ? 0 : exitCodeOf(failures);
}
