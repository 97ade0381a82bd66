import { describe, expect, test } from "vitest";
import { webAddress } from "../../../core/plan/checkout.ts";
import type { PlannedRelease } from "../../../core/plan/plan.ts";
import { folderWith, load, loadText, planOf } from "../../support/plan.ts";
import { assembleIn, onGithub, planWith, releaseIn, SHA } from "../../support/checkout.ts";

const PREFIX = "org.opencontainers.image.";
const WORLD = onGithub("refs/tags/v1.2.3", "push", {
  facts: { remote: "https://user:hunter2@git.example/team/app.git" },
});
const TAGS = '    tags: [{ image: user/app, from: ["semver:{{version}}"], latest: false }]\n';

/** What a release says of itself, keys without what all begin with. */
function saidBy({ indexAnnotations, variants }: PlannedRelease) {
  const short = (texts: Readonly<Record<string, string>> = {}) =>
    Object.fromEntries(Object.entries(texts).map(([key, value]) => [key.replace(PREFIX, ""), value]));
  const build = variants[0]?.build;
  return {
    index: short(indexAnnotations),
    manifest: short(build?.annotations.manifest),
    labels: short(build?.labels),
  };
}

const STABLE = { title: "app", source: "https://git.example/team/app", url: "https://git.example/team/app" };
const CHANGING = { revision: SHA, created: "2020-01-10T00:30:00Z", version: "1.2.3" };
const ALL = { ...STABLE, ...CHANGING };

describe("what the repository gives", () => {
  test("stands on the index, on each image, and in its config", async () => {
    const release = await releaseIn(planWith(TAGS), WORLD);
    expect(saidBy(release)).toEqual({ index: ALL, manifest: ALL, labels: ALL });
    expect(release.origins?.metadata.map(({ key, from }) => [key.replace(PREFIX, ""), from])).toEqual([
      ["title", "git"],
      ["source", "git"],
      ["url", "git"],
      ["revision", "git"],
      ["created", "git"],
      ["version", "semver:{{version}}"],
    ]);
  });

  test("stands nowhere where the plan does not want it", async () => {
    const release = await releaseIn(planWith(`${TAGS}    metadata: false`), WORLD);
    expect(saidBy(release)).toEqual({ index: {}, manifest: {}, labels: {} });
  });

  test("has labels only where annotations have no place", async () => {
    const release = await releaseIn(planWith(`${TAGS}    media-types: docker`), WORLD);
    expect(saidBy(release)).toEqual({ index: {}, manifest: {}, labels: ALL });
  });

  test("leaves out of images that are to be reused what changes with every commit", async () => {
    const release = await releaseIn(planWith(`${TAGS}    reuse: unchanged`), WORLD);
    expect(saidBy(release)).toEqual({ index: ALL, manifest: STABLE, labels: STABLE });
  });

  test("has no version where no rule gives one, and nothing at all without a repository", async () => {
    const plain = planWith("    tags: [user/app:1]");
    const { version: _, ...without } = ALL;
    expect(saidBy(await releaseIn(plain, WORLD)).index).toEqual(without);
    const [release] = planOf(await loadText(plain)).releases;
    expect(release && saidBy(release)).toEqual({ index: {}, manifest: {}, labels: {} });
  });
});

describe("what the plan and the Dockerfile say comes first", () => {
  test("labels, for annotations too; annotations of their own level", async () => {
    const text = planWith(
      `${TAGS}    labels: { ${PREFIX}title: Ours, ${PREFIX}version: "7", own: x }
    annotations: { ${PREFIX}version: "8", "index:${PREFIX}url": https://app.example }`,
    );
    expect(saidBy(await releaseIn(text, WORLD))).toEqual({
      index: { ...ALL, title: "Ours", version: "8", url: "https://app.example" },
      manifest: { ...ALL, title: "Ours", version: "8" },
      labels: { ...ALL, title: "Ours", version: "7", own: "x" },
    });
  });

  test("a label that differs by platform stays with its image", async () => {
    const text = planWith(`${TAGS}    labels: { ${PREFIX}title: "app for \${platform}" }`);
    const said = saidBy(await releaseIn(text, WORLD));
    expect([said.index["title"], said.manifest["title"], said.labels["title"]]).toEqual([
      "app",
      "app for linux/amd64",
      "app for linux/amd64",
    ]);
  });

  test("labels that the Dockerfile sets are left to it", async () => {
    const written = [`${PREFIX}title`, `${PREFIX}revision`];
    const said = saidBy(await releaseIn(planWith(TAGS), { ...WORLD, written }));
    const { title: _, revision: __, ...left } = ALL;
    expect(said).toEqual({ index: ALL, manifest: left, labels: left });
  });
});

