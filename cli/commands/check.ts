import { writeFile } from "node:fs/promises";
import { resolve } from "node:path";
import { isRestricted } from "../../core/ci/run.ts";
import { withoutPushing } from "../../core/destination.ts";
import type { Failure } from "../../core/failure.ts";
import { hasErrors } from "../../core/findings/finding.ts";
import { lookAtDockerfiles } from "../../core/preflight/dockerfiles.ts";
import { preflight, type PreflightReport } from "../../core/preflight/preflight.ts";
import type { Registry } from "../../core/registry/registry.ts";
import { fail, ok, type Result } from "../../core/result.ts";
import { readCiRun } from "../ci-event.ts";
import { describeFindings, tally } from "../describe/findings.ts";
import { diagnosticJson, failureJson, findingJson } from "../describe/json.ts";
import { summarise } from "../describe.ts";
import { PREFLIGHT_DEADLINE_MS, preflightHost, preflightRegistry } from "../preflight.ts";
import { harmlessJson } from "../render/ci-commands.ts";
import { sarifOf } from "../render/sarif.ts";
import {
  annotateFor,
  printJson,
  redactor,
  reportFailures,
  reportLeftOut,
  reportRegistryWarnings,
  reportWarnings,
  widthOf,
} from "../report.ts";
import { readRulePage } from "../rule-pages.ts";
import { openOutlook, type Outlook, type PlanSelection } from "../session.ts";
import type { Shell } from "../shell.ts";
import { palette } from "../text/colour.ts";
import { visible } from "../text/safe.ts";
import { count } from "../text/units.ts";

export interface CheckOptions extends PlanSelection {
  /** `true`: on standard output. */
  readonly sarif?: string | true;
  readonly strict?: boolean;
  readonly offline?: boolean;
  /** False: for a build that pushes nothing. */
  readonly push?: boolean;
  readonly reportCodequality?: string;
}

/** `check`: looks for what would make a build of this plan fail, or its result wrong, before anything is built. */
export async function runCheck(options: CheckOptions, shell: Shell): Promise<number> {
  const json = options.json === true;
  if (json && options.sarif === true) return await reportFailures([bothOnStdout()], shell, { json: false });
  const outlook = await openOutlook(options, shell, { isOffline: options.offline === true });
  if (!outlook.ok) return await reportFailures(outlook.error, shell, { json });
  const { plan, buildkit } = outlook.value;
  const registry = options.offline === true ? undefined : preflightRegistry(plan, shell);
  const unpushed = registry === undefined ? undefined : await whyNotPushed(options, shell);
  try {
    const report = await look(outlook.value, { registry, unpushed }, shell);
    if (shell.signal.aborted) return interrupted(shell);
    return await answer({ outlook: outlook.value, report, options }, shell);
  } finally {
    await buildkit?.close();
    if (registry !== undefined) reportRegistryWarnings(registry, shell);
    await registry?.close();
  }
}

/** Why nothing will be pushed; undefined where it will be. */
async function whyNotPushed({ push }: CheckOptions, shell: Shell): Promise<string | undefined> {
  if (push === false) return "as --no-push asks";
  const run = await readCiRun(shell);
  return run !== undefined && isRestricted(run, shell.env)
    ? "for a pull request from a fork, which may not push"
    : undefined;
}

async function look(
  { plan, routes, buildkit, unreached }: Outlook,
  { registry, unpushed }: { readonly registry: Registry | undefined; readonly unpushed: string | undefined },
  shell: Shell,
): Promise<PreflightReport> {
  const { signal } = shell;
  const dockerfiles = await lookAtDockerfiles(plan, { routes, from: shell.cwd });
  const report = await preflight({
    plan: unpushed === undefined ? plan : withoutPushing(plan),
    routes,
    dockerfiles,
    ...(registry === undefined ? {} : { registry }),
    tags: "all",
    allowed: { shrink: false, downgrade: false },
    host: preflightHost(shell),
    ...(buildkit === undefined ? {} : { buildkit }),
    deadlineMs: PREFLIGHT_DEADLINE_MS,
    signal,
  });
  const targets = unpushed === undefined ? [] : [`repositories and tags, ${unpushed}`];
  return { ...report, leftOut: [...leftOut(registry, unreached), ...targets, ...report.leftOut] };
}

function leftOut(registry: Registry | undefined, unreached: readonly Failure[]): readonly string[] {
  if (registry === undefined)
    return ["base images, repositories, tags, emulators and BuildKit's own checks, as --offline asks"];
  return unreached.map(
    (failure) => `emulators and BuildKit's own checks, for no builder could be asked: ${summarise(failure)}`,
  );
}

interface Checked {
  readonly outlook: Outlook;
  readonly report: PreflightReport;
  readonly options: CheckOptions;
}

