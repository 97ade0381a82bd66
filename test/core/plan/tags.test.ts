import { describe, expect, test } from "vitest";
import { assembleIn, onGithub, planWith, releaseIn, SHA, tagsOf } from "../../support/checkout.ts";
import { planOf, problemsOf } from "../../support/plan.ts";

const ALL = ["schedule", "branch", "tag", "pr"];
const SEMVER = ["branch", "pr", "semver:{{version}}", "semver:{{major}}.{{minor}}"];

describe("the examples of docker/metadata-action", () => {
  test.each([
    ["pull_request", "refs/pull/2/merge", ["pr-2"]],
    ["push", "refs/heads/master", ["master"]],
    ["push", "refs/heads/releases/v1", ["releases-v1"]],
    ["push", "refs/tags/v1.2.3", ["v1.2.3", "latest"]],
    ["schedule", "refs/heads/master", ["nightly", "master"]],
    ["workflow_dispatch", "refs/heads/master", ["master"]],
  ])("without version rules: %s of %s", async (event, ref, tags) => {
    expect(await tagsOf(ALL, onGithub(ref, event))).toEqual(tags);
  });

  test.each([
    ["pull_request", "refs/pull/2/merge", ["pr-2"]],
    ["push", "refs/heads/master", ["master"]],
    ["push", "refs/heads/releases/v1", ["releases-v1"]],
    ["push", "refs/tags/v1.2.3", ["1.2.3", "1.2", "latest"]],
    ["push", "refs/tags/v2.0.8-beta.67", ["2.0.8-beta.67"]],
  ])("with version rules: %s of %s", async (event, ref, tags) => {
    expect(await tagsOf(SEMVER, onGithub(ref, event))).toEqual(tags);
  });

  test.each([
    ["v1.2.3", "{{raw}}", "v1.2.3"],
    ["v1.2.3", "{{version}}", "1.2.3"],
    ["v1.2.3", "{{major}}.{{minor}}", "1.2"],
    ["v1.2.3", "v{{major}}", "v1"],
    ["v1.2.3", "{{ minor }}", "2"],
    ["v1.2.3", "{{patch}}", "3"],
    ["v2.0.8-beta.67", "{{raw}}", "v2.0.8-beta.67"],
    ["v2.0.8-beta.67", "{{version}}", "2.0.8-beta.67"],
    ["v2.0.8-beta.67", "{{major}}.{{minor}}", "2.0.8-beta.67"],
    ["v9.5.7-alpha.2+fork.3.1.8", "{{version}}", "9.5.7-alpha.2"],
    ["v9.5.7-alpha.2+fork.3.1.8", "{{raw}}", "v9.5.7-alpha.2-fork.3.1.8"],
  ])("semver: the tag %s by %s", async (tag, pattern, made) => {
    const world = onGithub(`refs/tags/${tag}`);
    expect(await tagsOf([`semver:${pattern}`], world, "latest: false")).toEqual([made]);
    expect(await tagsOf([`type=semver,pattern=${pattern}`], world, "latest: false")).toEqual([made]);
  });

  test.each([
    ["v1.2.3", String.raw`\d.\d.\d`, 0, "1.2.3"],
    ["v2.0.8-beta.67", "v(.*)", 1, "2.0.8-beta.67"],
    ["v2.0.8-beta.67", String.raw`v(\d.\d)`, 1, "2.0"],
    ["20200110-RC2", String.raw`\d+`, 0, "20200110"],
    ["p1/v1.2.3", String.raw`p1/v(\d.\d.\d)`, 1, "1.2.3"],
    ["V1", "/v(.)/i", 1, "1"],
  ])("match: the tag %s by %s, group %s", async (tag, pattern, group, made) => {
    const rule = `{ type: match, pattern: '${pattern}', group: ${group} }`;
    expect(await tagsOf([rule], onGithub(`refs/tags/${tag}`), "latest: false")).toEqual([made]);
  });

  test.each([
    ["sha", "sha-860c190"],
    ["sha:long", `sha-${SHA}`],
    ["type=sha,format=long,prefix=", SHA],
    ['{ type: sha, prefix: "" }', "860c190"],
    ["type=sha,prefix={{branch}}-", "master-860c190"],
    ["type=raw,value=mytag-{{branch}}-{{sha}}", "mytag-master-860c190"],
    ["raw:foo", "foo"],
    ["edge", "edge"],
    ["edge:master", "edge"],
    ["type=edge,branch=master", "edge"],
    ["type=ref,event=branch", "master"],
    ["type=ref,event=branch,suffix=-x", "master-x"],
    ["type=raw,value=latest,enable={{is_default_branch}}", "latest"],
    ["raw:{{commit_date 'YYYYMMDD-HHmmss'}}", "20200110-003000"],
  ])("on a branch: %s", async (rule, made) => {
    expect(await tagsOf([rule], onGithub("refs/heads/master"))).toEqual([made]);
  });

  test.each([
    ["schedule", "nightly"],
    ["type=schedule,pattern={{date 'YYYYMMDD'}}", "20210326"],
    ["schedule:{{date 'YY.MM.DD'}}", "21.03.26"],
  ])("on a schedule: %s", async (rule, made) => {
    const now = Date.UTC(2021, 2, 26, 23, 59);
    expect(await tagsOf([rule], onGithub("refs/heads/master", "schedule", { now }))).toEqual([made]);
  });

  test.each([
    ["GitLab", { GITLAB_CI: "true", CI_COMMIT_BRANCH: "main", CI_PIPELINE_SOURCE: "schedule" }],
    [
      "a child pipeline of GitLab",
      {
        GITLAB_CI: "true",
        CI_COMMIT_BRANCH: "main",
        CI_PIPELINE_SOURCE: "parent_pipeline",
        BUILDX_PLAN_PIPELINE_SOURCE: "schedule",
      },
    ],
    ["Buildkite", { BUILDKITE: "true", BUILDKITE_BRANCH: "main", BUILDKITE_SOURCE: "schedule" }],
    ["Azure", { TF_BUILD: "True", BUILD_SOURCEBRANCH: "refs/heads/main", BUILD_REASON: "Schedule" }],
  ])("%s says that a schedule has started it", async (_, env) => {
    expect(await tagsOf(["schedule"], { env })).toEqual(["nightly"]);
  });

  test("rules stand in the order of their priorities, and the first gives the version", async () => {
    const rules = ["sha", "branch", "edge", "schedule", "raw:x"];
    const world = onGithub("refs/heads/master", "schedule");
    expect(await tagsOf(rules, world)).toEqual(["nightly", "edge", "master", "x", "sha-860c190"]);
    expect(await tagsOf([...rules, "type=sha,format=long,priority=2000,prefix="], world)).toEqual([
      SHA,
      "nightly",
      "edge",
      "master",
      "x",
      "sha-860c190",
    ]);
  });

  test("prefix and suffix of all rules, those with their own excepted", async () => {
    const rules = ["semver:{{version}}", "type=semver,pattern={{major}},prefix=v,suffix=", "sha"];
    const world = onGithub("refs/tags/v1.2.3");
    const around = "prefix: glo-, suffix: -bal";
    const made = ["glo-1.2.3-bal", "v1", "sha-860c190-bal"];
    expect(await tagsOf(rules, world, around)).toEqual([...made, "latest"]);
    expect(await tagsOf(rules, world, `${around}, on-latest: true`)).toEqual([...made, "glo-latest-bal"]);
  });
});

