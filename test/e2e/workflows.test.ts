import { randomUUID } from "node:crypto";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { execa } from "execa";
import { beforeAll, describe, expect, inject, test } from "vitest";
import { parse, stringify } from "yaml";
import { openAuditor, type Auditor } from "../support/fault-matrix-audit.ts";
import type { Job } from "../support/github-jobs.ts";
import { openRepository, type GithubRepository } from "../support/github-repository.ts";
import { runWorkflow, type WorkflowRun } from "../support/github-runner.ts";
import { OCI } from "../support/images.ts";
import { publicTags } from "../support/public-tags.ts";
import { startRealRegistry, type RealRegistry } from "../support/real-registry.ts";
import { openRig, ROOT, type Rig } from "../support/rig.ts";
import { testTool } from "../support/tools.ts";

// The README's lines for GitHub, and the workflows that `init` writes, run by act for each event. The registry wants a login, which is the
// job's token here; besides it, jobs share the BuildKit.

// `htpasswd -nbBC 5 ada test-password`
const HTPASSWD = "ada:$2b$05$q4K4KNa0Ib3TgFqmWHo7uOv2YRjB2LuLsGc2zcfdFg9cXKSvYU0be\n";
const LOGIN = Buffer.from("ada:test-password").toString("base64");
const SECRETS = { GITHUB_TOKEN: "test-password" };
const PLATFORMS = ["linux/amd64", "linux/s390x"];

let registry: RealRegistry;
let auditor: Auditor;
beforeAll(async () => {
  registry = await startRealRegistry({ htpasswd: HTPASSWD });
  auditor = openAuditor(registry.host, LOGIN);
  return () => registry.close();
});

const DOCKERFILE = `FROM scratch
ARG TARGETARCH
COPY --from=busybox \${TARGETARCH}/busybox /bin/busybox
ARG RUN_ID
RUN ["/bin/busybox", "sh", "-c", "/bin/busybox uname -m > /machine"]
`;

/** Nothing of an earlier test run is in BuildKit's cache: `id` is an argument of the build. */
function plan(name: string, id: string): string {
  return `version: 1
vars: { name: { default: ${name} } }
runners: { linux/amd64: ubuntu-24.04, "*": ubuntu-latest }
images:
  app:
    contexts: { busybox: ./busybox }
    args: { RUN_ID: ${id} }
    source-date-epoch: commit
    attest: { provenance: false }
    output: ["type=image,rewrite-timestamp=true"]
    platforms: [${PLATFORMS.join(", ")}]
    tags:
      - image: ${registry.host}/\${name}
        from: ["semver:{{version}}", "semver:{{major}}.{{minor}}", branch, pr, sha]
`;
}

