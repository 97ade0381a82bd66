/** Something that is known of the checked-out commit, and who says so: `git`, or a variable of a CI. */
export interface Fact {
  readonly value: string;
  readonly from: string;
}

/** What a CI says of the ref that it runs for. At most one of `tag`, `branch` and `pr` (the number of a pull or merge request) is there. */
export interface RefFacts {
  readonly tag?: Fact;
  readonly branch?: Fact;
  readonly pr?: Fact;
  readonly sha?: Fact;
  /** Why it runs: `push`, `schedule`, ... */
  readonly event?: Fact;
  readonly defaultBranch?: Fact;
  /** Address of the repository's page. */
  readonly source?: Fact;
}

/** What of GitHub's event no variable says. */
export interface EventPayload {
  readonly number?: number;
  readonly defaultBranch?: string;
}

type Env = Readonly<Record<string, string | undefined>>;

/**
 * Reads the documented variables of GitHub Actions (and of Forgejo and Gitea, which set the same), GitLab CI, Buildkite, Azure Pipelines,
 * CircleCI and Jenkins, and no others; undefined outside of them.
 * @see https://docs.github.com/actions/reference/workflows-and-actions/variables
 * @see https://docs.gitlab.com/ci/variables/predefined_variables/
 */
export function refFacts(env: Env, payload: EventPayload = {}): RefFacts | undefined {
  if (env["GITHUB_ACTIONS"] === "true") return githubFacts(env, payload);
  if (env["GITLAB_CI"] === "true") return gitlabFacts(env);
  const found = OTHERS.find(([mark]) => isFilled(env[mark]))?.[1](env);
  // Not all that Jenkins runs has a ref: then git alone is asked.
  return (found?.tag ?? found?.branch ?? found?.pr) ? found : undefined;
}

const OTHERS: readonly (readonly [string, (env: Env) => RefFacts])[] = [
  ["BUILDKITE", buildkiteFacts],
  ["TF_BUILD", azureFacts],
  ["CIRCLECI", circleFacts],
  ["JENKINS_URL", jenkinsFacts],
];

function githubFacts(env: Env, payload: EventPayload): RefFacts {
  const [server, repository] = [env["GITHUB_SERVER_URL"], env["GITHUB_REPOSITORY"]];
  const from = "GITHUB_EVENT_PATH";
  return {
    ...githubRef(env, payload),
    ...read(env, { sha: "GITHUB_SHA", event: "GITHUB_EVENT_NAME" }),
    ...(payload.defaultBranch !== undefined && { defaultBranch: { value: payload.defaultBranch, from } }),
    ...(isFilled(server) &&
      isFilled(repository) && {
        source: { value: `${server}/${repository}`, from: "GITHUB_REPOSITORY" },
      }),
  };
}

type Ref = Pick<RefFacts, "tag" | "branch" | "pr">;

function githubRef(env: Env, { number }: EventPayload): Ref {
  const from = "GITHUB_REF";
  // It runs for a pull request, maybe a fork's, but its ref is the branch that this is to be merged into.
  if (env["GITHUB_EVENT_NAME"] === "pull_request_target")
    return number === undefined ? {} : { pr: { value: String(number), from: "GITHUB_EVENT_PATH" } };
  return refIn(env["GITHUB_REF"], from);
}

