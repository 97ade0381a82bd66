import { gitlabSource } from "../plan/ref-facts.ts";
import {
  given,
  isSet,
  isTag,
  refOf,
  wholeNumber,
  type Ci,
  type CiEvent,
  type CiRun,
  type Environment,
} from "./run.ts";
import { readForgejo, readGithub } from "./workflow.ts";

/**
 * Tells which CI runs this program, and what for, from the variables that it documents. `payload` is the event as GitHub and
 * Forgejo hand it over, JSON; without it nothing is known of forks there.
 */
export function detectCi(env: Environment, payload?: unknown): Ci {
  for (const { marks, read } of SYSTEMS)
    if (marks.some((mark) => isSet(env[mark]))) return read(env, payload);
  return { kind: "none" };
}

interface System {
  /** Any of these variables says so. */
  readonly marks: readonly string[];
  readonly read: (env: Environment, payload: unknown) => CiRun;
}

/** The first that matches: Forgejo and Gitea also say that they are GitHub. */
const SYSTEMS: readonly System[] = [
  { marks: ["FORGEJO_ACTIONS", "GITEA_ACTIONS"], read: readForgejo },
  { marks: ["GITHUB_ACTIONS"], read: readGithub },
  { marks: ["GITLAB_CI"], read: readGitlab },
  { marks: ["BUILDKITE"], read: readBuildkite },
  { marks: ["TF_BUILD"], read: readAzure },
  { marks: ["CIRCLECI"], read: readCircle },
  { marks: ["JENKINS_URL"], read: readJenkins },
];

/** @see https://docs.gitlab.com/ci/variables/predefined_variables/ */
function readGitlab(env: Environment): CiRun {
  const { CI_COMMIT_TAG: tag, CI_COMMIT_BRANCH: branch, CI_MERGE_REQUEST_IID: number } = env;
  const { CI_MERGE_REQUEST_PROJECT_ID: own, CI_MERGE_REQUEST_SOURCE_PROJECT_ID: source } = env;
  const isFork = own === undefined || source === undefined ? undefined : own !== source;
  const event = GITLAB_SOURCES.get(gitlabSource(env)?.value ?? "") ?? "other";
  const isPull = number !== undefined;
  return {
    kind: "gitlab",
    event: isPull ? "pull-request" : event === "push" && isSet(tag) ? "tag" : event,
    ...(isPull ? { pullRequest: { number, ...given({ isFork }) } } : {}),
    ...given({
      ref: isPull ? env["CI_MERGE_REQUEST_REF_PATH"] : refOf(tag, branch),
      sha: env["CI_COMMIT_SHA"],
      runUrl: env["CI_JOB_URL"],
      workspace: env["CI_PROJECT_DIR"],
    }),
  };
}

/** @see https://docs.gitlab.com/ci/jobs/job_rules/#ci_pipeline_source-predefined-variable */
const GITLAB_SOURCES: ReadonlyMap<string, CiEvent> = new Map([
  ["push", "push"],
  ["merge_request_event", "pull-request"],
  ["external_pull_request_event", "pull-request"],
  ["schedule", "schedule"],
  ["web", "dispatch"],
  ["api", "dispatch"],
  ["trigger", "dispatch"],
]);

/** @see https://buildkite.com/docs/pipelines/configure/environment-variables */
function readBuildkite(env: Environment): CiRun {
  const { BUILDKITE_TAG: tag, BUILDKITE_BRANCH: branch, BUILDKITE_PULL_REQUEST: number } = env;
  const retries = wholeNumber(env["BUILDKITE_RETRY_COUNT"]);
  const event = BUILDKITE_SOURCES.get(env["BUILDKITE_SOURCE"] ?? "") ?? "other";
  const isPull = isSet(number);
  const source = repositoryName(env["BUILDKITE_PULL_REQUEST_REPO"]);
  const own = repositoryName(env["BUILDKITE_REPO"]);
  const isFork = source === undefined || own === undefined ? undefined : source !== own;
  return {
    kind: "buildkite",
    event: isPull ? "pull-request" : event === "push" && isSet(tag) ? "tag" : event,
    ...(isPull ? { pullRequest: given({ number, isFork }) } : {}),
    ...given({
      ref: isPull ? undefined : refOf(tag, branch),
      sha: env["BUILDKITE_COMMIT"],
      attempt: retries === undefined ? undefined : retries + 1,
      runUrl: env["BUILDKITE_BUILD_URL"],
      workspace: env["BUILDKITE_BUILD_CHECKOUT_PATH"],
    }),
  };
}

