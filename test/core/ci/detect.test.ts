import { describe, expect, test } from "vitest";
import { detectCi } from "../../../core/ci/detect.ts";
import { isRestricted, type CiKind, type Environment } from "../../../core/ci/run.ts";

const GITHUB = {
  CI: "true",
  GITHUB_ACTIONS: "true",
  GITHUB_SERVER_URL: "https://github.com",
  GITHUB_REPOSITORY: "octocat/hello-world",
  GITHUB_RUN_ID: "1658821493",
  GITHUB_RUN_ATTEMPT: "1",
  GITHUB_EVENT_NAME: "push",
  GITHUB_REF: "refs/heads/main",
  GITHUB_SHA: "ffac537e6cbbf934b08745a378932722df287a53",
  GITHUB_WORKSPACE: "/home/runner/work/hello-world/hello-world",
};

function githubPayload(head: string | null): unknown {
  const repo = head === null ? null : { full_name: head };
  return {
    action: "opened",
    pull_request: { number: 7, head: { repo }, base: { repo: { full_name: "octocat/hello-world" } } },
  };
}

const PULL = { ...GITHUB, GITHUB_EVENT_NAME: "pull_request", GITHUB_REF: "refs/pull/7/merge" };

describe("GitHub", () => {
  test("a push: everything that it tells", () => {
    expect(detectCi(GITHUB)).toEqual({
      kind: "github",
      event: "push",
      ref: "refs/heads/main",
      sha: "ffac537e6cbbf934b08745a378932722df287a53",
      attempt: 1,
      runUrl: "https://github.com/octocat/hello-world/actions/runs/1658821493",
      workspace: "/home/runner/work/hello-world/hello-world",
    });
  });

  test("an Enterprise Server has its own address", () => {
    const env = { ...GITHUB, GITHUB_SERVER_URL: "https://git.example" };
    expect(detectCi(env)).toMatchObject({
      kind: "github",
      runUrl: "https://git.example/octocat/hello-world/actions/runs/1658821493",
    });
  });

  test("a re-run", () => {
    expect(detectCi({ ...GITHUB, GITHUB_RUN_ATTEMPT: "3" })).toMatchObject({ attempt: 3 });
  });

  test.each([
    ["push", "refs/tags/v1.2.3", "tag"],
    ["release", "refs/tags/v1.2.3", "tag"],
    ["schedule", "refs/heads/main", "schedule"],
    ["workflow_dispatch", "refs/heads/main", "dispatch"],
    ["workflow_dispatch", "refs/tags/v1.2.3", "dispatch"],
    ["repository_dispatch", "refs/heads/main", "dispatch"],
    ["issues", "refs/heads/main", "other"],
  ])("%s of %s", (GITHUB_EVENT_NAME, GITHUB_REF, event) => {
    expect(detectCi({ ...GITHUB, GITHUB_EVENT_NAME, GITHUB_REF })).toMatchObject({ event, ref: GITHUB_REF });
  });

  test.each([
    ["the same repository", githubPayload("octocat/hello-world"), { number: "7", isFork: false }],
    ["a fork", githubPayload("mona/hello-world"), { number: "7", isFork: true }],
    ["a fork that is gone", githubPayload(null), { number: "7", isFork: true }],
    ["no payload", undefined, { number: "7" }],
    ["a payload of another shape", { pull_request: "?" }, { number: "7" }],
  ])("a pull request of %s", (_, payload, pullRequest) => {
    const ci = detectCi(PULL, payload);
    expect(ci).toMatchObject({ event: "pull-request", ref: "refs/pull/7/merge" });
    expect(ci).toHaveProperty("pullRequest", pullRequest);
  });

  test("the number of a pull request whose ref is the base branch", () => {
    const env = { ...PULL, GITHUB_EVENT_NAME: "pull_request_target", GITHUB_REF: "refs/heads/main" };
    expect(detectCi(env, githubPayload("mona/hello-world"))).toMatchObject({
      event: "pull-request",
      ref: "refs/heads/main",
      pullRequest: { number: "7", isFork: true },
    });
  });
});

