import { access, readFile } from "node:fs/promises";
import { join } from "node:path";
import { execa } from "execa";
import { beforeAll, expect, inject, test } from "vitest";
import { startRealRegistry, type RealRegistry } from "../support/real-registry.ts";
import { openRig, type Environment, type Ran, type Rig } from "../support/rig.ts";
import { testTool } from "../support/tools.ts";

let registry: RealRegistry;
beforeAll(async () => {
  registry = await startRealRegistry();
  return () => registry.close();
});

/** No CI, whatever these tests themselves run in. */
const NO_CI: Environment = {
  GITHUB_ACTIONS: undefined,
  GITLAB_CI: undefined,
  BUILDKITE: undefined,
  TF_BUILD: undefined,
  CIRCLECI: undefined,
  JENKINS_URL: undefined,
};
const PREFIX = "org.opencontainers.image.";
const RULES = ["semver:{{version}}", "semver:{{major}}.{{minor}}", "branch", "pr", "sha"];

interface Repository {
  readonly rig: Rig;
  readonly git: (...args: readonly string[]) => Promise<string>;
  /** Commits one changed file, in this minute of the tests' day. */
  readonly commit: (minute: number) => Promise<string>;
  readonly build: (env?: Environment, ...argv: readonly string[]) => Promise<Ran>;
}

/** A project under git, on the branch main, that is fetched from a server; nothing is run in its image, so that any platform builds at once. */
async function repository(name: string, rules: readonly string[] = RULES): Promise<Repository> {
  const rig = await openRig({
    Dockerfile: "FROM scratch\nCOPY content /content\n",
    "buildx-plan.yaml": `version: 1
images:
  app:
    attest: strip
    platforms: [linux/amd64, linux/arm64]
    tags: [{ image: ${registry.host}/${name}, from: ${JSON.stringify(rules)} }]
`,
  });
  const at = (minute: number): string => `2026-01-02T03:${String(minute).padStart(2, "0")}:00Z`;
  const run = async (args: readonly string[], env: Environment = {}): Promise<string> =>
    (
      await execa("git", ["-c", "user.name=n", "-c", "user.email=e@x.example", ...args], {
        cwd: rig.directory,
        env,
      })
    ).stdout;
  await run(["init", "--quiet", "--initial-branch=main"]);
  await run(["remote", "add", "origin", "https://me:hunter2@git.example/team/app.git"]);
  const commit = async (minute: number): Promise<string> => {
    await rig.write({ content: String(minute) });
    await run(["add", "."]);
    const date = at(minute);
    await run(["commit", "--quiet", "--message=x"], { GIT_COMMITTER_DATE: date, GIT_AUTHOR_DATE: date });
    return await run(["rev-parse", "HEAD"]);
  };
  return {
    rig,
    git: (...args) => run(args),
    commit,
    build: (env = {}, ...argv) =>
      rig.run(["build", "--builder", inject("buildkit").address, "--json", ...argv], { ...NO_CI, ...env }),
  };
}

async function crane(...args: readonly string[]): Promise<string> {
  return (await execa(await testTool("crane"), ["--insecure", ...args])).stdout;
}

async function tagsIn(name: string): Promise<readonly string[]> {
  return (await crane("ls", `${registry.host}/${name}`)).split("\n").toSorted();
}

test("a branch: its tag, and what the commit says stands on index, images and configs", async () => {
  const { commit, build } = await repository("branch");
  const sha = await commit(1);
  expect(await build()).toMatchObject({ exitCode: 0 });
  expect(await tagsIn("branch")).toEqual(["main", `sha-${sha.slice(0, 7)}`]);
  const expected = {
    [`${PREFIX}title`]: "app",
    [`${PREFIX}source`]: "https://git.example/team/app",
    [`${PREFIX}url`]: "https://git.example/team/app",
    [`${PREFIX}revision`]: sha,
    [`${PREFIX}created`]: "2026-01-02T03:01:00Z",
    [`${PREFIX}version`]: "main",
  };
  const reference = `${registry.host}/branch:main`;
  const index = JSON.parse(await crane("manifest", reference));
  expect(index.annotations).toEqual(expected);
  for (const { digest } of index.manifests) {
    const image = `${registry.host}/branch@${digest}`;
    const [manifest, config] = await Promise.all([crane("manifest", image), crane("config", image)]);
    expect(JSON.parse(manifest).annotations).toEqual(expected);
    expect(JSON.parse(config).config.Labels).toEqual(expected);
  }
});

test("a tag: its versions and latest; a backport takes neither from a higher one", async () => {
  const { git, commit, build } = await repository("tag", RULES.slice(0, 3));
  await commit(1);
  await git("tag", "v1.2.3");
  await commit(2);
  await git("tag", "v2.0.0-rc.1");
  expect(await build()).toMatchObject({ exitCode: 0 });
  expect(await tagsIn("tag")).toEqual(["2.0.0-rc.1"]);
  await commit(3);
  await git("tag", "v2.0.0");
  expect(await build()).toMatchObject({ exitCode: 0 });
  expect(await tagsIn("tag")).toEqual(["2.0", "2.0.0", "2.0.0-rc.1", "latest"]);
  const latest = await crane("digest", `${registry.host}/tag:latest`);
  await git("checkout", "--quiet", "v1.2.3");
  expect(await build()).toMatchObject({ exitCode: 0 });
  expect(await tagsIn("tag")).toEqual(["1.2", "1.2.3", "2.0", "2.0.0", "2.0.0-rc.1", "latest"]);
  expect(await crane("digest", `${registry.host}/tag:latest`)).toBe(latest);
});