describe("what goes to the highest version", () => {
  const tags = ["v1.9.5", "v1.9.6", "v1.10.0", "v2.0.0", "v2.1.0-rc.1", "nightly"];
  const rules = ["semver:{{version}}", "semver:{{major}}.{{minor}}", "semver:{{major}}"];
  test.each([
    ["v2.0.0", ["2.0.0", "2.0", "2", "latest"]],
    ["v1.10.0", ["1.10.0", "1.10", "1"]],
    ["v1.9.6", ["1.9.6", "1.9"]],
    ["v1.9.5", ["1.9.5"]],
    ["v2.1.0-rc.1", ["2.1.0-rc.1"]],
  ])("%s beside higher ones", async (tag, made) => {
    expect(await tagsOf(rules, onGithub(`refs/tags/${tag}`, "push", { facts: { tags } }))).toEqual(made);
  });

  test("only tags of the same kind count", async () => {
    const world = onGithub("refs/tags/web/v1.0.0", "push", { facts: { tags: ["api/v2.0.0", "web/v1.0.0"] } });
    expect(await tagsOf(["type=semver,pattern={{version}},match=web/(.*)"], world)).toEqual([
      "1.0.0",
      "latest",
    ]);
  });

  test.each([
    ["tag", "v1.0.0-rc.1", ["v1.0.0-rc.1"]],
    ["tag", "some", ["some", "latest"]],
    ["tag", "v1.9.6", ["v1.9.6"]],
    ["match:v1.9", "v1.9.6", ["v1.9"]],
  ])("%s: %s", async (rule, tag, made) => {
    expect(await tagsOf([rule], onGithub(`refs/tags/${tag}`, "push", { facts: { tags } }))).toEqual(made);
  });

  test("dates count as versions, with their zeros", async () => {
    const world = onGithub("refs/tags/2026.01.15", "push", { facts: { tags: ["2026.01.15", "2026.01.02"] } });
    expect(await tagsOf(rules, world)).toEqual(["2026.01.15", "2026.01", "2026", "latest"]);
  });

  test("latest is moved, or not, where the entry says so", async () => {
    expect(await tagsOf(["branch"], onGithub("refs/heads/x"), "latest: true")).toEqual(["x", "latest"]);
    expect(await tagsOf(["tag"], onGithub("refs/tags/v1.0.0"), "latest: false")).toEqual(["v1.0.0"]);
    expect(await tagsOf(["tag"], onGithub("refs/heads/x"), "latest: true")).toEqual([]);
  });
});

