import { randomUUID } from "node:crypto";
import { appendFile, stat, writeFile } from "node:fs/promises";
import { resolve } from "node:path";
import type { Failure } from "../core/failure.ts";
import { problemsIn } from "./annotate.ts";
import { readCiRun } from "./ci-event.ts";
import { describe } from "./describe.ts";
import type { CiReport, Ended, ReportedFailure, ReportOptions } from "./render/ci-report.ts";
import { codeQuality } from "./render/code-quality.ts";
import { dotenvOutputs, dotenvText, stepOutputs, stepOutputText } from "./render/outputs.ts";
import type { FailedPart, Trouble } from "./render/problems.ts";
import { summaryOf } from "./render/summary.ts";
import { annotateFor, reportFailures } from "./report.ts";
import type { CiPort, Shell } from "./shell.ts";
import { palette } from "./text/colour.ts";
import { visible } from "./text/safe.ts";

/** What `reportToCi` says that it does. */
export async function writeReports(ended: Ended, options: ReportOptions, shell: Shell): Promise<number> {
  const { ci } = shell;
  const { reportDotenv, reportCodequality } = options;
  await annotateFor(ended, shell, ended.redact);
  const report = await reportOf(ended, shell);
  if (ci !== undefined) await writeStepFiles(report, ci, shell);
  const dotenv = dotenvText(dotenvOutputs(report));
  const failures = [
    ...(await writeReport("--report-dotenv", reportDotenv, { text: dotenv, shell })),
    ...(await reportCodeQuality(ended, reportCodequality, shell)),
  ];
  return failures.length === 0 ? 0 : await reportFailures(failures, shell, { json: false });
}

/** Writes what `check` has found as GitLab's report on code quality. */
export async function reportCodeQuality(
  trouble: Trouble & Pick<Ended, "redact">,
  path: string | undefined,
  shell: Shell,
): Promise<readonly Failure[]> {
  if (path === undefined) return [];
  const issues = codeQuality(problemsIn(trouble, shell, trouble.redact ?? asItIs));
  const text = `${JSON.stringify(issues, undefined, 2)}\n`;
  return await writeReport("--report-codequality", path, { text, shell });
}

async function reportOf(ended: Ended, shell: Shell): Promise<CiReport> {
  const {
    ok,
    untagged,
    releases,
    failures = [],
    findings = [],
    diagnostics = [],
    interrupted,
    redact = asItIs,
  } = ended;
  const run = await readCiRun(shell);
  return {
    ok,
    ...(untagged === undefined ? {} : { untagged }),
    releases,
    failures: [
      ...failures.flatMap((failed) => inWords(failed, redact)),
      ...(interrupted === true ? [{ headline: "interrupted", lines: [] }] : []),
    ],
    findings: problemsIn({ findings, diagnostics }, shell, redact),
    ...(run === undefined ? {} : { run }),
  };
}

function inWords(
  { failure, context }: FailedPart,
  redact: (text: string) => string,
): readonly ReportedFailure[] {
  if (failure.kind === "solve-cancelled") return [];
  const about = context === undefined ? {} : { context };
  const text = describe(failure, { ...about, redact, colour: false, width: Number.POSITIVE_INFINITY });
  const [headline = "", ...lines] = text.split("\n");
  return [{ headline: headline.replace(/^error: /, ""), lines }];
}

/** GitHub refuses the whole summary of a step that is larger. */
const MOST_SUMMARY = 1024 * 1024;

/** The files that GitHub and Forgejo name in the environment; other steps of ours may have written to them. */
async function writeStepFiles(report: CiReport, { run }: CiPort, shell: Shell): Promise<void> {
  if (run.kind !== "github" && run.kind !== "forgejo") return;
  const { GITHUB_STEP_SUMMARY: summary, GITHUB_OUTPUT: output } = shell.env;
  await appendTo(summary, shell, (size) => summaryOf(report, MOST_SUMMARY - size));
  await appendTo(output, shell, () => stepOutputText(stepOutputs(report), `end-${randomUUID()}`));
}

/** Gives one output to later steps, where a CI that has such a thing runs this. */
export async function writeStepOutput(name: string, value: string, shell: Shell): Promise<void> {
  const kind = shell.ci?.run.kind;
  if (kind !== "github" && kind !== "forgejo") return;
  const text = stepOutputText(new Map([[name, value]]), `end-${randomUUID()}`);
  await appendTo(shell.env["GITHUB_OUTPUT"], shell, () => text);
}

/** A release that is out stays out, whatever becomes of what is told about it. */
async function appendTo(
  path: string | undefined,
  shell: Shell,
  textFor: (size: number) => string,
): Promise<void> {
  if (path === undefined || path === "") return;
  try {
    const before = await stat(path).catch(() => undefined);
    await appendFile(path, textFor(before?.size ?? 0));
  } catch (error) {
    const { warning } = palette(shell.stderr.colour);
    shell.stderr.write(
      `${warning("warning:")} ${visible(`CI is not told how this ended: ${detailOf(error)}`)}\n`,
    );
  }
}

async function writeReport(
  option: string,
  path: string | undefined,
  { text, shell }: { readonly text: string; readonly shell: Shell },
): Promise<readonly Failure[]> {
  if (path === undefined) return [];
  try {
    await writeFile(resolve(shell.cwd, path), text);
    return [];
  } catch (error) {
    const detail = `this file cannot be written (${detailOf(error)})`;
    return [{ kind: "override-invalid", option, value: path, detail }];
  }
}

function asItIs(text: string): string {
  return text;
}

function detailOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
