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
 * Reads the documented variables of GitHub Actions (and of Forgejo and Gitea, which set the same) and GitLab CI, and no others; undefined
 * outside of them.
 * @see https://docs.github.com/actions/reference/workflows-and-actions/variables
 * @see https://docs.gitlab.com/ci/variables/predefined_variables/
 */
export function refFacts(env: Env, payload: EventPayload = {}): RefFacts | undefined {
  if (env["GITHUB_ACTIONS"] === "true") return githubFacts(env, payload);
  return env["GITLAB_CI"] === "true" ? gitlabFacts(env) : undefined;
}

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

function githubRef(env: Env, { number }: EventPayload): Pick<RefFacts, "tag" | "branch" | "pr"> {
  const from = "GITHUB_REF";
  // It runs for a pull request, maybe a fork's, but its ref is the branch that this is to be merged into.
  if (env["GITHUB_EVENT_NAME"] === "pull_request_target")
    return number === undefined ? {} : { pr: { value: String(number), from: "GITHUB_EVENT_PATH" } };
  const [, kind, name = ""] = /^refs\/(heads|tags|pull)\/(.+)$/.exec(env["GITHUB_REF"] ?? "") ?? [];
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
  const request = pr ?? external;
  return {
    ...(request ? { pr: request } : tag ? { tag } : branch && { branch }),
    ...read(env, {
      sha: "CI_COMMIT_SHA",
      defaultBranch: "CI_DEFAULT_BRANCH",
      source: "CI_PROJECT_URL",
    }),
    ...given(gitlabSource(env)),
  };
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