function refIn(ref: string | undefined, from: string): Ref {
  const [, kind, name = ""] = /^refs\/(heads|tags|pull)\/(.+)$/.exec(ref ?? "") ?? [];
  if (kind === "heads") return { branch: { value: name, from } };
  if (kind === "tags") return { tag: { value: name, from } };
  const [, pr] = kind === "pull" ? (/^(\d+)\//.exec(name) ?? []) : [];
  return pr === undefined ? {} : { pr: { value: pr, from } };
}

function gitlabFacts(env: Env): RefFacts {
  const { pr, external, tag, branch } = read(env, {
    pr: "CI_MERGE_REQUEST_IID",
    external: "CI_EXTERNAL_PULL_REQUEST_IID",
    tag: "CI_COMMIT_TAG",
    branch: "CI_COMMIT_BRANCH",
  });
  return {
    ...oneOf(pr ?? external, tag, branch),
    ...read(env, {
      sha: "CI_COMMIT_SHA",
      defaultBranch: "CI_DEFAULT_BRANCH",
      source: "CI_PROJECT_URL",
    }),
    ...given(gitlabSource(env)),
  };
}

/** Of several that are told, a request counts before a tag, and a tag before a branch. */
function oneOf(pr: Fact | undefined, tag: Fact | undefined, branch: Fact | undefined): Ref {
  return pr ? { pr } : tag ? { tag } : branch ? { branch } : {};
}

/** @see https://buildkite.com/docs/pipelines/configure/environment-variables */
function buildkiteFacts(env: Env): RefFacts {
  const { pr, tag, branch, sha, ...others } = read(env, {
    pr: "BUILDKITE_PULL_REQUEST",
    tag: "BUILDKITE_TAG",
    branch: "BUILDKITE_BRANCH",
    sha: "BUILDKITE_COMMIT",
    event: "BUILDKITE_SOURCE",
    defaultBranch: "BUILDKITE_PIPELINE_DEFAULT_BRANCH",
  });
  // A build that somebody has started by hand may be of `HEAD`.
  const commit = /^[0-9a-f]{40,64}$/.test(sha?.value ?? "") ? sha : undefined;
  return {
    ...oneOf(pr?.value === "false" ? undefined : pr, tag, branch),
    ...(commit && { sha: commit }),
    ...others,
  };
}

/** @see https://learn.microsoft.com/azure/devops/pipelines/build/variables */
function azureFacts(env: Env): RefFacts {
  const { number, id, reason, ...others } = read(env, {
    number: "SYSTEM_PULLREQUEST_PULLREQUESTNUMBER",
    id: "SYSTEM_PULLREQUEST_PULLREQUESTID",
    reason: "BUILD_REASON",
    sha: "BUILD_SOURCEVERSION",
  });
  const pr = number ?? id;
  return {
    ...(pr ? { pr } : refIn(env["BUILD_SOURCEBRANCH"], "BUILD_SOURCEBRANCH")),
    ...given(reason && { ...reason, value: reason.value.toLowerCase() }),
    ...others,
  };
}

/** What has started a pipeline is not told to its jobs. @see https://circleci.com/docs/reference/variables/ */
function circleFacts(env: Env): RefFacts {
  const { page, number, tag, branch, ...others } = read(env, {
    page: "CIRCLE_PULL_REQUEST",
    number: "CIRCLE_PR_NUMBER",
    tag: "CIRCLE_TAG",
    branch: "CIRCLE_BRANCH",
    sha: "CIRCLE_SHA1",
  });
  const named = /\/(\d+)$/.exec(page?.value ?? "")?.[1];
  const pr = named === undefined ? undefined : { value: named, from: "CIRCLE_PULL_REQUEST" };
  return { ...oneOf(number ?? pr, tag, branch), ...others };
}

/** @see https://www.jenkins.io/doc/book/pipeline/multibranch/ */
function jenkinsFacts(env: Env): RefFacts {
  const { pr, tag, branch, remote, ...others } = read(env, {
    pr: "CHANGE_ID",
    tag: "TAG_NAME",
    branch: "BRANCH_NAME",
    remote: "GIT_BRANCH",
    sha: "GIT_COMMIT",
  });
  // Outside of multibranch projects, the git plugin says which branch of which remote it has checked out.
  const name = /^origin\/(.+)$/.exec(remote?.value ?? "")?.[1];
  const other = name === undefined ? undefined : { value: name, from: "GIT_BRANCH" };
  return { ...oneOf(pr, tag, branch ?? other), ...others };
}

/** The variable by which a child pipeline of ours is told what has started its parent: GitLab says `parent_pipeline` there, and no more. */
export const PARENT_SOURCE = "BUILDX_PLAN_PIPELINE_SOURCE";

/** What has started a pipeline of GitLab; in a child pipeline of ours, what has started its parent. */
export function gitlabSource(env: Env): Fact | undefined {
  const { own, parent } = read(env, { own: "CI_PIPELINE_SOURCE", parent: PARENT_SOURCE });
  return own?.value === "parent_pipeline" && parent ? parent : own;
}

function given(event: Fact | undefined): Pick<RefFacts, "event"> {
  return event ? { event } : {};
}

/** The variables of these names that have a value. */
function read<K extends string>(
  env: Env,
  names: Readonly<Record<K, string>>,
): { readonly [name in K]?: Fact };
function read(env: Env, names: Readonly<Record<string, string>>): Readonly<Record<string, Fact>> {
  return Object.fromEntries(
    Object.entries(names).flatMap(([key, from]) => {
      const value = env[from];
      return isFilled(value) ? [[key, { value, from }]] : [];
    }),
  );
}

function isFilled(value: string | undefined): value is string {
  return value !== undefined && value !== "";
}
