import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { execa } from "execa";
import { beforeAll, describe, expect, test } from "vitest";
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
} from "../support/github-project.ts";
import { runWorkflow } from "../support/github-runner.ts";
import { openRig, ROOT, type Rig } from "../support/rig.ts";
import { testTool } from "../support/tools.ts";

// Workflows with secrets, and those that `init` writes, run by act: see `workflows.test.ts`.

let world: GithubWorld;
beforeAll(async () => {
  world = await openGithubWorld();
  return () => world.close();
});

describe("secrets", () => {
  /** A key of cosign's own, with its password, which is no secret of anybody. */
  async function cosignKey(rig: Rig): Promise<{ readonly key: string; readonly pub: string }> {
    const env = { COSIGN_PASSWORD: "the password of the key" };
    await execa(await testTool("cosign"), ["generate-key-pair"], { cwd: rig.directory, env });
    const read = async (name: string): Promise<string> => await readFile(join(rig.directory, name), "utf8");
    return { key: await read("cosign.key"), pub: join(rig.directory, "cosign.pub") };
  }

  const signing = async (name: string): Promise<Readonly<Record<string, string>>> => ({
    Dockerfile: `${DOCKERFILE}RUN --mount=type=secret,id=npm ["/bin/busybox", "sh", "-c", "/bin/busybox cat /run/secrets/npm; [ $(/bin/busybox wc -c < /run/secrets/npm) = 21 ]"]\n`,
    "buildx-plan.yaml": world
      .plan(name)
      .replace("vars: {", "vars: { token: { env: NPM_TOKEN, secret: true },")
      .replace(
        "    tags:",
        "    secrets: [{ id: npm, var: token }]\n    sign: { key-env: COSIGN_KEY, password-env: COSIGN_PASSWORD, transparency-log: false }\n    tags:",
      ),
    ".github/workflows/release.yml": await world.workflow(
      { cosign: true },
      {
        env: "NPM_TOKEN=${{ secrets.NPM_TOKEN && 'correct-horse-battery' }}\nCOSIGN_PASSWORD=the password of the key\nCOSIGN_KEY<<END\n${{ secrets.COSIGN_KEY }}\nEND\n",
      },
    ),
  });

  test("of the caller reach the plan and cosign, and no log", async () => {
    const rig = await openRig();
    const { key, pub } = await cosignKey(rig);
    const project = await world.openProject("github/secrets");
    const { repository, name } = project;
    const sha = await project.commit(await signing(name));
    const secrets = { ...SECRETS, NPM_TOKEN: "set", COSIGN_KEY: key };
    const ran = await runWorkflow({ repository, event: "push", sha, secrets });
    expect(outcomes(ran)).toEqual(RELEASED);
    // The build prints it, and act, which hides secrets of its own accord, does not know that it is one.
    const shown = ran.jobs.map(({ log, summary }) => `${log}${summary}`).join("");
    expect(shown).not.toContain("correct-horse-battery");
    expect(jobOf(ran, "build", "linux/amd64").log).toContain("***");
    const verify = ["verify", "--key", pub, "--insecure-ignore-tlog", `${world.host}/${name}:main`];
    await execa(await testTool("cosign"), verify, { env: { ...(await world.login(rig)), HOME: rig.state } });
  });

  test("that a fork does not see keep nothing from being planned", async () => {
    const project = await world.openProject("github/no-secrets");
    const { repository, name } = project;
    const files = await signing(name);
    await project.commit(files);
    await project.commit({ ...files, Dockerfile: DOCKERFILE }, "change");
    const sha = await repository.merge("change", 7);
    const ran = await runWorkflow({ repository, event: "fork", sha, secrets: { GITHUB_TOKEN: "read-only" } });
    const tried = PLATFORMS.map((platform) => `pull-request ${platform}: success`);
    expect(outcomes(ran)).toEqual(["deploy: success", "plan: success", ...tried]);
  });
});

