import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { execa } from "execa";
import { beforeAll, expect, inject, test } from "vitest";
import { openAuditor } from "../support/fault-matrix-audit.ts";
import { startRealRegistry, type RealRegistry } from "../support/real-registry.ts";
import { addBusybox, openRig, ROOT, type Rig } from "../support/rig.ts";
import { testTool } from "../support/tools.ts";

// The action's one file, as a runner starts it: inputs and command files by the environment, no arguments.

let registry: RealRegistry;
beforeAll(async () => {
  registry = await startRealRegistry();
  return () => registry.close();
});

const DOCKERFILE = `FROM scratch
ARG TARGETARCH
COPY --from=busybox \${TARGETARCH}/busybox /bin/busybox
RUN ["/bin/busybox", "sh", "-c", "/bin/busybox uname -m > /machine"]
`;

async function project(name: string): Promise<Rig> {
  const plan = `version: 1
images:
  app:
    contexts: { busybox: ./busybox }
    source-date-epoch: 1700000000
    attest: { provenance: false }
    output: ["type=image,rewrite-timestamp=true"]
    platforms: [linux/amd64, linux/arm64, linux/s390x]
    tags: ["${registry.host}/${name}:1"]
`;
  const rig = await openRig({ Dockerfile: DOCKERFILE, ".dockerignore": "*", "buildx-plan.yaml": plan });
  await addBusybox(rig);
  return rig;
}

/** One step of a job, on a runner that has nothing of what other jobs had. */
async function step(rig: Rig, job: string, inputs: Readonly<Record<string, string>>) {
  const runner = join(rig.state, job);
  const file = (name: string): string => join(runner, name);
  await mkdir(runner, { recursive: true });
  for (const name of ["output", "summary"]) await writeFile(file(name), "");
  const given = Object.entries({ push: "true", ...inputs }).map(
    ([name, value]) => [`INPUT_${name.toUpperCase()}`, value] as const,
  );
  const ran = await execa(process.execPath, [join(ROOT, "action", "index.cjs")], {
    cwd: rig.directory,
    reject: false,
    env: {
      ...Object.fromEntries(given),
      GITHUB_ACTIONS: "true",
      CI: "true",
      GITHUB_EVENT_NAME: "push",
      GITHUB_REF: "refs/heads/main",
      GITHUB_SHA: "0".repeat(40),
      GITHUB_REPOSITORY: "team/app",
      GITHUB_SERVER_URL: "https://github.example",
      GITHUB_RUN_ID: "1",
      GITHUB_RUN_ATTEMPT: "1",
      GITHUB_WORKSPACE: rig.directory,
      GITHUB_OUTPUT: file("output"),
      GITHUB_STEP_SUMMARY: file("summary"),
      RUNNER_TEMP: runner,
      XDG_STATE_HOME: file("state"),
    },
  });
  return {
    exitCode: ran.exitCode,
    stdout: ran.stdout,
    stderr: ran.stderr,
    output: await readFile(file("output"), "utf8"),
    summary: await readFile(file("summary"), "utf8"),
    runner,
  };
}

const digestOf = async (name: string): Promise<string | undefined> =>
  await openAuditor(registry.host).digestOf(name, "1");

test("one job builds and releases, and hands digest and tags to later steps", async () => {
  const rig = await project("action/one");
  const ran = await step(rig, "one", { builder: inject("buildkit").address });
  expect(ran.exitCode).toBe(0);
  const digest = await digestOf("action/one");
  expect(digest).toMatch(/^sha256:/);
  expect(ran.output).toContain(digest);
  expect(ran.output).toContain(`${registry.host}/action/one:1`);
  expect(ran.summary).toContain("linux/s390x");
});

test("a job for each platform and one that joins them make the index that one job makes, byte for byte", async () => {
  const whole = await project("action/whole");
  await step(whole, "whole", { builder: inject("buildkit").address });
  const rig = await project("action/fan");
  const parts = ["linux/amd64", "linux/arm64", "linux/s390x"].map((only, at) =>
    step(rig, `part-${at}`, { builder: inject("buildkit").address, only }),
  );
  expect((await Promise.all(parts)).map(({ exitCode }) => exitCode)).toEqual([0, 0, 0]);
  expect(await digestOf("action/fan")).toBeUndefined();
  const joined = await step(rig, "join", { command: "stitch" });
  expect(joined.exitCode).toBe(0);
  expect(await digestOf("action/fan")).toBe(await digestOf("action/whole"));
  expect(joined.output).toContain(await digestOf("action/whole"));
});

test("a pull request builds everything and pushes nothing, without any login", async () => {
  const rig = await project("action/pull");
  const ran = await step(rig, "pull", { builder: inject("buildkit").address, push: "false" });
  expect(ran.exitCode).toBe(0);
  expect(await digestOf("action/pull")).toBeUndefined();
  const layout = `oci-layout://${join(ran.runner, "buildx-plan.tar")}`;
  const shown = await rig.run(["inspect", layout, "--platforms"]);
  expect(shown.stdout).toContain("linux/s390x");
});