/** The first lines of the README for GitHub, with this registry in place of ghcr.io, and a job that uses what they hand over. */
async function readmeWorkflow(inputs: object = {}, secrets?: object): Promise<string> {
  const readme = await readFile(join(ROOT, "README.md"), "utf8");
  const [, lines = ""] = /```yaml\n(on: .*# \.github\/workflows\/release\.yml\n[^`]*)```/.exec(readme) ?? [];
  const workflow = parse(lines);
  const { release } = workflow.jobs;
  const outputs = ["digest", "tags", "json"];
  const env = outputs.map((name) => [name.toUpperCase(), `\${{ needs.release.outputs.${name} }}`]);
  const deploy = {
    needs: "release",
    "runs-on": "ubuntu-latest",
    steps: [{ run: 'echo "$DIGEST"; echo "$TAGS"; echo "$JSON"', env: Object.fromEntries(env) }],
  };
  const called = { ...release, with: { registry: registry.host, ...inputs }, ...(secrets && { secrets }) };
  return stringify({ ...workflow, jobs: { release: called, deploy } });
}

interface Project {
  readonly repository: GithubRepository;
  /** Its path in the registry. */
  readonly name: string;
  /** A commit with these files, besides those of the project, on main or another branch. */
  readonly commit: (files?: Readonly<Record<string, string>>, branch?: string) => Promise<string>;
  readonly tags: () => Promise<readonly string[]>;
}

async function openProject(name: string): Promise<Project> {
  const repository = await openRepository(["amd64", "s390x"]);
  const own = {
    Dockerfile: DOCKERFILE,
    ".dockerignore": "*",
    "buildx-plan.yaml": plan(name, randomUUID()),
    ".github/workflows/release.yml": await readmeWorkflow(),
  };
  return {
    repository,
    name,
    commit: async (files = {}, branch) => await repository.commit({ ...own, ...files }, branch),
    tags: async () => publicTags((await auditor.tags(name)).join("\n")).toSorted(),
  };
}

/** `build linux/arm64: success`, in the order of jobs and platforms. */
function outcomes({ jobs }: WorkflowRun): readonly string[] {
  return jobs
    .map(({ id, platform, result }) => `${id}${platform ? ` ${platform}` : ""}: ${result}`)
    .toSorted();
}

function jobOf({ jobs }: WorkflowRun, id: string, platform?: string): Job {
  const found = jobs.find((job) => job.id === id && job.platform === platform);
  if (found === undefined) throw new Error(`no job ${id} ${platform ?? ""} has run`);
  return found;
}

const BUILT = PLATFORMS.map((platform) => `build ${platform}: success`);
const RELEASED = [...BUILT, "deploy: success", "plan: success", "stitch: success"];

/** A document of a repository, by tag or digest. */
async function fetchJson(name: string, kind: "manifests" | "blobs", reference: string) {
  const headers = { authorization: `Basic ${LOGIN}`, accept: `${OCI.index}, ${OCI.manifest}, */*` };
  const answer = await fetch(`http://${registry.host}/v2/${name}/${kind}/${reference}`, { headers });
  expect(answer.status).toBe(200);
  return JSON.parse(await answer.text());
}

/** Labels of each platform of a tag, attestations aside. */
async function labelsOf(name: string, tag: string): Promise<Readonly<Record<string, object>>> {
  const index = await fetchJson(name, "manifests", tag);
  const described: readonly { readonly digest: string; readonly platform: Record<string, string> }[] =
    index.manifests;
  const images = described.filter(({ platform }) => platform["os"] !== "unknown");
  const entries = images.map(async ({ digest, platform }) => {
    const { config } = await fetchJson(name, "manifests", digest);
    const { config: settings } = await fetchJson(name, "blobs", config.digest);
    return [`${platform["os"]}/${platform["architecture"]}`, settings.Labels];
  });
  return Object.fromEntries(await Promise.all(entries));
}

/** A commit on a laptop: a plain clone, without anything of GitHub but the address that it came from. */
async function laptop({ repository }: Project, sha: string): Promise<Rig> {
  const rig = await openRig();
  const git = async (...argv: readonly string[]): Promise<unknown> =>
    await execa("git", argv, { cwd: rig.directory });
  await git("clone", "-q", repository.folder, ".");
  await git("reset", "-q", "--hard", sha);
  await git("remote", "set-url", "origin", "https://github.com/team/app.git");
  await mkdir(join(rig.state, "docker"), { recursive: true });
  const config = { auths: { [registry.host]: { auth: LOGIN } } };
  await writeFile(join(rig.state, "docker", "config.json"), JSON.stringify(config));
  return rig;
}