const BUILDKITE = { BUILDKITE: "true", BUILDKITE_PULL_REQUEST: "false", BUILDKITE_TAG: "" };
const JENKINS = { JENKINS_URL: "https://jenkins.example/" };

describe("where the ref comes from", () => {
  const rules = ["semver:{{version}}", "branch", "pr"];
  test.each([
    ["git: a tag before its branch", { git: { tag: "v1.0.0", branch: "main" } }, ["1.0.0", "latest"]],
    ["git: a branch", { git: { branch: "feat/x" } }, ["feat-x"]],
    ["git: neither", {}, []],
    [
      "GitHub: a branch whose commit has a tag, too",
      onGithub("refs/heads/main", "push", { git: { tag: "v1.0.0" } }),
      ["main"],
    ],
    ["GitHub: pull_request_target is no branch", onGithub("refs/heads/main", "pull_request_target"), []],
    [
      "GitHub: pull_request_target, with its event",
      onGithub("refs/heads/main", "pull_request_target", { event: { number: 15 } }),
      ["pr-15"],
    ],
    [
      "GitHub, but another commit is checked out",
      onGithub("refs/heads/main", "workflow_dispatch", { git: { sha: "f".repeat(40), tag: "v3.0.0" } }),
      ["3.0.0", "latest"],
    ],
    [
      "GitHub: the head of a pull request",
      onGithub("refs/pull/7/merge", "pull_request", { git: { sha: "f".repeat(40), tag: "v3.0.0" } }),
      ["pr-7"],
    ],
    [
      "GitLab: a branch",
      { env: { GITLAB_CI: "true", CI_COMMIT_BRANCH: "main", CI_COMMIT_SHA: SHA } },
      ["main"],
    ],
    ["GitLab: a tag", { env: { GITLAB_CI: "true", CI_COMMIT_TAG: "v1.0.0" } }, ["1.0.0", "latest"]],
    [
      "GitLab: a merge request",
      { env: { GITLAB_CI: "true", CI_MERGE_REQUEST_IID: "12", CI_PIPELINE_SOURCE: "merge_request_event" } },
      ["pr-12"],
    ],
    [
      "Buildkite: a branch",
      { env: { ...BUILDKITE, BUILDKITE_BRANCH: "main", BUILDKITE_COMMIT: SHA } },
      ["main"],
    ],
    [
      "Buildkite: a build by hand",
      { env: { ...BUILDKITE, BUILDKITE_BRANCH: "main", BUILDKITE_COMMIT: "HEAD" } },
      ["main"],
    ],
    [
      "Buildkite: a tag",
      { env: { ...BUILDKITE, BUILDKITE_BRANCH: "v1.0.0", BUILDKITE_TAG: "v1.0.0" } },
      ["1.0.0", "latest"],
    ],
    [
      "Buildkite: a pull request",
      { env: { ...BUILDKITE, BUILDKITE_BRANCH: "topic", BUILDKITE_PULL_REQUEST: "12" } },
      ["pr-12"],
    ],
    ["Azure: a branch", { env: { TF_BUILD: "True", BUILD_SOURCEBRANCH: "refs/heads/main" } }, ["main"]],
    [
      "Azure: a tag",
      { env: { TF_BUILD: "True", BUILD_SOURCEBRANCH: "refs/tags/v1.0.0" } },
      ["1.0.0", "latest"],
    ],
    [
      "Azure: a pull request",
      {
        env: {
          TF_BUILD: "True",
          BUILD_SOURCEBRANCH: "refs/pull/900/merge",
          SYSTEM_PULLREQUEST_PULLREQUESTID: "900",
          SYSTEM_PULLREQUEST_PULLREQUESTNUMBER: "12",
        },
      },
      ["pr-12"],
    ],
    ["CircleCI: a branch", { env: { CIRCLECI: "true", CIRCLE_BRANCH: "main", CIRCLE_SHA1: SHA } }, ["main"]],
    ["CircleCI: a tag", { env: { CIRCLECI: "true", CIRCLE_TAG: "v1.0.0" } }, ["1.0.0", "latest"]],
    [
      "CircleCI: a pull request",
      {
        env: {
          CIRCLECI: "true",
          CIRCLE_BRANCH: "topic",
          CIRCLE_PULL_REQUEST: "https://github.com/team/app/pull/12",
        },
      },
      ["pr-12"],
    ],
    ["Jenkins: a branch", { env: { ...JENKINS, BRANCH_NAME: "main", GIT_COMMIT: SHA } }, ["main"]],
    [
      "Jenkins: a tag",
      { env: { ...JENKINS, BRANCH_NAME: "v1.0.0", TAG_NAME: "v1.0.0" } },
      ["1.0.0", "latest"],
    ],
    ["Jenkins: a change request", { env: { ...JENKINS, BRANCH_NAME: "PR-12", CHANGE_ID: "12" } }, ["pr-12"]],
    ["Jenkins: no multibranch project", { env: { ...JENKINS, GIT_BRANCH: "origin/main" } }, ["main"]],
    [
      "Jenkins: a project that says nothing of a ref",
      { env: { ...JENKINS, GIT_BRANCH: "detached" }, git: { tag: "v1.0.0" } },
      ["1.0.0", "latest"],
    ],
    [
      "variables of a CI that is not there",
      { env: { GITHUB_REF: "refs/tags/v1.0.0", CI_COMMIT_TAG: "v1" } },
      [],
    ],
  ])("%s", async (_, world, made) => {
    expect(await tagsOf(rules, world)).toEqual(made);
  });

  test.each([
    ["the event's", onGithub("refs/heads/trunk", "push", { event: { defaultBranch: "trunk" } })],
    [
      "Buildkite's",
      { env: { ...BUILDKITE, BUILDKITE_BRANCH: "trunk", BUILDKITE_PIPELINE_DEFAULT_BRANCH: "trunk" } },
    ],
    ["GitLab's", { env: { GITLAB_CI: "true", CI_COMMIT_BRANCH: "trunk", CI_DEFAULT_BRANCH: "trunk" } }],
    ["the clone's", { git: { branch: "trunk" }, facts: { defaultBranch: "trunk" } }],
  ])("the default branch is %s", async (_, world) => {
    expect(await tagsOf(["edge", "branch"], world)).toEqual(["edge", "trunk"]);
  });
});