test("an input that cannot be meant ends the step before anything is done", async () => {
  const rig = await project("action/wrong");
  const ran = await step(rig, "wrong", { command: "bulid" });
  expect(ran.exitCode).toBe(2);
  expect(ran.stderr).toContain(
    "the input `command` of this step cannot be meant: `bulid` is none of build, stitch",
  );
});

test("variables for the plan are masked before all else, and neither shown nor left where others find them", async () => {
  const rig = await project("action/env");
  const secret = "    secrets: [{ id: npm, var: token }]\n    platforms:";
  const text = await readFile(join(rig.directory, "buildx-plan.yaml"), "utf8");
  await rig.write({
    "buildx-plan.yaml": text
      .replace("images:", "vars: { token: { env: NPM_TOKEN, secret: true } }\nimages:")
      .replace("    platforms:", secret),
    Dockerfile: `${DOCKERFILE}RUN --mount=type=secret,id=npm ["/bin/busybox", "sh", "-c", "/bin/busybox cat /run/secrets/npm"]\n`,
  });
  const inputs = { builder: inject("buildkit").address, push: "false", args: "--progress=plain" };
  const ran = await step(rig, "env", { ...inputs, env: "NPM_TOKEN=correct-horse-battery\n" });
  expect(ran.exitCode).toBe(0);
  const [first, ...others] = ran.stdout.split("\n");
  expect(first).toBe("::add-mask::correct-horse-battery");
  expect([...others, ran.stderr, ran.output, ran.summary].join("")).not.toContain("correct-horse-battery");
  const without = await step(rig, "none", inputs);
  expect(without.stderr).toContain("the environment variable NPM_TOKEN is not set");
  const wrong = await step(rig, "typo", { ...inputs, env: "correct-horse-battery" });
  expect(wrong.exitCode).toBe(2);
  expect(wrong.stderr).toContain(
    "the input `env` of this step cannot be meant: line 1 is neither NAME=value",
  );
  expect(wrong.stderr).not.toContain("correct-horse-battery");
});

test("matrix gives later jobs what each platform needs", async () => {
  const rig = await project("action/matrix");
  const ran = await step(rig, "matrix", { command: "matrix", args: "--format=github" });
  expect(ran.exitCode).toBe(0);
  const [, value = ""] = /^matrix<<(?:.*)\n(.*)\n/m.exec(ran.output) ?? [];
  const { include } = JSON.parse(value);
  expect(include.map(({ platform }: { readonly platform: string }) => platform)).toEqual([
    "linux/amd64",
    "linux/arm64",
    "linux/s390x",
  ]);
});

/** The action, as far as a linter looks at it. */
async function actionFiles(): Promise<Readonly<Record<string, string>>> {
  return { "action.yml": await readFile(join(ROOT, "action.yml"), "utf8"), "action/index.cjs": "" };
}

test.each(["release.yml", "fan-out.yml"])("the reusable workflow %s is valid", async (file) => {
  const rig = await openRig();
  await execa("git", ["init", "-q"], { cwd: rig.directory });
  // The action of this checkout stands for the released one, so that its inputs and outputs are looked at, too.
  const text = await readFile(join(ROOT, ".github", "workflows", file), "utf8");
  await rig.write({
    ...(await actionFiles()),
    [`.github/workflows/${file}`]: text.replaceAll("buildx-plan/buildx-plan@v1", "./"),
  });
  const lint = await execa(await testTool("actionlint"), ["-no-color"], {
    cwd: rig.directory,
    reject: false,
  });
  expect(lint.stdout).toBe("");
  expect(lint.exitCode).toBe(0);
});

test("a workflow with the action's inputs is valid, and one with others is not", async () => {
  const workflow = (inputs: string): string => `on: push
jobs:
  release:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v6
      - id: release
        uses: ./
        with: { ${inputs} }
      - run: echo "$DIGEST"
        env: { DIGEST: "\${{ steps.release.outputs.digest }}" }
`;
  const rig = await openRig(await actionFiles());
  await execa("git", ["init", "-q"], { cwd: rig.directory });
  const actionlint = await testTool("actionlint");
  const lint = async (inputs: string) => {
    await rig.write({ ".github/workflows/release.yml": workflow(inputs) });
    return await execa(actionlint, ["-no-color"], { cwd: rig.directory, reject: false });
  };
  expect(await lint('command: build, only: linux/arm64, push: "false"')).toMatchObject({ exitCode: 0 });
  const wrong = await lint("platform: linux/arm64");
  expect(wrong.exitCode).toBe(1);
  expect(wrong.stdout).toContain('input "platform" is not defined in action "buildx-plan"');
});