describe("the lines of the README", () => {
  test("are valid for actionlint", async () => {
    const text = await readmeWorkflow();
    const lint = await execa(await testTool("actionlint"), ["-"], { input: text, reject: false });
    expect(lint).toMatchObject({ stdout: "", exitCode: 0 });
  });

  test("release a push to main, each platform on its own runner, byte for byte as one process on a laptop does", async () => {
    const project = await openProject("github/push");
    const sha = await project.commit();
    const { repository } = project;
    const ran = await runWorkflow({ repository, event: "push", sha, secrets: SECRETS });
    expect(outcomes(ran)).toEqual(RELEASED);
    expect(await project.tags()).toEqual(["main", `sha-${sha.slice(0, 7)}`]);
    const digest = await auditor.digestOf(project.name, "main");
    expect(await auditor.flaws(project.name, "main")).toEqual([]);

    const rig = await laptop(project, sha);
    const whole = ["--builder", inject("buildkit").address, "--set", "name=github/laptop"];
    const built = await rig.run(["build", ...whole], { DOCKER_CONFIG: join(rig.state, "docker") });
    expect(built.exitCode).toBe(0);
    expect(await auditor.digestOf("github/laptop", "main")).toBe(digest);

    // Emulators where a platform has no runner of its own, and the builder of setup-buildx-action; nothing else is set up.
    const own = ["docker/setup-buildx-action@v4", "docker/login-action@v4", "buildx-plan/buildx-plan@v1"];
    expect(jobOf(ran, "build", "linux/amd64").steps).toEqual(["actions/checkout@v6", ...own]);
    const { log, steps } = jobOf(ran, "build", "linux/s390x");
    expect(steps).toEqual(["actions/checkout@v6", "docker/setup-qemu-action@v4", ...own]);
    expect(log).toMatch(/\[app linux\/s390x\] started on builder-[0-9a-f-]{36}, emulated/);
    expect(log).not.toMatch(/starting|fetching/);

    // What later jobs and people see of it.
    const [shown, first, second, json = ""] = jobOf(ran, "deploy").log.trim().split(/\r?\n/);
    const tag = (name: string): string => `${registry.host}/${project.name}:${name}`;
    expect([shown, first, second]).toEqual([digest, tag("main"), tag(`sha-${sha.slice(0, 7)}`)]);
    expect(JSON.parse(json)).toMatchObject({ ok: true, releases: [{ name: "app", digest }] });
    const { summary } = jobOf(ran, "stitch");
    for (const part of [...PLATFORMS, digest, `${registry.host}/${project.name}:main`])
      expect(summary).toContain(part);
  });

  test("release a tag under what its version stands for, labelled with it", async () => {
    const project = await openProject("github/tag");
    const { repository, name } = project;
    const sha = await project.commit();
    const later = await project.commit({ "later.txt": "later" });
    await repository.tag("v1.2.3", sha);
    // A higher version: `latest` is not this one's, which only a checkout with all tags knows.
    await repository.tag("v1.10.0", later);
    const ran = await runWorkflow({ repository, event: "tag", sha, secrets: SECRETS });
    expect(outcomes(ran)).toEqual(RELEASED);
    expect(await project.tags()).toEqual(["1.2", "1.2.3", `sha-${sha.slice(0, 7)}`]);
    const labels = await labelsOf(name, "1.2.3");
    const expected = {
      "org.opencontainers.image.revision": sha,
      "org.opencontainers.image.source": "https://github.com/team/app",
      "org.opencontainers.image.version": "1.2.3",
    };
    for (const platform of PLATFORMS) expect(labels[platform]).toMatchObject(expected);
    const index = await fetchJson(name, "manifests", "1.2.3");
    expect(index.annotations).toMatchObject(expected);
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
    const project = await openProject(`github/${event}`);
    const { repository } = project;
    await project.commit();
    await project.commit({ "change.txt": event }, "change");
    const sha = await repository.merge("change", 7);
    const ran = await runWorkflow({ repository, event, sha, secrets });
    const tried = PLATFORMS.map((platform) => `pull-request ${platform}: success`);
    expect(outcomes(ran)).toEqual(["deploy: success", "plan: success", ...tried]);
    expect(await auditor.tags(project.name)).toEqual([]);
    for (const platform of PLATFORMS) {
      const { log, steps } = jobOf(ran, "pull-request", platform);
      expect(log).toContain(`[app ${platform}] built`);
      expect(steps).not.toContain("docker/login-action@v4");
    }
    expect(ran.jobs.flatMap(({ annotations }) => annotations)).toEqual([]);
  });

  test("are told at the line of the Dockerfile what has failed, and release nothing", async () => {
    const project = await openProject("github/broken");
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
    const project = await openProject("github/login");
    const { repository } = project;
    const sha = await project.commit();
    const ran = await runWorkflow({ repository, event: "push", sha, secrets: { GITHUB_TOKEN: "wrong" } });
    expect(outcomes(ran).filter((each) => each.endsWith("failure"))).toHaveLength(2);
    expect(ran.jobs.map(({ log }) => log).join("")).not.toContain("] built");
    expect(await auditor.tags(project.name)).toEqual([]);
  });
});

