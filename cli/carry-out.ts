import { formatPlatformFull } from "../platforms/platform.ts";
import type { Destination } from "../core/destination.ts";
import type { Failure } from "../core/failure.ts";
import { hasErrors, type Finding } from "../core/findings/finding.ts";
import { run, type RunReport } from "../core/run.ts";
import { exitCodeOf } from "./describe/exit-code.ts";
import { diagnosticJson, findingJson } from "./describe/json.ts";
import { openGates } from "./gates.ts";
import { keepDurations } from "./history.ts";
import { reportJson } from "./json.ts";
import { lateRegistry } from "./late-registry.ts";
import { beginPreflight, preflightBeside } from "./preflight.ts";
import { openRecord } from "./recorder.ts";
import type { ReportOptions } from "./render/ci-report.ts";
import { reportRunToCi } from "./ci-run.ts";
import { maskSecrets, reportRefusal } from "./report-to-ci.ts";
import { createRenderer, type ProgressStyle } from "./render/create.ts";
import { releaseTable } from "./render/release-table.ts";
import {
  printJson,
  redactor,
  reportFailures,
  reportFindings,
  reportLeftOut,
  reportRegistryWarnings,
  reportWarnings,
  widthOf,
} from "./report.ts";
import { resultsOf } from "./results.ts";
import { openScratch } from "./scratch.ts";
import type { Session } from "./session.ts";
import type { Shell } from "./shell.ts";
import { openTakeOver } from "./take-over.ts";
import { openTarget } from "./target.ts";
import { releaseViews } from "./views.ts";

/** How a run is carried out and shown, whether it builds or joins what is there. */
export interface CarryOutOptions extends ReportOptions {
  readonly destination: Destination;
  readonly progress: ProgressStyle;
  readonly quiet?: boolean;
  readonly json?: boolean;
  readonly allowShrink?: boolean;
  readonly allowDowngrade?: boolean;
  readonly record?: string;
  /** False: preflight is left out. */
  readonly check?: boolean;
  /** False: nothing is taken over that could be built. */
  readonly resume?: boolean;
  /** What is not there is taken from what the tag names now. */
  readonly append?: boolean;
}

/** A session, and the variants of it that are not built. */
export interface Work extends Session {
  readonly joined: ReadonlySet<string>;
}

/** Everything behind the routes: preflight, the run, and what is told of it. Answers the exit code. */
export async function carryOut(session: Work, options: CarryOutOptions, shell: Shell): Promise<number> {
  const { plan, routes, refused, buildkit, joined } = session;
  const redact = redactor(plan.secretValues);
  if (options.quiet !== true) maskSecrets(plan.secretValues, options.progress, shell);
  const toBuild = { plan, routes: routes.filter(({ variant }) => !joined.has(variant.id)) };
  const recorder = await openRecord(plan, options, shell);
  if (!recorder.ok) return await reportFailures([recorder.error], shell, { json: options.json === true });
  const gates = await openGates(session, options.destination, shell);
  if (!gates.ok) return await reportFailures([gates.error], shell, { json: options.json === true });
  const allowed = { shrink: options.allowShrink === true, downgrade: options.allowDowngrade === true };
  const early = options.check === false ? undefined : await beginPreflight(toBuild, shell);
  if (early !== undefined && hasErrors(early.findings)) {
    const failure = { kind: "preflight-failed", findings: early.findings } as const;
    return await reportRefusal([failure], { ...options, redact }, shell);
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
  const takeOver = await openTakeOver(
    { plan, joined, options, registry, onEvent: (event) => renderer.onEvent(event) },
    shell,
  );
  const beside = early && preflightBeside(toBuild, early, { allowed, shell });
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
      joined,
      ...(takeOver === undefined ? {} : { takeOver: takeOver.takeOver }),
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
    await keepDurations(plan, ran.variants, shell);
    const found = (await beside?.end()) ?? [];
    const report = stoppedBy(found, ran);
    const findings = [...(early?.findings ?? []), ...found, ...checked];
    if (options.quiet !== true && report.failure?.kind !== "preflight-failed")
      await reportFindings(found, shell, redact);
    const closed = await opened.value.close(exitCodeOfRun(report) === 0);
    if (!closed.ok) return await reportFailures([closed.error], shell, { json: options.json === true });
    return await answer({ report, session, options, redact, findings }, shell);
  } finally {
    await beside?.end();
    await scratch.remove();
    await takeOver?.close();
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
  readonly session: Session;
  readonly options: CarryOutOptions;
  readonly redact: (text: string) => string;
}

/** The table and the references; the failures of variants have been told by the renderer already. */
async function answer(outcome: Outcome, shell: Shell): Promise<number> {
  const { report, session, options, redact } = outcome;
  const { plan, lost } = session;
  const exitCode = exitCodeOfRun(report);
  const results = resultsOf(plan, report, options.destination);
  const isQuiet = options.quiet === true || options.progress === "quiet" || options.progress === "json";
  if (!isQuiet) showTable(outcome, shell);
  const isUntagged = exitCode !== 0 && !saysItself(report);
  if (!isQuiet && isUntagged && !report.interrupted)
    shell.stderr.write(`${notDone(options.destination)} ${WHAT_IS_LEFT}\n`);
  if (!isQuiet && report.record !== undefined) shell.stderr.write(`recorded in ${report.record}\n`);
  if (report.failure !== undefined) await reportFailures([report.failure], shell, { json: false, redact });
  if (report.interrupted) shell.stderr.write(`buildx-plan: interrupted; ${movedSoFar(report)}\n`);
  if (options.json === true) {
    const warnings = plan.warnings.map(diagnosticJson);
    const findings = outcome.findings.map(findingJson);
    printJson(
      shell,
      { ok: exitCode === 0, results, ...reportJson(report), findings, lost, warnings },
      redact,
    );
  } else {
    shell.stdout.write(results.map((result) => `${result}\n`).join(""));
  }
  const { findings } = outcome;
  const untagged = isUntagged && options.destination.kind === "registries";
  const ended = { ok: exitCode === 0, untagged, plan, report, findings, redact };
  const told = await reportRunToCi(ended, options, shell);
  return exitCode === 0 ? told : exitCode;
}

function showTable({ session: { plan }, report, options }: Outcome, shell: Shell): void {
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
      `${name} is a part only (--only left out ${omitted.join(", ")}): pushed by digest, no tag was moved; \`buildx-plan stitch\` joins the parts\n`,
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

const WHAT_IS_LEFT = "What is finished stays there: run again, and only the rest is built.";

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