describe("Forgejo and Gitea", () => {
  test.each([["FORGEJO_ACTIONS"], ["GITEA_ACTIONS"]])("are told from GitHub by %s", (mark) => {
    const ci = detectCi({ ...GITHUB, [mark]: "true" });
    expect(ci).toMatchObject({ kind: "forgejo", event: "push", ref: "refs/heads/main" });
    expect(ci).not.toHaveProperty("runUrl");
  });
});

const GITLAB = {
  CI: "true",
  GITLAB_CI: "true",
  CI_PIPELINE_SOURCE: "push",
  CI_COMMIT_BRANCH: "main",
  CI_COMMIT_SHA: "1ecfd275763eff1d6b4844ea3168962458c9f27a",
  CI_JOB_URL: "https://gitlab.example/team/app/-/jobs/50",
  CI_PROJECT_DIR: "/builds/team/app",
};
const MERGE = {
  CI_PIPELINE_SOURCE: "merge_request_event",
  CI_COMMIT_BRANCH: undefined,
  CI_MERGE_REQUEST_IID: "12",
  CI_MERGE_REQUEST_REF_PATH: "refs/merge-requests/12/head",
  CI_MERGE_REQUEST_PROJECT_ID: "34",
};

const BUILDKITE = {
  CI: "true",
  BUILDKITE: "true",
  BUILDKITE_SOURCE: "webhook",
  BUILDKITE_BRANCH: "main",
  BUILDKITE_TAG: "",
  BUILDKITE_COMMIT: "83a20ec058e2fb00e7fa4558c4c6e81e2dcf253d",
  BUILDKITE_PULL_REQUEST: "false",
  BUILDKITE_PULL_REQUEST_REPO: "",
  BUILDKITE_REPO: "git@github.com:acme-inc/my-project.git",
  BUILDKITE_RETRY_COUNT: "0",
  BUILDKITE_BUILD_URL: "https://buildkite.com/acme-inc/my-project/builds/1514",
  BUILDKITE_BUILD_CHECKOUT_PATH: "/var/lib/buildkite-agent/builds/agent-1/pipeline-2",
};

const AZURE = {
  TF_BUILD: "True",
  BUILD_REASON: "IndividualCI",
  BUILD_SOURCEBRANCH: "refs/heads/main",
  BUILD_SOURCEVERSION: "d58a2f17d7d3a9ad4c3b3f1e13a9d4b8e92f11c1",
  BUILD_BUILDID: "8",
  SYSTEM_COLLECTIONURI: "https://dev.azure.com/fabrikamfiber/",
  SYSTEM_TEAMPROJECT: "Fabrikam Fiber",
  SYSTEM_JOBATTEMPT: "1",
  SYSTEM_PULLREQUEST_ISFORK: "False",
  BUILD_SOURCESDIRECTORY: "/home/vsts/work/1/s",
};

const CIRCLE = {
  CI: "true",
  CIRCLECI: "true",
  CIRCLE_BRANCH: "main",
  CIRCLE_SHA1: "abc",
  CIRCLE_BUILD_URL: "https://circleci.com/gh/team/app/9",
};

const JENKINS = {
  JENKINS_URL: "https://jenkins.example/",
  BUILD_URL: "https://jenkins.example/job/app/17/",
  BRANCH_NAME: "main",
  GIT_COMMIT: "abc",
  WORKSPACE: "/var/jenkins/workspace/app",
};

