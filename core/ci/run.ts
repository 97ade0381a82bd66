/** The environment of a process. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** CI systems that are told apart. `forgejo` is Gitea, too: both run the same workflows. */
export type CiKind = "github" | "forgejo" | "gitlab" | "buildkite" | "azure" | "circleci" | "jenkins";

/** Why a run takes place. `dispatch`: somebody or some program asked for it; `other`: anything else, as far as CI says. */
export type CiEvent = "push" | "tag" | "pull-request" | "schedule" | "dispatch" | "other";

/** What CI says of a run. What is absent is not told there. */
export interface CiRun {
  readonly kind: CiKind;
  readonly event: CiEvent;
  /** Full name of what was checked out, `refs/heads/main`. */
  readonly ref?: string;
  readonly sha?: string;
  readonly pullRequest?: PullRequest;
  /** 1 for the first one; more for re-runs. */
  readonly attempt?: number;
  /** The page of this run. */
  readonly runUrl?: string;
  /** Folder that CI checks repositories out to. */
  readonly workspace?: string;
}

/** A pull or merge request. */
export interface PullRequest {
  readonly number?: string;
  /** Does it come from a repository that is not this one? */
  readonly isFork?: boolean;
}

/**
 * Does CI by design give this run no secrets and no leave to write, because its pull request comes from a fork? GitHub's
 * `pull_request_target` has both, and GitLab gives them where a member of the project runs the pipeline in the project itself.
 */
export function isRestricted({ kind, pullRequest }: CiRun, env: Environment): boolean {
  if (pullRequest?.isFork !== true) return false;
  if (kind === "github" || kind === "forgejo") return env["GITHUB_EVENT_NAME"] !== "pull_request_target";
  const { CI_PROJECT_ID: project, CI_MERGE_REQUEST_PROJECT_ID: target } = env;
  return kind !== "gitlab" || !isSet(project) || project !== target;
}

/** Where the program runs: in CI, or not. */
export type Ci = CiRun | { readonly kind: "none" };

/** Does a variable say yes? CI leaves some empty, and sets others to `false`. */
export function isSet(value: string | undefined): boolean {
  return value !== undefined && value !== "" && value.toLowerCase() !== "false";
}

/** The full name of a tag, else of a branch. */
export function refOf(tag: string | undefined, branch: string | undefined): string | undefined {
  if (isSet(tag)) return `refs/tags/${tag}`;
  return isSet(branch) ? `refs/heads/${branch}` : undefined;
}

/** Is this the full name of a tag? */
export function isTag(ref: string | undefined): boolean {
  return ref?.startsWith("refs/tags/") === true;
}

/** The number that a text is, if it is one. */
export function wholeNumber(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,9}$/.test(text) ? Number(text) : undefined;
}

/** The fields that have a value; CI leaves variables empty where it has nothing to say. */
export function given<T extends object>(fields: T): Given<T>;
export function given(fields: object): object {
  return Object.fromEntries(
    Object.entries(fields).filter(([, value]) => value !== undefined && value !== ""),
  );
}

type Given<T> = { readonly [K in keyof T]?: Exclude<T[K], undefined> };
