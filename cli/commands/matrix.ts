import {
  azureMatrix,
  buildkitePipeline,
  githubMatrix,
  gitlabPipeline,
} from "../../core/ci/matrix-formats.ts";
import type { Each } from "../../core/ci/fan-out.ts";
import { pipelineOf, type Pipeline } from "../../core/ci/pipeline.ts";
import { gitlabSource } from "../../core/plan/ref-facts.ts";
import { printJson, reportFailures, reportWarnings } from "../report.ts";
import { readPlan } from "../session.ts";
import type { Shell } from "../shell.ts";
import { palette } from "../text/colour.ts";
import { visible } from "../text/safe.ts";

export type MatrixFormat = "json" | "github" | "gitlab" | "buildkite" | "azure";

export interface MatrixOptions {
  readonly format: MatrixFormat;
  /** Absent: a job for each platform. */
  readonly each?: Each;
  readonly file: string;
  readonly set: readonly string[];
  readonly image: readonly string[];
}

/** `matrix`: what a pipeline needs to build each platform, or each variant, on a machine of its own. Asks neither a builder nor a registry. */
export async function runMatrix(options: MatrixOptions, shell: Shell): Promise<number> {
  const plan = await readPlan({ ...options, only: [], lacksSecrets: true }, shell);
  if (!plan.ok) return await reportFailures(plan.error, shell, { json: options.format === "json" });
  const { pipeline, withheld } = pipelineOf(plan.value, options, shell.version);
  await reportWarnings(plan.value.warnings, shell);
  print(pipeline, options.format, shell);
  if (options.format === "github" && shell.ci !== undefined) {
    const { writeStepOutput } = await import("../ci-files.ts");
    await writeStepOutput("matrix", githubMatrix(pipeline.jobs).trim(), shell);
  }
  if (options.format === "gitlab" || options.format === "buildkite") warnWithheld(withheld, shell);
  return 0;
}

function print(pipeline: Pipeline, format: MatrixFormat, shell: Shell): void {
  switch (format) {
    case "json":
      return printJson(shell, { ok: true, jobs: pipeline.jobs });
    case "github":
      return shell.stdout.write(githubMatrix(pipeline.jobs));
    case "gitlab":
      return shell.stdout.write(gitlabPipeline(asChild(pipeline, shell)));
    case "buildkite":
      return shell.stdout.write(buildkitePipeline(pipeline));
    case "azure":
      return shell.stdout.write(azureMatrix(pipeline.jobs));
    default:
      return format satisfies never;
  }
}

/** Printed by a job of GitLab, it is a child of that job's pipeline. */
function asChild(pipeline: Pipeline, { env }: Shell): Pipeline {
  if (env["GITLAB_CI"] !== "true") return pipeline;
  const registry = env["CI_REGISTRY"];
  const source = gitlabSource(env)?.value;
  return { ...pipeline, parent: { ...(registry && { registry }), ...(source && { source }) } };
}

function warnWithheld(withheld: readonly string[], { stderr }: Shell): void {
  const { warning } = palette(stderr.colour);
  for (const name of withheld) {
    const text = `--set ${name} is secret and not written down: give it to the jobs by its environment variable`;
    stderr.write(`${warning("warning:")} ${visible(text)}\n`);
  }
}
