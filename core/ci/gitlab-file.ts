import { stringify } from "yaml";
import {
  BUILDING,
  buildScript,
  credentials,
  GITLAB_HEADER,
  gitlabTemplates,
  HISTORY,
  LOGGED_IN,
  NODE_IMAGE,
} from "./gitlab.ts";
import { ownCommand } from "./names.ts";
import type { Pipeline } from "./pipeline.ts";
import { selectionArguments, shellLine } from "./shell-words.ts";

/** A file of its own, which `.gitlab-ci.yml` includes. */
export const GITLAB_FILE = ".gitlab/buildx-plan.yml";

type Job = Readonly<Record<string, unknown>>;

const ON_MERGE_REQUEST = [{ if: "$CI_PIPELINE_SOURCE == 'merge_request_event'" }];
const ON_RELEASE = [{ if: "$CI_COMMIT_TAG" }, { if: "$CI_COMMIT_BRANCH == $CI_DEFAULT_BRANCH" }];

/**
 * Jobs that release the plan. `isFanOut`: one job asks the plan for a child pipeline, which has a job for each platform on its own runner.
 * Names and stages do not meet those of other jobs: all of them are in stages that GitLab has anyway.
 */
export function gitlabFile(pipeline: Pipeline, isFanOut: boolean): string {
  const jobs = {
    ...gitlabTemplates(pipeline),
    "buildx-plan:merge-request": tryJob(pipeline),
    ...(isFanOut ? fanOutJobs(pipeline) : singleJob(pipeline)),
  };
  const include = `# Add it to .gitlab-ci.yml:  include: [{ local: ${GITLAB_FILE} }]\n`;
  return `${GITLAB_HEADER}${include}${stringify(jobs, { lineWidth: 0, aliasDuplicateObjects: false })}`;
}

/** Builds all and pushes nothing; it logs in nowhere. */
function tryJob(pipeline: Pipeline): Job {
  return {
    extends: [BUILDING],
    image: NODE_IMAGE,
    stage: "test",
    ...tags(pipeline),
    rules: ON_MERGE_REQUEST,
    interruptible: true,
    script: builds(pipeline, ["build", "--output", "type=oci,dest=image.tar"]),
  };
}

function singleJob(pipeline: Pipeline): Readonly<Record<string, Job>> {
  return {
    "buildx-plan:release": {
      extends: [BUILDING, LOGGED_IN],
      image: NODE_IMAGE,
      stage: "deploy",
      ...tags(pipeline),
      rules: ON_RELEASE,
      resource_group: "buildx-plan",
      script: builds(pipeline, ["build"]),
    },
  };
}

function fanOutJobs(pipeline: Pipeline): Readonly<Record<string, Job>> {
  return {
    "buildx-plan:matrix": {
      image: NODE_IMAGE,
      stage: "build",
      ...tags(pipeline),
      rules: ON_RELEASE,
      variables: HISTORY,
      script: [`${own(pipeline, ["matrix", "--format", "gitlab"])} > buildx-plan-pipeline.yml`],
      artifacts: { paths: ["buildx-plan-pipeline.yml"], expire_in: "1 day" },
    },
    "buildx-plan:release": {
      stage: "deploy",
      rules: ON_RELEASE,
      needs: ["buildx-plan:matrix"],
      resource_group: "buildx-plan",
      trigger: {
        include: [{ artifact: "buildx-plan-pipeline.yml", job: "buildx-plan:matrix" }],
        strategy: "depend",
      },
    },
  };
}

function tags({ others }: Pipeline): Job {
  return others.length > 0 ? { tags: others } : {};
}

function builds({ selection, version }: Pipeline, words: readonly string[]): readonly string[] {
  return buildScript(version, [...words, ...selectionArguments(selection)]);
}

function own({ selection, version }: Pipeline, words: readonly string[]): string {
  return shellLine(ownCommand(version), [...words, ...selectionArguments(selection)]);
}

/** Variables that the project must have, beside those that GitLab sets. */
export function gitlabLogins({ registries }: Pipeline): readonly string[] {
  return registries
    .map((registry) => credentials(registry))
    .filter(({ user }) => !user.startsWith("CI_"))
    .flatMap(({ user, password }) => [`variable ${user}`, `masked variable ${password}`]);
}