describe.each<[string, Environment, readonly [string, Environment, object][]]>([
  [
    "gitlab",
    GITLAB,
    [
      [
        "a push",
        {},
        {
          event: "push",
          ref: "refs/heads/main",
          sha: GITLAB.CI_COMMIT_SHA,
          runUrl: GITLAB.CI_JOB_URL,
          workspace: "/builds/team/app",
        },
      ],
      ["a tag", { CI_COMMIT_BRANCH: undefined, CI_COMMIT_TAG: "v1" }, { event: "tag", ref: "refs/tags/v1" }],
      ["a schedule", { CI_PIPELINE_SOURCE: "schedule" }, { event: "schedule" }],
      ["somebody", { CI_PIPELINE_SOURCE: "web" }, { event: "dispatch" }],
      ["a parent", { CI_PIPELINE_SOURCE: "parent_pipeline" }, { event: "other" }],
      [
        "a parent of ours that a schedule has started",
        { CI_PIPELINE_SOURCE: "parent_pipeline", BUILDX_PLAN_PIPELINE_SOURCE: "schedule" },
        { event: "schedule" },
      ],
      [
        "a merge request",
        { ...MERGE, CI_MERGE_REQUEST_SOURCE_PROJECT_ID: "34" },
        {
          event: "pull-request",
          ref: "refs/merge-requests/12/head",
          pullRequest: { number: "12", isFork: false },
        },
      ],
      [
        "a merge request of a fork",
        { ...MERGE, CI_MERGE_REQUEST_SOURCE_PROJECT_ID: "56" },
        { event: "pull-request", pullRequest: { number: "12", isFork: true } },
      ],
      [
        "a child pipeline of a merge request",
        { ...MERGE, CI_PIPELINE_SOURCE: "parent_pipeline" },
        { event: "pull-request", pullRequest: { number: "12" } },
      ],
    ],
  ],
  [
    "buildkite",
    BUILDKITE,
    [
      [
        "a push",
        {},
        {
          event: "push",
          ref: "refs/heads/main",
          attempt: 1,
          runUrl: BUILDKITE.BUILDKITE_BUILD_URL,
          workspace: BUILDKITE.BUILDKITE_BUILD_CHECKOUT_PATH,
        },
      ],
      ["a tag", { BUILDKITE_TAG: "v1" }, { event: "tag", ref: "refs/tags/v1" }],
      ["a retry", { BUILDKITE_RETRY_COUNT: "2" }, { attempt: 3 }],
      ["a schedule", { BUILDKITE_SOURCE: "schedule" }, { event: "schedule" }],
      ["somebody", { BUILDKITE_SOURCE: "ui" }, { event: "dispatch" }],
      [
        "a pull request",
        {
          BUILDKITE_PULL_REQUEST: "5",
          BUILDKITE_PULL_REQUEST_REPO: "https://github.com/acme-inc/my-project",
        },
        { event: "pull-request", pullRequest: { number: "5", isFork: false } },
      ],
      [
        "a pull request of a fork",
        {
          BUILDKITE_PULL_REQUEST: "5",
          BUILDKITE_PULL_REQUEST_REPO: "git://github.com/mona/my-project.git",
        },
        { event: "pull-request", pullRequest: { number: "5", isFork: true } },
      ],
    ],
  ],
  [
    "azure",
    AZURE,
    [
      [
        "a push",
        {},
        {
          event: "push",
          ref: "refs/heads/main",
          attempt: 1,
          runUrl: "https://dev.azure.com/fabrikamfiber/Fabrikam%20Fiber/_build/results?buildId=8",
        },
      ],
      ["a tag", { BUILD_SOURCEBRANCH: "refs/tags/v1" }, { event: "tag" }],
      ["a re-run", { SYSTEM_JOBATTEMPT: "2" }, { attempt: 2 }],
      ["a schedule", { BUILD_REASON: "Schedule" }, { event: "schedule" }],
      ["somebody", { BUILD_REASON: "Manual" }, { event: "dispatch" }],
      [
        "a pull request of a fork",
        {
          BUILD_REASON: "PullRequest",
          SYSTEM_PULLREQUEST_ISFORK: "True",
          SYSTEM_PULLREQUEST_PULLREQUESTID: "293753840",
          SYSTEM_PULLREQUEST_PULLREQUESTNUMBER: "62306",
        },
        { event: "pull-request", pullRequest: { number: "62306", isFork: true } },
      ],
      [
        "a pull request of Azure Repos",
        { BUILD_REASON: "PullRequest", SYSTEM_PULLREQUEST_PULLREQUESTID: "17" },
        { event: "pull-request", pullRequest: { number: "17", isFork: false } },
      ],
    ],
  ],
  [
    "circleci",
    CIRCLE,
    [
      ["a push", {}, { event: "push", ref: "refs/heads/main", sha: "abc", runUrl: CIRCLE.CIRCLE_BUILD_URL }],
      ["a tag", { CIRCLE_BRANCH: undefined, CIRCLE_TAG: "v1" }, { event: "tag", ref: "refs/tags/v1" }],
      [
        "a pull request",
        { CIRCLE_PULL_REQUEST: "https://github.com/team/app/pull/4" },
        { event: "pull-request", pullRequest: { number: "4", isFork: false } },
      ],
      [
        "a pull request of a fork",
        { CIRCLE_PULL_REQUEST: "https://github.com/team/app/pull/4", CIRCLE_PR_NUMBER: "4" },
        { event: "pull-request", pullRequest: { number: "4", isFork: true } },
      ],
    ],
  ],
  [
    "jenkins",
    JENKINS,
    [
      ["a branch", {}, { event: "push", ref: "refs/heads/main", sha: "abc", runUrl: JENKINS.BUILD_URL }],
      ["a tag", { TAG_NAME: "v1", BRANCH_NAME: "v1" }, { event: "tag", ref: "refs/tags/v1" }],
      ["a job of one branch", { BRANCH_NAME: undefined }, { event: "other" }],
      [
        "a change",
        { CHANGE_ID: "3", BRANCH_NAME: "PR-3" },
        { event: "pull-request", pullRequest: { number: "3", isFork: false } },
      ],
      [
        "a change of a fork",
        { CHANGE_ID: "3", CHANGE_FORK: "mona", BRANCH_NAME: "PR-3" },
        { event: "pull-request", pullRequest: { number: "3", isFork: true } },
      ],
    ],
  ],
])("%s", (kind, env, cases) => {
  test.each(cases)("%s", (_, changes, expected) => {
    expect(detectCi({ ...env, ...changes })).toMatchObject({ kind, ...expected });
  });
});