test("a detached commit is nothing by itself; a CI knows which branch or pull request it is", async () => {
  const { rig, git, commit, build } = await repository("detached", RULES.slice(0, 4));
  const sha = await commit(1);
  await git("checkout", "--quiet", "--detach");
  const refused = await build();
  expect(refused).toMatchObject({ exitCode: 2 });
  expect(refused.stderr).toContain("buildx-plan.yaml:3:3: error: No rule gives app a tag here");
  await expect(tagsIn("detached")).rejects.toThrow("NAME_UNKNOWN");
  const planned = await rig.run(["plan", "--builder", inject("buildkit").address], NO_CI);
  expect(planned).toMatchObject({ exitCode: 0 });
  expect(planned.stderr).toContain("warning: No rule gives image `app` a tag");
  expect(await build({}, "--output", "type=oci,dest=app.tar")).toMatchObject({ exitCode: 0 });
  await access(join(rig.directory, "app.tar"));

  const github = { GITHUB_ACTIONS: "true", GITHUB_SHA: sha, GITHUB_EVENT_NAME: "push" };
  expect(await build({ ...github, GITHUB_REF: "refs/pull/12/merge" })).toMatchObject({ exitCode: 0 });
  expect(await tagsIn("detached")).toEqual(["pr-12"]);
  const gitlab = { GITLAB_CI: "true", CI_COMMIT_SHA: sha, CI_COMMIT_BRANCH: "feature/x" };
  expect(await build(gitlab)).toMatchObject({ exitCode: 0 });
  expect(await tagsIn("detached")).toEqual(["feature-x", "pr-12"]);
});

test("an older run does not overwrite what a newer one has released, unless told so", async () => {
  const { git, commit, build } = await repository("older", ["branch"]);
  const older = await commit(1);
  const newer = await commit(2);
  expect(await build()).toMatchObject({ exitCode: 0 });
  const released = await crane("digest", `${registry.host}/older:main`);
  await git("checkout", "--quiet", older);
  const late = { GITHUB_ACTIONS: "true", GITHUB_SHA: older, GITHUB_REF: "refs/heads/main" };
  const refused = await build(late);
  expect(refused).toMatchObject({ exitCode: 3 });
  expect(JSON.parse(refused.stdout)).toMatchObject({
    failure: {
      kind: "tags-refused",
      refusals: [{ why: "older", by: "created", now: "2026-01-02T03:02:00Z", next: "2026-01-02T03:01:00Z" }],
    },
  });
  expect(await crane("digest", `${registry.host}/older:main`)).toBe(released);
  expect(await build(late, "--allow-downgrade")).toMatchObject({ exitCode: 0 });
  expect(await crane("digest", `${registry.host}/older:main`)).not.toBe(released);
  await git("checkout", "--quiet", newer);
  expect(await build({ ...late, GITHUB_SHA: newer })).toMatchObject({ exitCode: 0 });
  expect(await crane("digest", `${registry.host}/older:main`)).toBe(released);
});

test("with `reuse: unchanged` the next commit has the same images, and the index alone says of which it is", async () => {
  const { rig, git, commit, build } = await repository("reused", ["branch"]);
  const plan = await readFile(join(rig.directory, "buildx-plan.yaml"), "utf8");
  await rig.write({ "buildx-plan.yaml": `${plan}    reuse: unchanged\n` });
  await commit(1);
  const first = await build();
  expect(first).toMatchObject({ exitCode: 0 });
  await git("commit", "--quiet", "--allow-empty", "--message=y");
  const sha = await git("rev-parse", "HEAD");
  const second = await build();
  expect(second).toMatchObject({ exitCode: 0 });
  const [before, after] = [first, second].map(({ stdout }) => JSON.parse(stdout));
  const digests = (report: { releases: { platforms: { digest: string }[] }[] }) =>
    report.releases[0]?.platforms.map(({ digest }) => digest);
  expect(digests(after)).toEqual(digests(before));
  const index = JSON.parse(await crane("manifest", `${registry.host}/reused:main`));
  expect(index.annotations[`${PREFIX}revision`]).toBe(sha);
});

test("`tags` tells what there will be, and asks no builder", async () => {
  const { rig, git, commit } = await repository("told");
  const sha = await commit(1);
  await git("tag", "v1.2.3");
  const told = await rig.run(["tags"], NO_CI);
  expect(told).toMatchObject({ exitCode: 0, stderr: "" });
  expect(told.stdout).toMatch(/  1\.2 +semver:\{\{major\}\}\.\{\{minor\}\} +v1\.2\.3 \(git\)\n/);
  const json = JSON.parse((await rig.run(["tags", "--json"], NO_CI)).stdout);
  expect(json).toMatchObject({
    schemaVersion: 1,
    ok: true,
    releases: [
      {
        name: "app",
        tags: ["1.2.3", "1.2", `sha-${sha.slice(0, 7)}`, "latest"].map(
          (tag) => `${registry.host}/told:${tag}`,
        ),
      },
    ],
  });
  expect(JSON.stringify(json)).not.toContain("hunter2");
});