async function answer(checked: Checked, shell: Shell): Promise<number> {
  const { outlook, report, options } = checked;
  const redact = redactor(outlook.plan.secretValues);
  const { stderr, stdout } = shell;
  const { findings } = report;
  await reportWarnings(outlook.plan.warnings, shell);
  await reportLeftOut(
    outlook.refused.filter(({ variant }) => !variant.required),
    shell,
  );
  if (findings.length > 0)
    stderr.write(
      `${redact(describeFindings(findings, { width: widthOf(stderr), colour: stderr.colour }))}\n`,
    );
  await annotateFor({ findings }, shell, redact);
  for (const text of report.leftOut)
    stderr.write(`${palette(stderr.colour).faint("note:")} not looked at: ${visible(redact(text))}\n`);
  const written = await writeSarif(checked, redact, shell);
  const unwritten = written.ok ? await writeCodeQuality(checked, redact, shell) : [written.error];
  if (unwritten.length > 0) return await reportFailures(unwritten, shell, { json: options.json === true });
  const code = await exitCode(checked, shell);
  if (options.json === true) printJson(shell, { ok: code === 0, ...checkJson(checked) }, redact);
  else if (options.sarif !== true) stdout.write(`${summary(report)}\n`);
  return code;
}

/** 4 where something was found that stops a build; 5 where a variant that must be there can be built nowhere. */
async function exitCode({ outlook, report, options }: Checked, shell: Shell): Promise<number> {
  const refused = outlook.refused.filter(({ variant }) => variant.required);
  const unrouted = refused.length === 0 ? 0 : await reportFailures(refused, shell, { json: false });
  const isStopped =
    hasErrors(report.findings) ||
    (options.strict === true && report.findings.some(({ severity }) => severity === "warning"));
  return isStopped ? 4 : unrouted;
}

function checkJson({ outlook, report }: Checked): Readonly<Record<string, unknown>> {
  return {
    findings: report.findings.map(findingJson),
    looked: report.looked,
    leftOut: report.leftOut,
    refused: outlook.refused.map(failureJson),
    unreached: outlook.unreached.map(failureJson),
    lost: outlook.lost,
    warnings: outlook.plan.warnings.map(diagnosticJson),
  };
}

/** `looked at 1 Dockerfile, 2 base images, 1 repository, 2 tags: 1 error, 2 warnings` */
function summary({ looked, findings }: PreflightReport): string {
  const repositories = `${looked.repositories} ${looked.repositories === 1 ? "repository" : "repositories"}`;
  const parts = [
    count(looked.dockerfiles, "Dockerfile"),
    count(looked.bases, "base image"),
    repositories,
    count(looked.tags, "tag"),
    count(looked.emulators, "emulator"),
  ];
  return `looked at ${parts.join(", ")}: ${tally(findings)}`;
}

async function writeSarif(
  { report, options }: Checked,
  redact: (text: string) => string,
  shell: Shell,
): Promise<Result<void, Failure>> {
  const { sarif } = options;
  if (sarif === undefined) return ok(undefined);
  const log = await sarifOf(report.findings, {
    version: shell.version,
    directory: shell.cwd,
    readPage: (rule) => readRulePage(rule, shell.packageFile),
  });
  const safe = (_: string, value: unknown): unknown => (typeof value === "string" ? redact(value) : value);
  const text = `${harmlessJson(JSON.stringify(log, safe, 2))}\n`;
  if (sarif === true) {
    shell.stdout.write(text);
    return ok(undefined);
  }
  try {
    await writeFile(resolve(shell.cwd, sarif), text);
    return ok(undefined);
  } catch (error) {
    return fail(unwritable(sarif, error));
  }
}

async function writeCodeQuality(
  { outlook, report, options }: Checked,
  redact: (text: string) => string,
  shell: Shell,
): Promise<readonly Failure[]> {
  if (options.reportCodequality === undefined) return [];
  const { reportCodeQuality } = await import("../ci-files.ts");
  const trouble = { findings: report.findings, diagnostics: outlook.plan.warnings, redact };
  return await reportCodeQuality(trouble, options.reportCodequality, shell);
}

function unwritable(path: string, error: unknown): Failure {
  const detail = error instanceof Error ? error.message : String(error);
  return {
    kind: "override-invalid",
    option: "--sarif",
    value: path,
    detail: `this file cannot be written (${detail})`,
  };
}

function bothOnStdout(): Failure {
  return {
    kind: "override-invalid",
    option: "--sarif",
    value: "--json",
    detail: "both would go to standard output",
    hint: "Give the file that SARIF goes to: --sarif check.sarif",
  };
}

function interrupted({ stderr }: Shell): number {
  stderr.write("buildx-plan: interrupted; nothing was built\n");
  return 130;
}
