import { forkInPayload, pullRequestInPayload } from "./payload.ts";
import { given, isTag, wholeNumber, type CiEvent, type CiRun, type Environment } from "./run.ts";

/** @see https://docs.github.com/en/actions/reference/workflows-and-actions/variables */
export function readGithub(env: Environment, payload: unknown): CiRun {
  const { GITHUB_SERVER_URL: server, GITHUB_REPOSITORY: repository, GITHUB_RUN_ID: id } = env;
  const runUrl = server && repository && id ? `${server}/${repository}/actions/runs/${id}` : undefined;
  return { ...readWorkflow(env, payload), kind: "github", ...given({ runUrl }) };
}

/**
 * The page of a run is not told there: it is named by another number than GITHUB_RUN_ID.
 * @see https://forgejo.org/docs/latest/user/actions/reference/
 * @see https://docs.gitea.com/usage/actions/faq
 */
export function readForgejo(env: Environment, payload: unknown): CiRun {
  return { ...readWorkflow(env, payload), kind: "forgejo" };
}

/** What all that run GitHub's workflows have in common. */
function readWorkflow(env: Environment, payload: unknown): Omit<CiRun, "kind"> {
  const ref = env["GITHUB_REF"];
  const name = env["GITHUB_EVENT_NAME"] ?? "";
  const event = WORKFLOW_EVENTS.get(name) ?? (isTag(ref) ? "tag" : "other");
  const number = /^refs\/pull\/(\d+)\//.exec(ref ?? "")?.[1] ?? pullRequestInPayload(payload);
  const pullRequest = given({ number, isFork: forkInPayload(payload) });
  return {
    event: event === "push" && isTag(ref) ? "tag" : event,
    ...(event === "pull-request" ? { pullRequest } : {}),
    ...given({
      ref,
      sha: env["GITHUB_SHA"],
      attempt: wholeNumber(env["GITHUB_RUN_ATTEMPT"]),
      workspace: env["GITHUB_WORKSPACE"],
    }),
  };
}

/** @see https://docs.github.com/en/actions/reference/workflows-and-actions/events-that-trigger-workflows */
const WORKFLOW_EVENTS: ReadonlyMap<string, CiEvent> = new Map([
  ["push", "push"],
  ["pull_request", "pull-request"],
  ["pull_request_target", "pull-request"],
  ["schedule", "schedule"],
  ["workflow_dispatch", "dispatch"],
  ["repository_dispatch", "dispatch"],
]);
