import { existsSync } from "node:fs";
import { mkdtemp, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { beforeAll, describe, expect, inject, onTestFinished, test } from "vitest";
import { findTool } from "../../core/host/tools.ts";
import { readRaw } from "../support/real-graphs.ts";
import { startRealRegistry, type RealRegistry } from "../support/real-registry.ts";
import { addBusybox, openRig, type Environment, type Ran, type Rig } from "../support/rig.ts";
import { testTool } from "../support/tools.ts";

const [HOST, FOREIGN] =
  process.arch === "arm64" ? ["linux/arm64", "linux/amd64"] : ["linux/amd64", "linux/arm64"];
const PASSWORD = "correct horse battery";
const DOCKERFILE = `FROM scratch
ARG TARGETARCH
COPY busybox/\${TARGETARCH}/busybox /busybox
ENTRYPOINT ["/busybox"]
`;

let registry: RealRegistry;
beforeAll(async () => {
  registry = await startRealRegistry();
  return () => registry.close();
});

/** A project of two platforms, with these settings of its image. */
async function project(path: string, more: string): Promise<Rig> {
  const rig = await openRig({
    Dockerfile: DOCKERFILE,
    "buildx-plan.yaml": `version: 1
images:
  app:
    platforms: [${HOST}, ${FOREIGN}]
    tags: ["${registry.host}/${path}:1"]
${more}`,
  });
  await addBusybox(rig);
  return rig;
}

async function tagOf(path: string): Promise<string | undefined> {
  return await readRaw({ registry: registry.host, path }, "1");
}

function build(rig: Rig, env: Environment = {}, ...argv: string[]): Promise<Ran> {
  return rig.run(["build", "--builder", inject("buildkit").address, ...argv], env);
}

describe("test", () => {
  test("tags move when every variant passes, natively and emulated", async () => {
    const rig = await project("passes", '    test: ["/busybox", "echo", "works"]\n');
    const ran = await build(rig);
    expect(ran).toMatchObject({ exitCode: 0 });
    expect(await tagOf("passes")).toBeDefined();
  });

  test("no tag moves when one fails, and it is told what was run, where, and what it printed", async () => {
    const command = `["/busybox", "sh", "-c", "/busybox uname -m; exit 3"]`;
    const rig = await project("fails", `    test: { command: ${command}, output: x86_64 }\n`);
    const ran = await build(rig);
    expect(ran.exitCode).toBe(4);
    expect(await tagOf("fails")).toBeUndefined();
    expect(ran.stderr).toContain(`app ${FOREIGN}: its test ended with exit code 3\n`);
    expect(ran.stderr).toContain("Not released: no tag was moved.");
    expect(ran.stderr).toContain("command: /busybox sh -c '/busybox uname -m; exit 3'");
    expect(ran.stderr).toContain(", emulated");
    expect(ran.stderr).toContain("expected: exit code 0, and this text in its output: x86_64");
    expect(ran.stderr).toMatch(/\| (?:aarch64|x86_64)$/m);
  });

  test("a layout is not made when a test fails", async () => {
    const rig = await project("layout", '    test: ["/busybox", "false"]\n');
    const failed = await build(rig, {}, "--output", "type=oci,dest=app.tar");
    expect(failed.exitCode).toBe(4);
    expect(existsSync(join(rig.directory, "app.tar"))).toBe(false);
    await rig.write({ "buildx-plan.yaml": await passing(rig) });
    expect(await build(rig, {}, "--output", "type=oci,dest=app.tar")).toMatchObject({ exitCode: 0 });
    expect(existsSync(join(rig.directory, "app.tar"))).toBe(true);
  });

  async function passing(rig: Rig): Promise<string> {
    const { stdout } = await execa("cat", [join(rig.directory, "buildx-plan.yaml")]);
    return `${stdout.replace('"false"', '"true"')}\n`;
  }
});

describe("sign", () => {
  const SIGN = "    sign: { key: cosign.key, password-env: KEY_PASSWORD, transparency-log: false }\n";

  /** A project with a key of its own; without logins or caches of whoever runs the tests. */
  async function signed(
    path: string,
    more = SIGN,
  ): Promise<{ readonly rig: Rig; readonly env: Environment }> {
    const rig = await project(path, more);
    await execa(await testTool("cosign"), ["generate-key-pair"], {
      cwd: rig.directory,
      env: { COSIGN_PASSWORD: PASSWORD },
    });
    return { rig, env: { KEY_PASSWORD: PASSWORD, TUF_ROOT: join(rig.directory, "tuf") } };
  }

  async function verify(rig: Rig, reference: string): Promise<number | undefined> {
    const argv = ["verify", "--key=cosign.pub", "--insecure-ignore-tlog=true", reference];
    const { exitCode } = await execa(await testTool("cosign"), argv, { cwd: rig.directory, reject: false });
    return exitCode;
  }

  test("what the tag names is signed, and so is each image below it", async () => {
    const { rig, env } = await signed("signed");
    const ran = await build(rig, env);
    expect(ran.exitCode).toBe(0);
    // What it tells people may have to be acted on.
    expect(ran.stderr).toMatch(/^\[app\] cosign \| \S/m);
    const index = JSON.parse((await tagOf("signed")) ?? "{}");
    const images = index.manifests.filter(
      ({ platform }: { platform: { os: string } }) => platform.os === "linux",
    );
    const name = `${registry.host}/signed`;
    const references = [`${name}:1`, ...images.map(({ digest }: { digest: string }) => `${name}@${digest}`)];
    expect(references).toHaveLength(3);
    for (const reference of references) expect(await verify(rig, reference)).toBe(0);
  });

  test("no tag moves when cosign cannot sign, and the password is not shown", async () => {
    const { rig, env } = await signed("unsigned");
    const ran = await build(rig, { ...env, KEY_PASSWORD: "not-the-password" });
    expect(ran.exitCode).toBe(3);
    expect(ran.stderr).toContain("cosign could not sign");
    expect(ran.stderr).toContain("`sign.password-env` names the variable");
    expect(ran.stdout + ran.stderr).not.toContain("not-the-password");
    expect(await tagOf("unsigned")).toBeUndefined();
  });

  test("no tag moves when the signature does not hold", async () => {
    const { rig, env } = await signed("unverified", SIGN.replace("}", ", public-key: other.pub }"));
    const prefix = ["--output-key-prefix", "other"];
    await execa(await testTool("cosign"), ["generate-key-pair", ...prefix], {
      cwd: rig.directory,
      env: { COSIGN_PASSWORD: "" },
    });
    const ran = await build(rig, env);
    expect(ran.exitCode).toBe(4);
    expect(ran.stderr).toContain(`the signature in ${registry.host}/unverified does not hold`);
    expect(await tagOf("unverified")).toBeUndefined();
  });

  test.each([
    ["cosign", 5, "cosign was not found"],
    ["the password", 2, "the environment variable KEY_PASSWORD is not set"],
  ])("without %s, nothing is built", async (missing, exitCode, message) => {
    const { rig, env } = await signed("unready");
    const without =
      missing === "cosign"
        ? { ...env, PATH: await pathWithoutCosign() }
        : { ...env, KEY_PASSWORD: undefined };
    const ran = await build(rig, without);
    expect(ran.exitCode).toBe(exitCode);
    expect(ran.stderr).toContain(message);
    expect(ran.stderr).not.toContain("COPY busybox");
  });

  /** A PATH with nothing but what building needs. */
  async function pathWithoutCosign(): Promise<string> {
    const folder = await mkdtemp(join(tmpdir(), "path-"));
    onTestFinished(() => rm(folder, { recursive: true, force: true }));
    for (const tool of ["git", "buildctl"]) {
      const found = tool === "buildctl" ? inject("buildkit").buildctl : findTool(tool, process.env);
      if (found !== undefined) await symlink(found, join(folder, tool));
    }
    return folder;
  }
});
