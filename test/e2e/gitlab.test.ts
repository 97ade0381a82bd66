import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, describe, expect, inject, test } from "vitest";
import manifest from "../../package.json" with { type: "json" };
import { CHILD_PIPELINE, GITLAB_EVENTS, openGitlabProject, type GitlabProject } from "../support/gitlab.ts";
import { codeBlocks } from "../support/pages.ts";
import { startRealRegistry, type RealRegistry } from "../support/real-registry.ts";

// Components and generated pipelines, run as GitLab runs them: test/support/gitlab.ts tells what is replaced.

// `htpasswd -nbBC 5 ada test-password`
const HTPASSWD = "ada:$2b$05$q4K4KNa0Ib3TgFqmWHo7uOv2YRjB2LuLsGc2zcfdFg9cXKSvYU0be\n";
const AUTHORIZATION = `Basic ${btoa("ada:test-password")}`;

let registry: RealRegistry;
beforeAll(async () => {
  registry = await startRealRegistry({ htpasswd: HTPASSWD });
  return () => registry.close();
});

const DOCKERFILE = `FROM scratch
ARG TARGETARCH
COPY --from=busybox \${TARGETARCH}/busybox /bin/busybox
RUN ["/bin/busybox", "sh", "-c", "/bin/busybox uname -m > /machine"]
`;

/** The same inputs give the same bytes, in whatever repository. */
const PLAN = `version: 1
vars: { registry: { env: CI_REGISTRY }, path: { env: REPOSITORY } }
runners: { linux/arm64: arm, "*": small }
images:
  app:
    contexts: { busybox: ./busybox }
    source-date-epoch: 1700000000
    attest: { provenance: false }
    output: ["type=image,rewrite-timestamp=true"]
    platforms: [linux/amd64, linux/arm64, linux/s390x]
    tags:
      - image: \${registry}/\${path}
        from: ["semver:{{version}}", branch, { type: schedule, pattern: nightly }]
`;

const FILES = { Dockerfile: DOCKERFILE, ".dockerignore": "*\n", "plan.yaml": PLAN };
const PLATFORMS = ["linux/amd64", "linux/arm64", "linux/s390x"];

/** What GitLab sets for the registry of the project, and a variable of the project. */
function project(path: string): Readonly<Record<string, string>> {
  return {
    CI_REGISTRY: registry.host,
    CI_REGISTRY_USER: "ada",
    CI_REGISTRY_PASSWORD: "test-password",
    REPOSITORY: path,
  };
}

/** A secret of the project, which a fork does not have. */
function secret(): Readonly<Record<string, string>> {
  const auths = { [registry.host]: { auth: btoa("ada:test-password") } };
  return { DOCKER_AUTH_CONFIG: JSON.stringify({ auths }) };
}

/** What a job of GitLab is told of where it runs, for a process that is none. */
const GITLAB_JOB = { GITLAB_CI: "true", CI_PROJECT_URL: "https://gitlab.example/buildx-plan/buildx-plan" };

async function ask(path: string): Promise<string | undefined> {
  const headers = { authorization: AUTHORIZATION, accept: "application/vnd.oci.image.index.v1+json" };
  const response = await fetch(`http://${registry.host}/v2/${path}`, { headers });
  return response.ok ? await response.text() : undefined;
}

async function tagsOf(path: string): Promise<readonly string[]> {
  const { tags }: { tags: readonly string[] | null } = JSON.parse(
    (await ask(`${path}/tags/list`)) ?? '{"tags":[]}',
  );
  return (tags ?? []).toSorted();
}

const indexOf = async (path: string, tag: string) => await ask(`${path}/manifests/${tag}`);

const NEWEST = "buildx-plan@latest";
const OWN = `buildx-plan@${manifest.version}`;

/** A project that uses a component of its own commit, as GitLab lets the project of a component do. */
async function withComponent(name: string): Promise<GitlabProject> {
  const include = `include:
  - component: $CI_SERVER_FQDN/buildx-plan/buildx-plan/${name}@$CI_COMMIT_SHA
    inputs: { file: plan.yaml }
`;
  return await openGitlabProject({ ...FILES, ".gitlab-ci.yml": include });
}

/** A project with a pipeline that `init` has written, and the line that includes it. */
async function withInit(...options: string[]): Promise<GitlabProject> {
  const include = "include: [{ local: .gitlab/buildx-plan.yml }]\n";
  return await openGitlabProject({ ...FILES, ".gitlab-ci.yml": include }, async (rig) => {
    const argv = ["init", "--ci", "gitlab", "-f", "plan.yaml", ...options];
    expect(await rig.run(argv, project("any"))).toMatchObject({
      exitCode: 0,
      stdout: ".gitlab/buildx-plan.yml\n",
    });
  });
}