test("nothing where no variable says so", () => {
  expect(detectCi({})).toEqual({ kind: "none" });
  expect(detectCi({ CI: "true" })).toEqual({ kind: "none" });
  expect(detectCi({ GITHUB_ACTIONS: "false", GITLAB_CI: "" })).toEqual({ kind: "none" });
});

test("a change request has no ref where CI does not name one, and no value is ever empty", () => {
  const change = detectCi({ ...JENKINS, CHANGE_ID: "3", BRANCH_NAME: "PR-3", GIT_COMMIT: "" });
  expect(change).not.toHaveProperty("ref");
  expect(change).not.toHaveProperty("sha");
});

describe("a pull request from a fork has neither secrets nor leave to write", () => {
  test.each<[CiKind, boolean | undefined, Environment, boolean]>([
    ["github", true, { GITHUB_EVENT_NAME: "pull_request" }, true],
    ["github", true, { GITHUB_EVENT_NAME: "pull_request_target" }, false],
    ["github", false, { GITHUB_EVENT_NAME: "pull_request" }, false],
    ["github", undefined, { GITHUB_EVENT_NAME: "pull_request" }, false],
    ["forgejo", true, { GITHUB_EVENT_NAME: "pull_request" }, true],
    ["gitlab", true, { CI_PROJECT_ID: "56", CI_MERGE_REQUEST_PROJECT_ID: "34" }, true],
    ["gitlab", true, { CI_MERGE_REQUEST_PROJECT_ID: "34" }, true],
    ["gitlab", true, { CI_PROJECT_ID: "34", CI_MERGE_REQUEST_PROJECT_ID: "34" }, false],
    ["buildkite", true, {}, true],
    ["circleci", true, {}, true],
    ["azure", true, {}, true],
    ["jenkins", true, {}, true],
  ])("%s, fork %s, %o: %s", (kind, isFork, env, restricted) => {
    const pullRequest = isFork === undefined ? {} : { isFork };
    expect(isRestricted({ kind, event: "pull-request", pullRequest }, env)).toBe(restricted);
    expect(isRestricted({ kind, event: "push" }, env)).toBe(false);
  });
});