describe("the page of a repository", () => {
  test.each([
    ["https://git.example/team/app.git", "https://git.example/team/app"],
    ["https://user:hunter2@git.example:8443/team/app.git/", "https://git.example:8443/team/app"],
    ["http://git.lan/app", "http://git.lan/app"],
    ["https://git.example/app?token=hunter2#x", "https://git.example/app"],
    ["git@git.example:team/app.git", "https://git.example/team/app"],
    ["git.example:team/app", "https://git.example/team/app"],
    ["ssh://git@git.example:2222/team/app.git", "https://git.example/team/app"],
    ["git+ssh://git@git.example/team/app.git", "https://git.example/team/app"],
    ["/srv/git/app.git", undefined],
    ["../app", undefined],
    ["file:///srv/app.git", undefined],
    [String.raw`C:\repos\app`, undefined],
    ["ext::sh -c whoami", undefined],
    ["", undefined],
  ])("of %j is %s", (remote, page) => {
    expect(webAddress(remote)).toBe(page);
  });

  test("a CI says it where git does not", async () => {
    const github = { GITHUB_SERVER_URL: "https://github.example", GITHUB_REPOSITORY: "team/app" };
    const gitlab = { GITLAB_CI: "true", CI_PROJECT_URL: "https://gitlab.example/team/app" };
    const text = planWith("    tags: [user/app:1]");
    const sourceIn = async (env: Readonly<Record<string, string>>) =>
      saidBy(await releaseIn(text, { env })).labels["source"];
    expect(await sourceIn({ GITHUB_ACTIONS: "true", ...github })).toBe("https://github.example/team/app");
    expect(await sourceIn(gitlab)).toBe("https://gitlab.example/team/app");
    expect(await sourceIn(github)).toBeUndefined();
  });
});

describe("files around the plan", () => {
  const text = planWith("    tags: [user/app:1, { image: user/app, from: [edge, pr] }]");
  const github = {
    PATH: "",
    GITHUB_ACTIONS: "true",
    GITHUB_REF: "refs/heads/trunk",
    GITHUB_EVENT_NAME: "push",
    GITHUB_SHA: SHA,
  };

  async function releaseOf(files: Readonly<Record<string, string>>, env: Readonly<Record<string, string>>) {
    const folder = await folderWith({ Dockerfile: "FROM scratch\n", "plan.yaml": text, ...files });
    const withEvent = { ...github, GITHUB_EVENT_PATH: `${folder}/event.json`, ...env };
    const [release] = planOf(await load("plan.yaml", folder, { env: withEvent })).releases;
    if (release === undefined) throw new Error("no release");
    return release;
  }

  test("GitHub's event names the default branch and the pull request", async () => {
    const event = JSON.stringify({ number: 3, repository: { default_branch: "trunk" } });
    const tags = async (env: Readonly<Record<string, string>>) =>
      (await releaseOf({ "event.json": event }, env)).tags.map(({ tag }) => tag);
    expect(await tags({})).toEqual(["1", "edge"]);
    expect(await tags({ GITHUB_EVENT_NAME: "pull_request_target" })).toEqual(["1", "pr-3"]);
    expect(await tags({ GITHUB_ACTIONS: "" })).toEqual(["1"]);
  });

  test.each([
    "",
    "{",
    "[]",
    "null",
    '{"number":"3","repository":[]}',
    '{"number":1.5,"repository":{"default_branch":7}}',
  ])("an event that says nothing: %s", async (event) => {
    const { tags } = await releaseOf({ "event.json": event }, { GITHUB_EVENT_NAME: "pull_request_target" });
    expect(tags.map(({ tag }) => tag)).toEqual(["1"]);
  });

  test.each([
    ['{"license":"MIT OR Apache-2.0"}', "MIT OR Apache-2.0"],
    ['{"license":"UNLICENSED"}', undefined],
    ['{"license":"SEE LICENSE IN LICENSE.txt"}', undefined],
    ['{"license":{"type":"MIT"}}', undefined],
    ["not json", undefined],
  ])("the license of %s", async (json, license) => {
    const release = await releaseOf({ "package.json": json }, {});
    expect(saidBy(release).labels["licenses"]).toBe(license);
  });

  test("a Dockerfile's own labels are found, those in comments are none", async () => {
    const Dockerfile = `FROM scratch\n# LABEL ${PREFIX}licenses=x\nLABEL ${PREFIX}revision="$REVISION"\n`;
    const release = await releaseOf({ Dockerfile, "package.json": '{"license":"MIT"}' }, {});
    expect(saidBy(release).labels).toEqual({ licenses: "MIT" });
    expect(saidBy(await releaseOf({ "package.json": '{"license":"MIT"}' }, {})).labels).toMatchObject({
      revision: SHA,
    });
  });
});

test("a remote with a password puts it nowhere", async () => {
  const plan = planOf(await assembleIn(planWith(TAGS), WORLD));
  expect(JSON.stringify(plan)).not.toContain("hunter2");
});
