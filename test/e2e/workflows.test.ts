import { execa } from "execa";
import { beforeAll, describe, expect, inject, test } from "vitest";
import {
  BUILT,
  DOCKERFILE,
  jobOf,
  openGithubWorld,
  outcomes,
  PLATFORMS,
  RELEASED,
  SECRETS,
  type GithubWorld,
  type Project,
} from "../support/github-project.ts";
import { runWorkflow } from "../support/github-runner.ts";
import { openRig, type Rig } from "../support/rig.ts";
import { testTool } from "../support/tools.ts";

// The README's lines for GitHub, run by act for each event. The registry wants a login, which is the job's token here; besides it, jobs
// share the BuildKit.

let world: GithubWorld;
beforeAll(async () => {
  world = await openGithubWorld();
  return () => world.close();
});

/** A commit on a laptop: a plain clone, without anything of GitHub but the address that it came from. */
async function laptop({ repository }: Project, sha: string): Promise<Rig> {
  const rig = await openRig();
  const git = async (...argv: readonly string[]): Promise<unknown> =>
    await execa("git", argv, { cwd: rig.directory });
  await git("clone", "-q", repository.folder, ".");
  await git("reset", "-q", "--hard", sha);
  await git("remote", "set-url", "origin", "https://github.com/team/app.git");
  return rig;
}

describe("the lines of the README", () => {
  test("are valid for actionlint", async () => {
    const text = await world.workflow({});
    const lint = await execa(await testTool("actionlint"), ["-"], { input: text, reject: false });
    expect(lint).toMatchObject({ stdout: "", exitCode: 0 });
  });

  test("release a push to main, each platform on its own runner, byte for byte as one process on a laptop does", async () => {
    const project = await world.openProject("github/push");
    const sha = await project.commit();
    const { repository } = project;
    const ran = await runWorkflow({ repository, event: "push", sha, secrets: SECRETS });
    expect(outcomes(ran)).toEqual(RELEASED);
    expect(await project.tags()).toEqual(["main", `sha-${sha.slice(0, 7)}`]);
    const digest = await world.auditor.digestOf(project.name, "main");
    expect(await world.auditor.flaws(project.name, "main")).toEqual([]);

    const rig = await laptop(project, sha);
    const whole = ["--builder", inject("buildkit").address, "--set", "name=github/laptop"];
    const built = await rig.run(["build", ...whole], await world.login(rig));
    expect(built.exitCode).toBe(0);
    expect(await world.auditor.digestOf("github/laptop", "main")).toBe(digest);

    // Emulators where a platform has no runner of its own, and the builder of setup-buildx-action; nothing else is set up.
    const own = ["docker/setup-buildx-action@v4", "docker/login-action@v4", "buildx-plan/buildx-plan@v1"];
    expect(jobOf(ran, "build", "linux/amd64").steps).toEqual(["actions/checkout@v6", ...own]);
    const { log, steps } = jobOf(ran, "build", "linux/s390x");
    expect(steps).toEqual(["actions/checkout@v6", "docker/setup-qemu-action@v4", ...own]);
    expect(log).toMatch(/\[app linux\/s390x\] started on builder-[0-9a-f-]{36}, emulated/);
    expect(log).not.toMatch(/starting|fetching/);

    // What later jobs and people see of it.
    const [shown, first, second, json = ""] = jobOf(ran, "deploy").log.trim().split(/\r?\n/);
    const tag = (name: string): string => `${world.host}/${project.name}:${name}`;
    expect([shown, first, second]).toEqual([digest, tag("main"), tag(`sha-${sha.slice(0, 7)}`)]);
    expect(JSON.parse(json)).toMatchObject({ ok: true, releases: [{ name: "app", digest }] });
    const { summary } = jobOf(ran, "stitch");
    for (const part of [...PLATFORMS, digest, `${world.host}/${project.name}:main`])
      expect(summary).toContain(part);
  });

  test("do so in one job, too, with release.yml", async () => {
    const project = await world.openProject("github/unused");
    const { repository } = project;
    const lines = await world.workflow({ set: "name=github/one" });
    const text = lines.replace("fan-out.yml", "release.yml");
    const sha = await project.commit({ ".github/workflows/release.yml": text });
    const ran = await runWorkflow({ repository, event: "push", sha, secrets: SECRETS });
    expect(outcomes(ran)).toEqual(["deploy: success", "release: success"]);
    const digest = await world.auditor.digestOf("github/one", "main");
    expect(jobOf(ran, "deploy").log).toContain(digest);
    expect(await project.tags()).toEqual([]);
  });

  test("release a tag under what its version stands for, labelled with it", async () => {
    const project = await world.openProject("github/tag");
    const { repository, name } = project;
    const sha = await project.commit();
    const later = await project.commit({ "later.txt": "later" });
    await repository.tag("v1.2.3", sha);
    // A higher version: `latest` is not this one's, which only a checkout with all tags knows.
    await repository.tag("v1.10.0", later);
    const ran = await runWorkflow({ repository, event: "tag", sha, secrets: SECRETS });
    expect(outcomes(ran)).toEqual(RELEASED);
    expect(await project.tags()).toEqual(["1.2", "1.2.3", `sha-${sha.slice(0, 7)}`]);
    const labels = await world.labelsOf(name, "1.2.3");
    const expected = {
      "org.opencontainers.image.revision": sha,
      "org.opencontainers.image.source": "https://github.com/team/app",
      "org.opencontainers.image.version": "1.2.3",
    };
    for (const platform of PLATFORMS) expect(labels[platform]).toMatchObject(expected);
    expect(await world.annotationsOf(name, "1.2.3")).toMatchObject(expected);
  });

  test.each([
    ["of this repository", "pull-request", "ada", SECRETS],
    [
      "of a fork, whose token may push nothing and which sees no secret",
      "fork",
      "stranger",
      { GITHUB_TOKEN: "read-only" },
    ],
  ] as const)("build a pull request %s, and push nothing", async (_, event, __, secrets) => {
    const project = await world.openProject(`github/${event}`);
    const { repository } = project;
    await project.commit();
    await project.commit({ "change.txt": event }, "change");
    const sha = await repository.merge("change", 7);
    const ran = await runWorkflow({ repository, event, sha, secrets });
    const tried = PLATFORMS.map((platform) => `pull-request ${platform}: success`);
    expect(outcomes(ran)).toEqual(["deploy: success", "plan: success", ...tried]);
    expect(await world.auditor.tags(project.name)).toEqual([]);
    for (const platform of PLATFORMS) {
      const { log, steps } = jobOf(ran, "pull-request", platform);
      expect(log).toContain(`[app ${platform}] built`);
      expect(steps).not.toContain("docker/login-action@v4");
    }
    expect(ran.jobs.flatMap(({ annotations }) => annotations)).toEqual([]);
  });

  test("are told at the line of the Dockerfile what has failed, and release nothing", async () => {
    const project = await world.openProject("github/broken");
    const { repository } = project;
    const wrong = `${DOCKERFILE}RUN ["/bin/busybox", "sh", "-c", "[ $(/bin/busybox uname -m) != s390x ]"]\n`;
    const sha = await project.commit({ Dockerfile: wrong });
    const ran = await runWorkflow({ repository, event: "push", sha, secrets: SECRETS });
    expect(ran.exitCode).not.toBe(0);
    expect(outcomes(ran)).toEqual([BUILT[0], "build linux/s390x: failure", "plan: success"]);
    const { annotations, summary } = jobOf(ran, "build", "linux/s390x");
    expect(annotations).toMatchObject([{ severity: "error", file: "Dockerfile", line: "6" }]);
    expect(summary).toContain("linux/s390x");
    expect(await project.tags()).toEqual([]);
  });

  test("say that a login is wrong before anything is built", async () => {
    const project = await world.openProject("github/login");
    const { repository } = project;
    const sha = await project.commit();
    const ran = await runWorkflow({ repository, event: "push", sha, secrets: { GITHUB_TOKEN: "wrong" } });
    expect(outcomes(ran).filter((each) => each.endsWith("failure"))).toHaveLength(2);
    expect(ran.jobs.map(({ log }) => log).join("")).not.toContain("] built");
    expect(await world.auditor.tags(project.name)).toEqual([]);
  });
});

