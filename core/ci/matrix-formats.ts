import { stringify } from "yaml";
import { PARENT_SOURCE } from "../plan/ref-facts.ts";
import { nameOfJob, slugOf } from "./fan-out.ts";
import type { FanOutJob } from "./fan-out.ts";
import {
  BUILDING,
  buildScript,
  GITLAB_HEADER,
  gitlabTemplates,
  HISTORY,
  LOGGED_IN,
  NODE_IMAGE,
} from "./gitlab.ts";
import { AZURE_IMAGE, GITHUB_RUNNER, ownCommand } from "./names.ts";
import type { Pipeline } from "./pipeline.ts";
import { selectionArguments, shellLine, type Selection } from "./shell-words.ts";

/**
 * The value of `strategy.matrix`, in one line, as GITHUB_OUTPUT takes it. `runs-on` takes a label as well as a list of them.
 * @see https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-syntax#jobsjob_idstrategymatrixinclude
 */
export function githubMatrix(jobs: readonly FanOutJob[]): string {
  const include = jobs.map(({ runner, ...job }) => ({ ...job, runner: oneOrAll(runner) ?? GITHUB_RUNNER }));
  return `${JSON.stringify({ include })}\n`;
}

function oneOrAll(labels: readonly string[]): string | readonly string[] | undefined {
  return labels.length > 1 ? labels : labels[0];
}

/**
 * A child pipeline: a job for each platform or variant, and one that joins what they have built. A list for `parallel:matrix` would not do, because
 * the tags of its jobs cannot be of different number.
 * @see https://docs.gitlab.com/ci/pipelines/downstream_pipelines/#dynamic-child-pipelines
 */
export function gitlabPipeline(pipeline: Pipeline): string {
  const { jobs, others, selection, version } = pipeline;
  const words = selectionArguments(selection);
  const builds = jobs.map((job): [string, unknown] => [
    `build ${nameOfJob(job)}`,
    {
      extends: [BUILDING, LOGGED_IN],
      image: NODE_IMAGE,
      stage: "build",
      ...(job.runner.length > 0 && { tags: job.runner }),
      script: buildScript(version, buildWords(job, selection)),
    },
  ]);
  const stitch = {
    extends: [LOGGED_IN],
    image: NODE_IMAGE,
    stage: "release",
    ...(others.length > 0 && { tags: others }),
    variables: HISTORY,
    needs: builds.map(([name]) => name),
    script: [shellLine(ownCommand(version), ["stitch", ...words])],
  };
  const source = pipeline.parent?.source;
  return `${GITLAB_HEADER}${yaml({
    stages: ["build", "release"],
    ...(source !== undefined && { variables: { [PARENT_SOURCE]: source } }),
    ...gitlabTemplates(pipeline),
    ...Object.fromEntries(builds),
    stitch,
  })}`;
}

/**
 * The value of `strategy.matrix`, in one line: an object with an entry for each job, whose values are texts. Where the plan names several labels, they
 * are parted by commas: an agent has one image, or one pool.
 * @see https://learn.microsoft.com/azure/devops/pipelines/yaml-schema/jobs-job-strategy
 */
export function azureMatrix(jobs: readonly FanOutJob[]): string {
  const legs = jobs.map((job) => [
    slugOf(job).replaceAll("-", "_"),
    {
      platform: job.platform,
      images: job.images.join(","),
      runner: job.runner.join(",") || AZURE_IMAGE,
      emulated: String(job.emulated),
    },
  ]);
  return `${JSON.stringify(Object.fromEntries(legs))}\n`;
}

/**
 * Steps for `buildkite-agent pipeline upload`, which takes `$` for a variable of its own unless it is doubled. Of several builds of a pipeline one moves tags at a time.
 * @see https://buildkite.com/docs/pipelines/configure/step-types/command-step
 */
export function buildkitePipeline({ jobs, others, selection, version }: Pipeline): string {
  const command = ownCommand(version);
  const words = selectionArguments(selection);
  const builds = jobs.map((job) => ({
    label: `build ${nameOfJob(job)}`,
    key: `build-${slugOf(job)}`,
    command: literal(shellLine(command, buildWords(job, selection))),
    ...(job.runner.length > 0 && { agents: Object.fromEntries(job.runner.map(agentTag)) }),
  }));
  const stitch = {
    label: "stitch",
    key: "stitch",
    depends_on: builds.map(({ key }) => key),
    command: literal(shellLine(command, ["stitch", ...words])),
    concurrency: 1,
    concurrency_group: "$BUILDKITE_PIPELINE_SLUG/buildx-plan",
    ...(others.length > 0 && { agents: Object.fromEntries(others.map(agentTag)) }),
  };
  return yaml({ steps: [...builds, stitch] });
}

/** A job of one variant names its image; all others build what was selected. */
function buildWords({ platform, images, image }: FanOutJob, selection: Selection): readonly string[] {
  const selected = image === undefined ? selection : { ...selection, image: images };
  return ["build", "--only", platform, ...selectionArguments(selected)];
}

/** `queue=arm` is a tag of an agent; a label alone names its queue. */
function agentTag(label: string): readonly [string, string] {
  const at = label.indexOf("=");
  return at === -1 ? ["queue", literal(label)] : [label.slice(0, at), literal(label.slice(at + 1))];
}

function literal(text: string): string {
  return text.replaceAll("$", "$$$$");
}

function yaml(value: unknown): string {
  return stringify(value, { lineWidth: 0, aliasDuplicateObjects: false });
}