describe("a run that is run again", () => {
  test("builds what a lost machine has left open, and nothing that is finished", async () => {
    const project = await openProject("github/again");
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
    expect(Object.keys(await labelsOf(project.name, "main"))).toEqual(PLATFORMS);
  });

  test("moves no tag back that a newer commit has moved", async () => {
    const project = await openProject("github/older");
    const { repository } = project;
    const older = await project.commit();
    const run = { repository, secrets: SECRETS } as const;
    const first = await runWorkflow({ ...run, event: "push", sha: older, lost: { job: "stitch" } });
    expect(outcomes(first)).toEqual([...BUILT, "plan: success", "stitch: failure"]);
    const newer = await project.commit({ "newer.txt": "newer" });
    const next = await runWorkflow({ ...run, event: "workflow-dispatch", sha: newer });
    expect(outcomes(next)).toEqual(RELEASED);
    const digest = await auditor.digestOf(project.name, "main");

    const again = await runWorkflow({ ...run, event: "push", sha: older, attempt: 2 });
    expect(outcomes(again)).toEqual([...BUILT, "plan: success", "stitch: failure"]);
    const { log, annotations } = jobOf(again, "stitch");
    expect(log).toContain("--allow-downgrade");
    expect(again.output).toContain("exit status 3");
    expect(annotations).not.toEqual([]);
    expect(await auditor.digestOf(project.name, "main")).toBe(digest);
    expect(await project.tags()).toEqual(["main", `sha-${newer.slice(0, 7)}`]);
  });
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
    Dockerfile: `${DOCKERFILE}RUN --mount=type=secret,id=npm ["/bin/busybox", "sh", "-c", "[ $(/bin/busybox wc -c < /run/secrets/npm) = 21 ]"]\n`,
    "buildx-plan.yaml": plan(name, randomUUID())
      .replace("vars: {", "vars: { token: { env: NPM_TOKEN, secret: true },")
      .replace(
        "    tags:",
        "    secrets: [{ id: npm, var: token }]\n    sign: { key-env: COSIGN_KEY, password-env: COSIGN_PASSWORD, transparency-log: false }\n    tags:",
      ),
    ".github/workflows/release.yml": await readmeWorkflow(
      { cosign: true },
      {
        env: "NPM_TOKEN=${{ secrets.NPM_TOKEN }}\nCOSIGN_PASSWORD=the password of the key\nCOSIGN_KEY<<END\n${{ secrets.COSIGN_KEY }}\nEND\n",
      },
    ),
  });

  test("of the caller reach the plan and cosign, and no log", async () => {
    const rig = await openRig();
    const { key, pub } = await cosignKey(rig);
    const project = await openProject("github/secrets");
    const { repository, name } = project;
    const sha = await project.commit(await signing(name));
    const secrets = { ...SECRETS, NPM_TOKEN: "correct-horse-battery", COSIGN_KEY: key };
    const ran = await runWorkflow({ repository, event: "push", sha, secrets });
    expect(outcomes(ran)).toEqual(RELEASED);
    const shown = ran.jobs.map(({ log, summary }) => `${log}${summary}`).join("");
    expect(shown).not.toContain("correct-horse-battery");
    const config = join(rig.state, "docker");
    await mkdir(config, { recursive: true });
    await writeFile(
      join(config, "config.json"),
      JSON.stringify({ auths: { [registry.host]: { auth: LOGIN } } }),
    );
    const verify = ["verify", "--key", pub, "--insecure-ignore-tlog", `${registry.host}/${name}:main`];
    await execa(await testTool("cosign"), verify, { env: { DOCKER_CONFIG: config, HOME: rig.state } });
  });

  test("that a fork does not see keep nothing from being planned", async () => {
    const project = await openProject("github/no-secrets");
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
      (await readFile(join(rig.directory, path), "utf8")).replaceAll("ghcr.io", registry.host);
    const written = [".github/workflows/release.yml", "buildx-plan.yaml"];
    return Object.fromEntries(await Promise.all(written.map(async (path) => [path, await here(path)])));
  }

  test("releases in one job, and tries a pull request", async () => {
    const project = await openProject("github/init");
    const { repository, name } = project;
    const own = plan(name, randomUUID()).replaceAll(registry.host, "ghcr.io");
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
    const project = await openProject("github/recipe");
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
    const labels = await labelsOf(name, "1.2.3");
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