describe("a run that is run again", () => {
  test("builds what a lost machine has left open, and nothing that is finished", async () => {
    const project = await world.openProject("github/again");
    const { repository } = project;
    const sha = await project.commit();
    const run = { repository, event: "push", sha, secrets: SECRETS } as const;
    const first = await runWorkflow({ ...run, lost: { job: "build", only: "linux/s390x" } });
    expect(outcomes(first)).toEqual([BUILT[0], "build linux/s390x: failure", "plan: success"]);
    expect(await project.tags()).toEqual([]);
    const again = await runWorkflow({ ...run, attempt: 2 });
    expect(outcomes(again)).toEqual(RELEASED);
    const finished = jobOf(again, "build", "linux/amd64").log;
    expect(finished).toContain("[app linux/amd64] finished before, taken over");
    expect(finished).not.toContain("] built");
    expect(jobOf(again, "build", "linux/s390x").log).toContain("[app linux/s390x] built");
    expect(await project.tags()).toEqual(["main", `sha-${sha.slice(0, 7)}`]);
    expect(Object.keys(await world.labelsOf(project.name, "main"))).toEqual(PLATFORMS);
  });

  test("moves no tag back that a newer commit has moved", async () => {
    const project = await world.openProject("github/older");
    const { repository } = project;
    const older = await project.commit();
    const run = { repository, secrets: SECRETS } as const;
    const first = await runWorkflow({ ...run, event: "push", sha: older, lost: { job: "stitch" } });
    expect(outcomes(first)).toEqual([...BUILT, "plan: success", "stitch: failure"]);
    const newer = await project.commit({ "newer.txt": "newer" });
    const next = await runWorkflow({ ...run, event: "workflow-dispatch", sha: newer });
    expect(outcomes(next)).toEqual(RELEASED);
    const digest = await world.auditor.digestOf(project.name, "main");

    const again = await runWorkflow({ ...run, event: "push", sha: older, attempt: 2 });
    expect(outcomes(again)).toEqual([...BUILT, "plan: success", "stitch: failure"]);
    const { log, annotations } = jobOf(again, "stitch");
    expect(log).toContain("--allow-downgrade");
    expect(again.output).toContain("exit status 3");
    expect(annotations).toMatchObject([
      { severity: "error", message: expect.stringContaining("would go back") },
    ]);
    expect(await world.auditor.digestOf(project.name, "main")).toBe(digest);
    expect(await project.tags()).toEqual(["main", `sha-${newer.slice(0, 7)}`]);
  });
});
