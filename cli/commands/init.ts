import { dirname, resolve } from "node:path";
import type { DefaultBranch } from "../../core/ci/default-branch.ts";
import type { Failure } from "../../core/failure.ts";
import type { LookedAt } from "../../core/init/init-failure.ts";
import { proposePlan, type Proposal } from "../../core/init/propose.ts";
import type { Source } from "../../core/init/proposal.ts";
import { isInside } from "../../core/plan/paths.ts";
import { writeNew } from "../../core/init/write-new.ts";
import { fail, ok, type Result } from "../../core/result.ts";
import { branchLine, foundLines, lookedAtJson, nextLines } from "../render/init-view.ts";
import { printJson, reportFailures, reportWarnings } from "../report.ts";
import { readPlan } from "../session.ts";
import type { Shell } from "../shell.ts";
import { visible } from "../text/safe.ts";

export interface InitOptions {
  readonly file: string;
  readonly from?: Source;
  readonly ci?: "github" | "gitlab";
  readonly fanOut?: boolean;
  readonly dryRun?: boolean;
  readonly force?: boolean;
  readonly json?: boolean;
}

/** `init`: a plan from what the folder has, or with `--ci` a pipeline for the plan that is there. */
export async function runInit(options: InitOptions, shell: Shell): Promise<number> {
  const { ci } = options;
  return ci === undefined ? await initPlan(options, shell) : await initPipeline(ci, options, shell);
}

async function initPlan(options: InitOptions, shell: Shell): Promise<number> {
  const json = options.json === true;
  const path = resolve(shell.cwd, options.file);
  const say = sayOn(shell);
  const proposed = await proposePlan({
    directory: dirname(path),
    env: shell.env,
    signal: shell.signal,
    ...(options.from && { from: options.from }),
    onCommand: (line) => say([`asking: ${line}`]),
  });
  if (!proposed.ok) return await reportFailures([proposed.error], shell, { json });
  const { text, lookedAt, leftOut } = proposed.value;
  const written = await write({ path, text }, options, shell);
  if (!written.ok) return await reportFailures([written.error], shell, { json });
  say(foundLines(lookedAt, leftOut));
  if (json) printJson(shell, planAnswer(proposed.value, written.value));
  else shell.stdout.write(written.value === undefined ? text : `${visible(written.value)}\n`);
  say(nextLines(proposed.value, options.file));
  return 0;
}

function planAnswer({ text, source, lookedAt, leftOut, open }: Proposal, path: string | undefined) {
  return {
    ok: true,
    ...(path !== undefined && { path }),
    source,
    found: lookedAt.map((each: LookedAt) => lookedAtJson(each)),
    leftOut,
    open,
    text,
  };
}

async function initPipeline(ci: "github" | "gitlab", options: InitOptions, shell: Shell): Promise<number> {
  const json = options.json === true;
  const selection = { file: options.file, set: [], image: [] };
  const plan = await readPlan({ ...selection, only: [], lacksSecrets: true }, shell);
  if (!plan.ok) return await reportFailures(plan.error, shell, { json });
  const { pipelineOf } = await import("../../core/ci/pipeline.ts");
  const { pipelineFile } = await import("../../core/ci/pipeline-file.ts");
  const { pipeline } = pipelineOf(plan.value, selection, shell.version);
  const branch = ci === "github" ? await readDefaultBranch(shell) : undefined;
  const { path, text, logins } = pipelineFile(
    ci,
    { ...pipeline, ...(branch && { branch: branch.name }) },
    options.fanOut === true,
  );
  const written = await write({ path: resolve(shell.cwd, path), text }, options, shell);
  if (!written.ok) return await reportFailures([written.error], shell, { json });
  await reportWarnings(plan.value.warnings, shell);
  const shown = written.value;
  if (json)
    printJson(shell, {
      ok: true,
      ...(shown !== undefined && { path: shown }),
      ...(branch && { branch: branch.name }),
      logins,
      text,
    });
  else shell.stdout.write(shown === undefined ? text : `${visible(shown)}\n`);
  sayOn(shell)([...(branch ? [branchLine(branch)] : []), ...logins.map((login) => `to set: ${login}`)]);
  return 0;
}

/** GitLab knows it by itself, while a workflow has to name it. */
async function readDefaultBranch({ cwd, env }: Shell): Promise<DefaultBranch> {
  const { readGit } = await import("../../core/plan/git.ts");
  const { defaultBranchOf } = await import("../../core/ci/default-branch.ts");
  return defaultBranchOf(await readGit({ directory: cwd, env, dirty: false, tags: true }));
}

/** Writes below the current folder; answers nothing where nothing was to be written. */
async function write(
  file: { readonly path: string; readonly text: string },
  { dryRun, force }: InitOptions,
  shell: Shell,
): Promise<Result<string | undefined, Failure>> {
  if (dryRun === true) return ok(undefined);
  const root = shell.cwd;
  if (!isInside(file.path, root))
    return fail({ kind: "init-unwritable", path: file.path, detail: "it is outside of the current folder" });
  return await writeNew({ ...file, root, force: force === true });
}

function sayOn({ stderr }: Shell): (lines: readonly string[]) => void {
  return (lines) => lines.forEach((line) => stderr.write(`${visible(line)}\n`));
}
