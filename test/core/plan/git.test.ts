import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { parseGitLog } from "../../../core/plan/git-facts.ts";
import { readGit } from "../../../core/plan/git.ts";
import { folderWith, load, planOf } from "../../support/plan.ts";

const SHA = "0123456789abcdef0123456789abcdef01234567";

function facts(decorations: string): Readonly<Record<string, string>> {
  return Object.fromEntries(
    parseGitLog(`${[SHA, "0123456", "2026-01-02T03:04:05Z", "1767323045", decorations].join("\0")}\n`),
  );
}

describe("what git log says", () => {
  test("the commit", () => {
    expect(facts("")).toEqual({
      "git.sha": SHA,
      "git.short-sha": "0123456",
      "git.commit-date": "2026-01-02T03:04:05Z",
      "git.commit-epoch": "1767323045",
    });
  });

  test.each([
    ["HEAD -> refs/heads/feature/a,b, refs/heads/other", "feature/a,b"],
    ["HEAD, refs/heads/main", undefined],
  ])("the branch: %s", (decorations, branch) => {
    expect(facts(decorations)["git.branch"]).toBe(branch);
  });

  test.each([
    ["tag: refs/tags/v1", "v1"],
    ["tag: refs/tags/v1, tag: refs/tags/v1.10.0, tag: refs/tags/v1.9.0, tag: refs/tags/latest", "v1.10.0"],
    ["tag: refs/tags/v2.0.0-rc.1, tag: refs/tags/v2.0.0, tag: refs/tags/v2.0.0-rc.2", "v2.0.0"],
    ["tag: refs/tags/v2.0.0-rc.2, tag: refs/tags/v2.0.0-rc.10", "v2.0.0-rc.10"],
    ["HEAD -> refs/heads/main", undefined],
  ])("of several tags the highest version: %s", (decorations, tag) => {
    expect(facts(decorations)["git.tag"]).toBe(tag);
  });
});

describe("a real repository", () => {
  const env = { PATH: process.env["PATH"], HOME: "/nonexistent" };

  async function repository(): Promise<{
    readonly folder: string;
    readonly git: (...args: string[]) => string;
  }> {
    const folder = await folderWith({
      Dockerfile: "FROM scratch\n",
      "plan.yaml": `version: 1
images:
  app:
    args: { SHA: "\${git.sha}", DIRTY: "\${git.dirty:+-dirty}", BRANCH: "\${git.branch}" }
    platforms: [linux/amd64]
    tags: ["registry.example/app:\${git.tag}"]
`,
    });
    const identity = [
      "-c",
      "user.name=n",
      "-c",
      "user.email=e@example.com",
      "-c",
      "init.defaultBranch=trunk",
    ];
    const git = (...args: string[]) =>
      execFileSync("git", [...identity, ...args], { cwd: folder, encoding: "utf8" });
    git("init", "--quiet");
    git("add", ".");
    git("commit", "--quiet", "--message=x");
    git("tag", "v1.2.3");
    return { folder, git };
  }

  test("its facts are in the plan", async () => {
    const { folder, git } = await repository();
    const [release] = planOf(await load("plan.yaml", folder, { env })).releases;
    expect(release?.tags[0]?.tag).toBe("v1.2.3");
    const sha = git("rev-parse", "HEAD").trim();
    expect(release?.variants[0]?.build.args).toEqual({ SHA: sha, DIRTY: "", BRANCH: "trunk" });
    await writeFile(join(folder, "Dockerfile"), "FROM scratch\n# changed\n");
    const [changed] = planOf(await load("plan.yaml", folder, { env })).releases;
    expect(changed?.variants[0]?.build.args["DIRTY"]).toBe("-dirty");
  });

  test("its commit gives the epoch, where nothing else of git is asked for", async () => {
    const { folder, git } = await repository();
    const text = `version: 1
images:
  app: { source-date-epoch: commit, platforms: [linux/amd64], tags: ["registry.example/app:1"] }
`;
    await writeFile(join(folder, "epoch.yaml"), text);
    const [release] = planOf(await load("epoch.yaml", folder, { env })).releases;
    const epoch = git("log", "-1", "--format=%ct").trim();
    expect(release?.variants[0]?.build.args).toEqual({ SOURCE_DATE_EPOCH: epoch });
  });

  test("its tags, its remote and the remote's own branch are told where they are asked for", async () => {
    const { folder, git } = await repository();
    git("tag", "feature/v2");
    git("remote", "add", "origin", "https://git.example/team/app.git");
    git("update-ref", "refs/remotes/origin/trunk", "HEAD");
    git("symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/trunk");
    const question = { directory: folder, env, dirty: false };
    const remote = "https://git.example/team/app.git";
    expect(await readGit({ ...question, tags: true })).toMatchObject({
      remote,
      tags: ["feature/v2", "v1.2.3"],
      defaultBranch: "trunk",
    });
    expect(Object.keys(await readGit({ ...question, tags: false }))).toEqual(["values", "remote"]);
  });

  test("configuration of the repository runs no program and hides no tag", async () => {
    const { folder, git } = await repository();
    const trap = join(folder, ".git", "trapped");
    for (const key of ["core.fsmonitor", "gpg.program", "core.pager", "core.sshCommand"]) {
      git("config", key, `touch '${trap}'; false`);
    }
    git("config", "log.showSignature", "true");
    git("config", "log.excludeDecoration", "refs/tags/*");
    const found = await readGit({ directory: folder, env, dirty: true, tags: false });
    expect(found.values.get("git.tag")).toBe("v1.2.3");
    expect(existsSync(trap)).toBe(false);
  });

  test("variables of the caller's environment do not lead git elsewhere", async () => {
    const { folder } = await repository();
    const elsewhere = await folderWith({});
    const misled = { ...env, GIT_DIR: join(folder, ".git") };
    expect(await readGit({ directory: elsewhere, env: misled, dirty: false, tags: false })).toEqual({
      values: new Map(),
      why: "the plan is in no git repository",
    });
  });

  test("without commits, and without git, it says why", async () => {
    const folder = await folderWith({});
    execFileSync("git", ["init", "--quiet"], { cwd: folder });
    expect((await readGit({ directory: folder, env, dirty: false, tags: false })).why).toBe(
      "the repository has no commit yet",
    );
    expect((await readGit({ directory: folder, env: { PATH: folder }, dirty: false, tags: false })).why).toBe(
      "git is not installed",
    );
  });
});