const built = (job: string) => [
  `${job}: ${OWN} build --only ${job.replace("build ", "")} --file plan.yaml`,
  `${job}: ${OWN} setup`,
];

describe("the component `release`", () => {
  test("releases a push to the default branch, and a tag, with the login of the project's registry", async () => {
    const gitlab = await withComponent("release");
    const variables = project("component/release");
    expect(await gitlab.run(GITLAB_EVENTS.push, { variables })).toMatchObject({ exitCode: 0 });
    expect(await gitlab.calls()).toEqual([
      `buildx-plan:release: ${NEWEST} build --file plan.yaml --report-dotenv release.env`,
      `buildx-plan:release: ${NEWEST} setup`,
    ]);
    expect(await tagsOf("component/release")).toEqual(["main"]);
    expect(await gitlab.run(GITLAB_EVENTS.tag, { variables })).toMatchObject({ exitCode: 0 });
    expect(await tagsOf("component/release")).toEqual(["1.2.3", "latest", "main"]);
    const reports = ".gitlab-ci-local/artifacts/buildx-planOgrelease/.gitlab-ci-reports/dotenv/release.env";
    const report = await readFile(join(gitlab.rig.directory, reports), "utf8");
    expect(report).toContain("BUILDX_PLAN_OK=true\n");
  });

  test("without the login nothing is pushed, and the job fails", async () => {
    const gitlab = await withComponent("release");
    const variables = { ...project("component/refused"), CI_REGISTRY_PASSWORD: "wrong" };
    const ran = await gitlab.run(GITLAB_EVENTS.push, { variables });
    expect(ran.exitCode).not.toBe(0);
    expect(ran.stdout + ran.stderr).toContain("401");
    expect(await tagsOf("component/refused")).toEqual([]);
  });
});

describe("the component `fan-out`", () => {
  test("gives the index that one process gives, byte for byte", async () => {
    const [parts, whole] = [await withComponent("fan-out"), await withComponent("fan-out")];
    const variables = { ...project("component/parts"), ...secret() };
    expect(await parts.run(GITLAB_EVENTS.tag, { variables })).toMatchObject({ exitCode: 0 });
    expect(await parts.calls()).toEqual([
      ...built("build linux/amd64"),
      ...built("build linux/arm64"),
      ...built("build linux/s390x"),
      `buildx-plan:matrix: ${NEWEST} matrix --format gitlab --file plan.yaml`,
      `stitch: ${OWN} stitch --file plan.yaml`,
    ]);
    expect(await tagsOf("component/parts")).toEqual(["1.2.3", "latest"]);
    const index = await indexOf("component/parts", "1.2.3");
    expect(JSON.parse(index ?? "")).toMatchObject({ manifests: [{}, {}, {}] });

    // One process, of the same commit, in another repository.
    const env = { ...project("component/whole"), ...secret(), ...GITLAB_JOB, CI_COMMIT_TAG: "v1.2.3" };
    const argv = ["build", "-f", "plan.yaml", "--builder", inject("buildkit").address];
    expect(await whole.rig.run(argv, env)).toMatchObject({ exitCode: 0 });
    expect(await indexOf("component/whole", "1.2.3")).toBe(index);

    // All of it once more, which finds the tags where they are to be.
    expect(await parts.run(GITLAB_EVENTS.tag, { variables })).toMatchObject({ exitCode: 0 });
    expect(await indexOf("component/parts", "1.2.3")).toBe(index);
  });

  test("tells its child that a schedule has started it: the tag of schedules moves as in a single job", async () => {
    const [parts, whole] = [await withComponent("fan-out"), await withComponent("release")];
    const both = [
      [parts, "schedule/parts"],
      [whole, "schedule/whole"],
    ] as const;
    for (const [gitlab, path] of both)
      expect(
        await gitlab.run(GITLAB_EVENTS.schedule, { variables: { ...project(path), ...secret() } }),
      ).toMatchObject({
        exitCode: 0,
      });
    expect(await tagsOf("schedule/parts")).toEqual(["main", "nightly"]);
    expect(await tagsOf("schedule/whole")).toEqual(["main", "nightly"]);
  });
});

