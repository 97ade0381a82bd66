import { chmod, mkdir, readFile, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { execa } from "execa";
import { describe, expect, inject, onTestFinished, test } from "vitest";
import { parse } from "yaml";
import { startRealRegistry } from "../support/real-registry.ts";
import { openRig, ROOT, type Environment, type Rig } from "../support/rig.ts";
import { testTool } from "../support/tools.ts";

const HCL = `
variable "TAG" { default = "dev" }
group "default" { targets = ["app", "tools"] }
target "base" { context = "base" }
target "app" {
  name     = "app-\${item}"
  matrix   = { item = ["one", "two"] }
  contexts = { base = "target:base" }
  args     = { ITEM = item, PRICE = "$5" }
  platforms = ["linux/amd64", "linux/arm64"]
  tags     = ["registry.example/team/app-\${item}:\${TAG}"]
  cache-to = ["type=registry,ref=registry.example/cache:\${item},mode=max"]
  secret   = ["id=npm,env=NPM_TOKEN"]
  attest   = ["type=provenance,mode=max", "type=sbom"]
  output   = ["type=registry"]
  network  = "host"
}
target "tools" {
  tags = ["tools"]
}
`;

const PLAN = `version: 1
runners: { linux/arm64: ubuntu-24.04-arm, "*": ubuntu-24.04 }
images:
  app:
    platforms: [linux/amd64, linux/arm64, linux/riscv64]
    tags: [ghcr.io/you/app:1, you/app:1]
`;

const BUILD = "FROM scratch\nCOPY Dockerfile /\n";

/** A PATH with the real buildx alone, as Docker's plugin or by its own name. */
async function withBuildx(rig: Rig, name: "docker" | "buildx"): Promise<Environment> {
  const bin = `${rig.directory}.state/bin`;
  await mkdir(bin, { recursive: true });
  const shift = name === "docker" ? "shift\n" : "";
  await writeFile(join(bin, name), `#!/bin/sh\n${shift}exec ${await testTool("buildx")} "$@"\n`);
  await chmod(join(bin, name), 0o755);
  return { PATH: bin, TAG: "from-the-environment", NPM_TOKEN: "hunter2" };
}

async function textOf(rig: Rig, path: string): Promise<string> {
  return await readFile(join(rig.directory, path), "utf8");
}

describe("a bake file", () => {
  test.each(["docker", "buildx"] as const)("is read by the real buildx, found as %s", async (name) => {
    const rig = await openRig({ "docker-bake.hcl": HCL, Dockerfile: BUILD, "base/Dockerfile": BUILD });
    const ran = await rig.run(["init"], await withBuildx(rig, name));
    const line = `${name === "docker" ? "docker buildx" : "buildx"} bake --print -f docker-bake.hcl`;
    expect(ran).toMatchObject({ exitCode: 0, stdout: "buildx-plan.yaml\n" });
    expect(ran.stderr).toContain(`asking: ${line}\n`);
    // What the environment holds is no part of a plan that others get.
    const text = await textOf(rig, "buildx-plan.yaml");
    expect(text).not.toMatch(/from-the-environment|hunter2/);
    expect(text).toMatchSnapshot("plan of a bake file");
  });

  test("without a default target all are asked for", async () => {
    const rig = await openRig({
      "docker-bake.hcl": 'target "web" {\n  tags = ["you/web:1"]\n}\n',
      Dockerfile: BUILD,
    });
    const ran = await rig.run(["init", "--dry-run"], await withBuildx(rig, "docker"));
    expect(ran.exitCode).toBe(0);
    expect(ran.stderr).toContain("asking: docker buildx bake --print -f docker-bake.hcl '*'\n");
    expect(parse(ran.stdout)).toMatchObject({ images: { web: { tags: ["you/web:1"] } } });
  });

  test("that bake refuses is told, with what it said", async () => {
    const rig = await openRig({ "docker-bake.hcl": 'target "web" {\n  tags = nothing\n}\n' });
    const ran = await rig.run(["init", "--json"], await withBuildx(rig, "docker"));
    expect(ran.exitCode).toBe(2);
    expect(ran.stderr).toMatch(/cannot be used: bake refuses it: docker-bake\.hcl:2.*nothing/);
    expect(JSON.parse(ran.stdout)).toMatchObject({ ok: false, failures: [{ kind: "init-nothing-found" }] });
  });

  test("without buildx says what is missing, and the next source is taken", async () => {
    const rig = await openRig({ "docker-bake.hcl": HCL, Dockerfile: BUILD });
    const ran = await rig.run(["init"], { PATH: "/nowhere" });
    expect(ran.exitCode).toBe(0);
    expect(ran.stderr).toContain("docker buildx is not here, which alone can read it");
    expect(ran.stderr).toContain("found Dockerfile Dockerfile: the plan is made of its image");
  });
});

describe("what is there", () => {
  test("is never overwritten, unless that is asked for", async () => {
    const rig = await openRig({ Dockerfile: BUILD, "buildx-plan.yaml": "mine\n" });
    const refused = await rig.run(["init"]);
    expect(refused.exitCode).toBe(2);
    expect(refused.stderr).toContain("buildx-plan.yaml is there already");
    expect(await textOf(rig, "buildx-plan.yaml")).toBe("mine\n");
    expect((await rig.run(["init", "--force"])).exitCode).toBe(0);
    expect(await textOf(rig, "buildx-plan.yaml")).toContain("version: 1");
  });

  test("a link that leads out of the folder is not followed", async () => {
    const rig = await openRig({ Dockerfile: BUILD, "buildx-plan.yaml": PLAN });
    await mkdir(rig.state, { recursive: true });
    await symlink(rig.state, join(rig.directory, ".github"));
    const ran = await rig.run(["init", "--ci", "github", "--force"]);
    expect(ran.exitCode).toBe(2);
    expect(ran.stderr).toContain("a symbolic link leads out of the folder");
  });

  test("nothing of use: what a plan can be made of", async () => {
    const rig = await openRig({ "README.md": "x" });
    const ran = await rig.run(["init"]);
    expect(ran.exitCode).toBe(2);
    expect(ran.stderr).toContain("there is nothing in ");
    expect(ran.stderr).toContain("a Compose file with `build`, or a Dockerfile");
  });
});

test("a plan that was proposed is built, and one that has nothing but a Dockerfile takes two commands", async () => {
  const rig = await openRig({ "hello.Dockerfile": BUILD.replace("Dockerfile", "hello.Dockerfile") });
  const json = await rig.run(["init", "--json"]);
  expect(JSON.parse(json.stdout)).toMatchObject({
    ok: true,
    path: "buildx-plan.yaml",
    source: "dockerfile",
    open: [{ name: "registry" }],
  });
  const registry = await startRealRegistry();
  onTestFinished(() => registry.close());
  const { host } = registry;
  const built = await rig.build("--set", `registry=${host}/init`, "--set", "release=v1");
  expect(built).toMatchObject({ exitCode: 0 });
  const shown = await rig.run(["inspect", `${host}/init/hello:v1`, "--platforms"]);
  expect(shown.stdout).toMatch(/linux\/amd64[^]*linux\/arm64/);
});

test("the README's line for a laptop releases what a Dockerfile makes", async () => {
  const registry = await startRealRegistry();
  onTestFinished(() => registry.close());
  const rig = await openRig({ Dockerfile: BUILD });
  const readme = await readFile(join(ROOT, "README.md"), "utf8");
  const [, line = ""] = /^On a laptop:\n\n```console\n\$ (.*)$/m.exec(readme) ?? [];
  const commands = line.replace("ghcr.io/you", `${registry.host}/you`).split(" && ");
  expect(commands).toHaveLength(3);
  let released = "";
  for (const command of commands) {
    const [npx, name, ...argv] = command.split(" ");
    expect([npx, name]).toEqual(["npx", "buildx-plan"]);
    const env = { BUILDKIT_HOST: inject("buildkit").address };
    const ran = await rig.run(argv, env);
    expect(ran).toMatchObject({ exitCode: 0 });
    released = ran.stdout.split("\n")[0] ?? "";
  }
  expect(released).toContain(`${registry.host}/you/`);
  const shown = await rig.run(["inspect", released, "--platforms"]);
  expect(shown.stdout).toMatch(/linux\/amd64[^]*linux\/arm64/);
});

describe("a pipeline", () => {
  test.each([[[]], [["--fan-out"]]])("for GitHub satisfies actionlint %j", async (options) => {
    const rig = await openRig({ Dockerfile: BUILD, "buildx-plan.yaml": PLAN });
    const ran = await rig.run(["init", "--ci", "github", ...options], { PATH: "/nowhere" });
    expect(ran).toMatchObject({ exitCode: 0, stdout: ".github/workflows/release.yml\n" });
    expect(ran.stderr).toContain("to set: secret DOCKERHUB_TOKEN");
    const path = join(rig.directory, ".github/workflows/release.yml");
    const lint = await execa(await testTool("actionlint"), ["-shellcheck=", "-pyflakes=", path], {
      reject: false,
    });
    expect(lint.stdout).toBe("");
    expect(lint.exitCode).toBe(0);
    expect((await rig.run(["init", "--ci", "github", ...options])).exitCode).toBe(2);
  });

  test("actionlint sees what is wrong", async () => {
    const rig = await openRig({ Dockerfile: BUILD, "buildx-plan.yaml": PLAN });
    const { stdout } = await rig.run(["init", "--ci", "github", "--fan-out", "--dry-run"]);
    const wrong = stdout.replace("needs.plan.outputs.matrix", "needs.plan.outputs.matrx");
    const lint = await execa(await testTool("actionlint"), ["-"], { input: wrong, reject: false });
    expect(lint.stdout).toContain("matrx");
  });

  test("for GitHub releases pushes to the default branch of the repository, and says how that is known", async () => {
    const rig = await openRig({ Dockerfile: BUILD, "buildx-plan.yaml": PLAN });
    const git = async (...argv: string[]) =>
      await execa("git", ["-c", "user.name=a", "-c", "user.email=a@b", ...argv], { cwd: rig.directory });
    const branchOf = async (): Promise<readonly unknown[]> => {
      const ran = await rig.run(["init", "--ci", "github", "--dry-run"]);
      const told = ran.stderr.split("\n").find((line) => line.startsWith("pushes to "));
      return [parse(ran.stdout).on.push.branches, told];
    };
    expect(await branchOf()).toEqual([["main"], expect.stringMatching(/^pushes to main are .*a guess/)]);
    await git("init", "--quiet", "--initial-branch=trunk");
    await git("commit", "--quiet", "--allow-empty", "--message=x");
    expect(await branchOf()).toEqual([["trunk"], expect.stringMatching(/^pushes to trunk .*checked out/)]);
    await git("update-ref", "refs/remotes/origin/devel", "HEAD");
    await git("symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/devel");
    expect(await branchOf()).toEqual([["devel"], expect.stringMatching(/^pushes to devel .*of origin/)]);
  });

  test("for GitLab logs in with a file that every tool reads", async () => {
    const rig = await openRig({ Dockerfile: BUILD, "buildx-plan.yaml": PLAN });
    const ran = await rig.run(["init", "--ci", "gitlab", "--fan-out"]);
    expect(ran).toMatchObject({ exitCode: 0, stdout: ".gitlab/buildx-plan.yml\n" });
    const file = parse(await textOf(rig, ".gitlab/buildx-plan.yml"));
    const script: readonly string[] = file[".buildx-plan:login"].before_script;
    const env = {
      HOME: rig.directory,
      GHCR_IO_USERNAME: "me",
      GHCR_IO_PASSWORD: 'p"a$s:1',
      DOCKERHUB_USERNAME: "you",
      DOCKERHUB_TOKEN: "t",
    };
    await execa("sh", ["-ec", script.join("\n")], { env });
    const { auths } = JSON.parse(await textOf(rig, ".docker/config.json"));
    const decoded = Object.entries<{ auth: string }>(auths).map(([key, { auth }]) => [
      key,
      Buffer.from(auth, "base64").toString(),
    ]);
    expect(decoded).toEqual([
      ["ghcr.io", 'me:p"a$s:1'],
      ["https://index.docker.io/v1/", "you:t"],
    ]);
  });
});

describe("matrix", () => {
  test("asks neither a builder nor a registry, and needs no tool", async () => {
    const rig = await openRig({ Dockerfile: BUILD, "buildx-plan.yaml": PLAN });
    const nothing = { PATH: "/nowhere", BUILDKIT_HOST: "tcp://127.0.0.1:9" };
    const json = await rig.run(["matrix"], nothing);
    expect(JSON.parse(json.stdout)).toEqual({
      schemaVersion: 1,
      ok: true,
      jobs: [
        { platform: "linux/amd64", runner: ["ubuntu-24.04"], images: ["app"], emulated: true },
        { platform: "linux/arm64", runner: ["ubuntu-24.04-arm"], images: ["app"], emulated: false },
        { platform: "linux/riscv64", runner: ["ubuntu-24.04"], images: ["app"], emulated: true },
      ],
    });
    const github = await rig.run(["matrix", "--format", "github"], nothing);
    expect(github.stdout).toMatch(/^\{"include":\[[^\n]*\n$/);
  });

  test("a value that is secret is not written down, and that is told", async () => {
    const secret = `${PLAN}    secrets: [{ id: t, var: token }]\n`.replace(
      "runners:",
      "vars: { token: { env: TOKEN, secret: true } }\nrunners:",
    );
    const rig = await openRig({ Dockerfile: BUILD, "buildx-plan.yaml": secret });
    for (const format of ["gitlab", "buildkite"]) {
      const ran = await rig.run(["matrix", "--format", format, "--set", "token=hunter2"]);
      expect(ran.exitCode).toBe(0);
      expect(ran.stdout).not.toContain("hunter2");
      expect(ran.stderr).toContain("--set token is secret and not written down");
    }
  });

  test("needs no secret, and neither does a pipeline that init writes", async () => {
    const secret = `${PLAN}    secrets: [{ id: t, var: token }]\n`.replace(
      "runners:",
      "vars: { token: { env: NOT_SET_HERE, secret: true, required: true } }\nrunners:",
    );
    const rig = await openRig({ Dockerfile: BUILD, "buildx-plan.yaml": secret });
    expect((await rig.run(["matrix"])).exitCode).toBe(0);
    const written = await rig.run(["init", "--ci", "github", "--dry-run"]);
    expect(written.stdout).toContain("NOT_SET_HERE: ${{ secrets.NOT_SET_HERE }}");
    expect((await rig.run(["plan"])).stderr).toContain("the environment variable NOT_SET_HERE is not set");
  });

  test("a plan that is wrong is said as everywhere", async () => {
    const rig = await openRig({ "buildx-plan.yaml": PLAN });
    const ran = await rig.run(["matrix"]);
    expect(ran.exitCode).toBe(2);
    expect(JSON.parse(ran.stdout)).toMatchObject({ ok: false, failures: [{ kind: "plan-invalid" }] });
  });
});