describe("what init writes", () => {
  /** Writes a workflow for the plan of these files as `init` does, with ghcr.io for the registry that it is run against. */
  async function initiated(
    files: Readonly<Record<string, string>>,
    ...steps: readonly (readonly string[])[]
  ) {
    const rig = await openRig(files);
    const git = ["-c", "user.name=ada", "-c", "user.email=ada@example.org"];
    await execa("git", ["init", "-q"], { cwd: rig.directory });
    await execa("git", [...git, "commit", "-q", "--allow-empty", "-m", "Begin"], { cwd: rig.directory });
    for (const step of steps) expect((await rig.run(["init", ...step])).exitCode).toBe(0);
    const here = async (path: string): Promise<string> =>
      (await readFile(join(rig.directory, path), "utf8")).replaceAll("ghcr.io", world.host);
    const written = [".github/workflows/release.yml", "buildx-plan.yaml"];
    return Object.fromEntries(await Promise.all(written.map(async (path) => [path, await here(path)])));
  }

  test("releases in one job, and tries a pull request", async () => {
    const project = await world.openProject("github/init");
    const { repository, name } = project;
    const own = world.plan(name).replaceAll(world.host, "ghcr.io");
    const files = { Dockerfile: DOCKERFILE, "busybox/amd64/none": "", "buildx-plan.yaml": own };
    const written = await initiated(files, ["--ci", "github"]);
    const sha = await project.commit(written);
    const ran = await runWorkflow({ repository, event: "push", sha, secrets: SECRETS });
    expect(outcomes(ran)).toEqual(["release: success"]);
    expect(await project.tags()).toEqual(["main", `sha-${sha.slice(0, 7)}`]);
    await project.commit({ ...written, "change.txt": "change" }, "change");
    const merged = await repository.merge("change", 7);
    const tried = await runWorkflow({ repository, event: "pull-request", sha: merged, secrets: SECRETS });
    expect(outcomes(tried)).toEqual(["pull-request: success"]);
    expect(await project.tags()).toEqual(["main", `sha-${sha.slice(0, 7)}`]);
  });

  test("of Docker's multi-platform recipe releases the same platforms, tags and labels", async () => {
    const project = await world.openProject("github/recipe");
    const { repository, name } = project;
    const recipe = join(ROOT, "fixtures/init/official-recipe/.github/workflows/docker.yml");
    const workflow = (await readFile(recipe, "utf8"))
      .replace("REGISTRY_IMAGE: user/app", `REGISTRY_IMAGE: ghcr.io/${name}`)
      .replaceAll(/linux\/arm64/g, "linux/s390x");
    const files = {
      Dockerfile: DOCKERFILE.replace("COPY --from=busybox ${TARGETARCH}", "COPY busybox/${TARGETARCH}"),
      ".github/workflows/docker.yml": workflow,
    };
    const written = await initiated(files, ["--from", "workflow"], ["--ci", "github", "--fan-out"]);
    const sha = await project.commit({ ...files, ...written, ".dockerignore": "" });
    await repository.tag("v1.2.3", sha);
    const ran = await runWorkflow({ repository, event: "tag", sha, secrets: SECRETS });
    expect(outcomes(ran)).toEqual([...BUILT, "plan: success", "stitch: success"]);
    // By the rules and labels of the recipe, as docker/metadata-action documents them.
    expect(await project.tags()).toEqual(["1", "1.2", "1.2.3", "latest"]);
    const labels = await world.labelsOf(name, "1.2.3");
    expect(Object.keys(labels)).toEqual(PLATFORMS);
    for (const platform of PLATFORMS)
      expect(labels[platform]).toMatchObject({
        maintainer: "team",
        "org.opencontainers.image.title": "My App",
        "org.opencontainers.image.source": "https://github.com/team/app",
        "org.opencontainers.image.revision": sha,
        "org.opencontainers.image.version": "1.2.3",
      });
  });
});
