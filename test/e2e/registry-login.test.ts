import { chmod, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { execa } from "execa";
import { beforeAll, expect, inject, test } from "vitest";
import { startRealRegistry, type RealRegistry } from "../support/real-registry.ts";
import { openRig, type Environment, type Ran, type Rig } from "../support/rig.ts";
import { testTool } from "../support/tools.ts";

// `htpasswd -nbBC 5 ada test-password`
const HTPASSWD = "ada:$2b$05$q4K4KNa0Ib3TgFqmWHo7uOv2YRjB2LuLsGc2zcfdFg9cXKSvYU0be\n";
const PASSWORD = "test-password";
const WRONG = "not-the-password";

let registry: RealRegistry;
beforeAll(async () => {
  registry = await startRealRegistry({ htpasswd: HTPASSWD });
  return () => registry.close();
});

async function project(path: string): Promise<Rig> {
  const platform = process.arch === "arm64" ? "linux/arm64" : "linux/amd64";
  return await openRig({
    Dockerfile: "FROM scratch\nCOPY file /file\n",
    file: path,
    "buildx-plan.yaml": `version: 1\nimages:\n  app:\n    platforms: [${platform}]\n    tags: ["${registry.host}/${path}:1"]\n`,
  });
}

/** The environment of a user who has this Docker configuration. */
async function withConfig(rig: Rig, config: object): Promise<Environment> {
  const folder = join(rig.directory, "docker");
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, "config.json"), JSON.stringify(config));
  return { DOCKER_CONFIG: folder };
}

function base64(text: string): string {
  return Buffer.from(text).toString("base64");
}

function login(password: string): object {
  return { auths: { [registry.host]: { auth: base64(`ada:${password}`) } } };
}

/** Neither a password nor anything that it can be read from. */
function secretsIn({ stdout, stderr }: Ran): string[] {
  const secrets = [PASSWORD, WRONG].flatMap((password) => [
    password,
    base64(password),
    base64(`ada:${password}`),
  ]);
  return secrets.filter((secret) => `${stdout}${stderr}`.includes(secret));
}

function build(rig: Rig, env: Environment): Promise<Ran> {
  // What BuildKit meets is told here; what preflight tells of the same is tested with `check`.
  return rig.run(["build", "--no-check", "--builder", inject("buildkit").address], env);
}

test.each([
  ["no login", {}],
  ["a wrong login", { password: WRONG }],
])(
  "with %s: the registry, what it said, and how to log in",
  async (_, { password }: { password?: string }) => {
    const rig = await project("refused");
    const env = await withConfig(rig, password === undefined ? {} : login(password));
    const built = await build(rig, env);
    expect(built.exitCode).toBe(3);
    expect(secretsIn(built)).toEqual([]);
    expect(built.stdout).toBe("");
    expect(built.stderr).toContain(`built, but not pushed to ${registry.host}`);
    expect(built.stderr).toContain("401");
    expect(built.stderr).toContain(`docker login ${registry.host}`);
  },
);

test("reading without a login, and with a wrong one: where it came from is said, not what it is", async () => {
  const rig = await project("unread");
  const argv = ["inspect", `${registry.host}/unread:1`];
  const without = await rig.run(argv, await withConfig(rig, {}));
  const wrong = await rig.run(argv, await withConfig(rig, login(WRONG)));
  for (const ran of [without, wrong]) {
    expect(ran.exitCode).toBe(3);
    expect(ran.stderr).toContain(`reading ${registry.host}/unread:1 was refused`);
    expect(ran.stderr).toContain(`GET http://${registry.host}/v2/unread/manifests/1`);
    expect(ran.stderr).toMatch(/status 401\n {2}UNAUTHORIZED: /);
    expect(secretsIn(ran)).toEqual([]);
  }
  expect(without.stderr).not.toContain("with the credentials");
  expect(wrong.stderr).toContain(`with the credentials from ${join(rig.directory, "docker/config.json")}`);
});

/** Stands for a keychain: the Docker configuration names it, the PATH has it. */
async function addHelper(rig: Rig): Promise<Environment> {
  const helper = join(rig.directory, "bin", "docker-credential-rig");
  const answer = JSON.stringify({ ServerURL: registry.host, Username: "ada", Secret: PASSWORD });
  await rig.write({ "bin/docker-credential-rig": `#!/bin/sh\ncat > /dev/null\necho '${answer}'\n` });
  await chmod(helper, 0o755);
  const config = await withConfig(rig, { credHelpers: { [registry.host]: "rig" } });
  return { ...config, PATH: `${join(rig.directory, "bin")}:${process.env["PATH"]}` };
}

test.each([
  ["Docker's configuration", (rig: Rig) => withConfig(rig, login(PASSWORD))],
  ["a credential helper", addHelper],
])(
  "a login from %s: everything is pushed, tagged and read, and nobody sees it",
  async (from, environment) => {
    const path = `logged-in/${from.length}`;
    const rig = await project(path);
    const env = await environment(rig);
    const built = await build(rig, env);
    expect(built.exitCode).toBe(0);
    const inspected = await rig.run(["inspect", `${registry.host}/${path}:1`, "--json"], env);
    expect(inspected.exitCode).toBe(0);
    expect([built, inspected].flatMap(secretsIn)).toEqual([]);
    const { stdout: digest } = await execa(
      await testTool("crane"),
      ["digest", "--insecure", `${registry.host}/${path}:1`],
      { env: await withConfig(rig, login(PASSWORD)) },
    );
    expect(built.stdout).toBe(`${registry.host}/${path}:1@${digest}\n`);
    expect(JSON.parse(inspected.stdout).digest).toBe(digest);
  },
);