describe("a release whose tags are made", () => {
  test("is told what gave each tag, and why others gave none", async () => {
    const text = planWith(
      '    tags: [user/app:fixed, { image: user/app, from: ["semver:{{version}}", branch, pr, sha] }]',
    );
    const { origins } = await releaseIn(text, onGithub("refs/heads/main"));
    expect(origins?.tags.map(({ rule, tag, why }) => [rule, tag, why])).toEqual([
      ["user/app:fixed", "docker.io/user/app:fixed", "written in the plan"],
      ["semver:{{version}}", undefined, "this is a branch, not a tag"],
      ["branch", "docker.io/user/app:main", "main (GITHUB_REF)"],
      ["pr", undefined, "this is a branch, not a pull request"],
      ["sha", "docker.io/user/app:sha-860c190", `${SHA} (git)`],
      ["latest", undefined, "only a release is the latest"],
    ]);
  });

  test("what a rule and a text give is one tag", async () => {
    const text = planWith(
      "    tags: [user/app:main, { image: user/app, from: [branch, 'raw:main'], if-exists: skip }, { image: o.example/a, from: [branch] }]",
    );
    const { tags } = await releaseIn(text, onGithub("refs/heads/main"));
    expect(tags).toEqual([
      { registry: "docker.io", path: "user/app", tag: "main" },
      { registry: "o.example", path: "a", tag: "main" },
    ]);
  });

  test("cells of a matrix must be told apart", async () => {
    const cells = (suffix: string): string =>
      planWith(
        `    matrix: { node: ["22", "24"] }\n    tags: [{ image: user/app, from: [branch]${suffix} }]`,
      );
    const world = onGithub("refs/heads/main");
    expect(problemsOf(await assembleIn(cells(""), world))).toBe(
      "6:38 Both app[node=22] and app[node=24] would be tagged user/app:main | Use a value of the matrix in the tag, `${matrix.<key>}`\n",
    );
    const { releases } = planOf(await assembleIn(cells(', suffix: "-node${matrix.node}"'), world));
    expect(releases.map(({ tags }) => tags[0]?.tag)).toEqual(["main-node22", "main-node24"]);
  });

  test("that gets no tag is pointed out, and is no mistake", async () => {
    const text = planWith("    tags: [{ image: user/app, from: ['semver:{{version}}'] }]");
    expect(problemsOf(await assembleIn(text, onGithub("refs/heads/main")))).toBe(
      "3:3 (warning) No rule gives image `app` a tag for branch main | Add a rule that does (`tags` tells what each says), or build it with `--output` or `--load`\n",
    );
  });
});