const BUILDKITE_SOURCES: ReadonlyMap<string, CiEvent> = new Map([
  ["webhook", "push"],
  ["schedule", "schedule"],
  ["ui", "dispatch"],
  ["api", "dispatch"],
  ["trigger_job", "dispatch"],
]);

/** `git@github.com:team/app.git` and `https://github.com/team/app` are the same one. */
function repositoryName(url: string | undefined): string | undefined {
  return /([^/:]+\/[^/:]+?)(?:\.git)?\/?$/.exec(url ?? "")?.[1]?.toLowerCase();
}

/** @see https://learn.microsoft.com/azure/devops/pipelines/build/variables */
function readAzure(env: Environment): CiRun {
  const ref = env["BUILD_SOURCEBRANCH"];
  const reason = AZURE_REASONS.get(env["BUILD_REASON"] ?? "") ?? "other";
  const number = env["SYSTEM_PULLREQUEST_PULLREQUESTNUMBER"] ?? env["SYSTEM_PULLREQUEST_PULLREQUESTID"];
  const fork = env["SYSTEM_PULLREQUEST_ISFORK"];
  const isFork = fork === undefined ? undefined : isSet(fork);
  const { SYSTEM_COLLECTIONURI: server, SYSTEM_TEAMPROJECT: project, BUILD_BUILDID: id } = env;
  return {
    kind: "azure",
    event: reason === "push" && isTag(ref) ? "tag" : reason,
    ...(reason === "pull-request" ? { pullRequest: given({ number, isFork }) } : {}),
    ...given({
      ref,
      sha: env["BUILD_SOURCEVERSION"],
      attempt: wholeNumber(env["SYSTEM_JOBATTEMPT"]),
      runUrl:
        server && project && id ? `${server}${encodeURIComponent(project)}${AZURE_PAGE}${id}` : undefined,
      workspace: env["BUILD_SOURCESDIRECTORY"],
    }),
  };
}

const AZURE_PAGE = "/_build/results?buildId=";

const AZURE_REASONS: ReadonlyMap<string, CiEvent> = new Map([
  ["IndividualCI", "push"],
  ["BatchedCI", "push"],
  ["PullRequest", "pull-request"],
  ["Schedule", "schedule"],
  ["Manual", "dispatch"],
]);

/**
 * What triggered a pipeline is told to its configuration only, not to its jobs.
 * @see https://circleci.com/docs/reference/variables/
 */
function readCircle(env: Environment): CiRun {
  const { CIRCLE_TAG: tag, CIRCLE_BRANCH: branch, CIRCLE_PULL_REQUEST: url } = env;
  const forked = env["CIRCLE_PR_NUMBER"];
  const number = forked ?? /\/(\d+)$/.exec(url ?? "")?.[1];
  const isPull = isSet(url) || isSet(forked);
  return {
    kind: "circleci",
    event: isPull ? "pull-request" : isSet(tag) ? "tag" : "push",
    ...(isPull ? { pullRequest: { ...given({ number }), isFork: isSet(forked) } } : {}),
    ...given({
      ref: isPull ? undefined : refOf(tag, branch),
      sha: env["CIRCLE_SHA1"],
      runUrl: env["CIRCLE_BUILD_URL"],
    }),
  };
}

/**
 * What is told of branches, tags and change requests comes from multibranch projects; other jobs say only that they run.
 * @see https://www.jenkins.io/doc/book/pipeline/jenkinsfile/#using-environment-variables
 * @see https://github.com/jenkinsci/branch-api-plugin
 */
function readJenkins(env: Environment): CiRun {
  const { TAG_NAME: tag, BRANCH_NAME: branch, CHANGE_ID: number } = env;
  const isPull = isSet(number);
  const isFork = isSet(env["CHANGE_FORK"]);
  return {
    kind: "jenkins",
    event: isPull ? "pull-request" : isSet(tag) ? "tag" : isSet(branch) ? "push" : "other",
    ...(isPull ? { pullRequest: { ...given({ number }), isFork } } : {}),
    ...given({
      ref: isPull ? undefined : refOf(tag, branch),
      sha: env["GIT_COMMIT"],
      runUrl: env["BUILD_URL"],
      workspace: env["WORKSPACE"],
    }),
  };
}