describe("what `init --ci gitlab` writes", () => {
  test.each([[[]], [["--fan-out"]]])("releases a push, and a tag %j", async (options) => {
    const gitlab = await withInit(...options);
    const path = `init/job${options.length}`;
    const variables = { ...project(path), ...secret() };
    for (const event of [GITLAB_EVENTS.push, GITLAB_EVENTS.tag])
      expect(await gitlab.run(event, { variables })).toMatchObject({ exitCode: 0 });
    expect(await tagsOf(path)).toEqual(["1.2.3", "latest", "main"]);
  });

  test("a platform whose job failed is built by running that job again, which then takes it over, and all are joined", async () => {
    const gitlab = await withInit("--fan-out");
    const variables = { ...project("init/again"), ...secret() };
    const broken = { ...variables, BUILDKIT_HOST: "tcp://127.0.0.1:1" };
    const failed = await gitlab.run(GITLAB_EVENTS.push, { variables: broken });
    expect(failed.exitCode).not.toBe(0);
    expect((await gitlab.calls()).some((call) => call.startsWith("stitch"))).toBe(false);
    const again = async (job: string) =>
      await gitlab.run(GITLAB_EVENTS.push, { variables, argv: ["--file", CHILD_PIPELINE, job] });
    for (const platform of PLATFORMS) {
      expect((await again("stitch")).exitCode).not.toBe(0);
      expect(await again(`build ${platform}`)).toMatchObject({ exitCode: 0 });
    }
    const twice = await again("build linux/arm64");
    expect(twice.stdout + twice.stderr).toContain("[app linux/arm64] finished before, taken over");
    expect(await tagsOf("init/again")).not.toContain("main");
    expect(await again("stitch")).toMatchObject({ exitCode: 0 });
    expect(await tagsOf("init/again")).toEqual(["main"]);
  });
});

test.each([
  ["the component `release`", () => withComponent("release"), NEWEST],
  ["the component `fan-out`", () => withComponent("fan-out"), NEWEST],
  ["what `init --ci gitlab` writes", () => withInit(), OWN],
  ["what `init --ci gitlab --fan-out` writes", () => withInit("--fan-out"), OWN],
])(
  "%s builds the merge request of a fork, which has no secret, and pushes nothing",
  async (_, open, spec) => {
    const gitlab = await open();
    // Even the registry refuses whatever is asked of it.
    const variables = { CI_REGISTRY: registry.host, REPOSITORY: "fork/app" };
    const ran = await gitlab.run(GITLAB_EVENTS.fork, { variables });
    expect(ran).toMatchObject({ exitCode: 0 });
    const [build, setup, ...more] = await gitlab.calls();
    const job = `buildx-plan:merge-request: ${spec}`;
    expect(build).toMatch(new RegExp(`^${job} build .*--output type=oci,dest=image.tar`));
    expect([setup, ...more]).toEqual([`${job} setup`]);
    expect(await tagsOf("fork/app")).toEqual([]);
  },
);

test.each(["README.md", "docs/ci-recipes.md"])("the lines of %s do it", async (page) => {
  const [block, ...more] = codeBlocks(page).filter(({ text }) => text.includes("component:"));
  expect(more).toEqual([]);
  // Of this commit, not of a release.
  const include = block?.text.replace("@1", "@$CI_COMMIT_SHA") ?? "";
  const gitlab = await openGitlabProject({
    Dockerfile: DOCKERFILE,
    ".dockerignore": "*\n",
    "buildx-plan.yaml": PLAN,
    ".gitlab-ci.yml": include,
  });
  const variables = project(`page/${page.length}`);
  expect(await gitlab.run(GITLAB_EVENTS.push, { variables })).toMatchObject({ exitCode: 0 });
  expect(await tagsOf(`page/${page.length}`)).toEqual(["main"]);
});

test.each([
  ["release", "services:\n", "servces:\n"],
  ["release", "rules:\n    - if", "rules:\n    - iff"],
  ["fan-out", "strategy: depend", "strategy: depends"],
  ["fan-out", "needs: [buildx-plan:matrix]", "needs: [buildx-plan:matrx]"],
  ["fan-out", "$[[ inputs.file ]]", "$[[ inputs.fil ]]"],
])("what is wrong in a component is refused: %s, %j", async (name, right, wrong) => {
  const gitlab = await withComponent(name);
  const path = join(gitlab.rig.directory, "templates", `${name}.yml`);
  const text = await readFile(path, "utf8");
  expect(text).toContain(right);
  await gitlab.rig.write({ [`templates/${name}.yml`]: text.replace(right, wrong) });
  const ran = await gitlab.run(GITLAB_EVENTS.push, { argv: ["--list"] });
  expect(ran.exitCode).not.toBe(0);
});
