import { existsSync } from "node:fs";
import { chmod, symlink, writeFile } from "node:fs/promises";
import { connect, createServer } from "node:net";
import { dirname, join } from "node:path";
import { pipeline } from "node:stream/promises";
import { execa } from "execa";
import { expect, inject, onTestFinished, test } from "vitest";
import { BUILDKIT_VERSION } from "../../core/buildkit/pins.ts";
import { findTool } from "../../core/host/tools.ts";
import { becomeUser, type OtherUser } from "../support/other-user.ts";
import { startRealRegistry } from "../support/real-registry.ts";
import { testTool } from "../support/tools.ts";

const NATIVE = process.arch === "arm64" ? "arm64" : "amd64";
const NOBODY = 65_534;
/** In no list of accounts, as after `docker run --user 54321`. */
const NAMELESS = 54_321;

async function user(uid: number, tag: string): Promise<OtherUser> {
  const other = await becomeUser(uid);
  const installed = `cache/buildx-plan/bin/buildkit-v${BUILDKIT_VERSION.join(".")}-linux-${NATIVE}`;
  await other.give(dirname(inject("buildkit").buildctl), installed);
  await execa("chown", [String(uid), join(other.home, "cache"), join(other.home, "cache/buildx-plan")]);
  await execa("chown", [String(uid), join(other.home, "cache/buildx-plan/bin")]);
  await writeFile(join(other.home, "project/Dockerfile"), "FROM scratch\nCOPY Dockerfile /file\n");
  await writeFile(
    join(other.home, "project/buildx-plan.yaml"),
    `version: 1\nimages:\n  app:\n    platforms: [linux/${NATIVE}]\n    tags: ["${tag}"]\n`,
  );
  return other;
}

/** BuildKit's socket, as an administrator would open it for another user. */
async function openSocket(home: string): Promise<string> {
  const target = inject("buildkit").address.replace("unix://", "");
  const server = createServer((client) => {
    const daemon = connect(target);
    void Promise.allSettled([pipeline(client, daemon), pipeline(daemon, client)]);
  });
  const path = join(home, "buildkitd.sock");
  server.listen(path);
  await new Promise((resolve) => server.once("listening", resolve));
  onTestFinished(() => void server.close());
  await chmod(path, 0o777);
  return `unix://${path}`;
}

test.each([NOBODY, NAMELESS])("user %i needs no root with a BuildKit that may be used", async (uid) => {
  const registry = await startRealRegistry();
  onTestFinished(() => registry.close());
  const other = await user(uid, `${registry.host}/user:1`);
  const env = { XDG_CACHE_HOME: join(other.home, "cache"), BUILDKIT_HOST: await openSocket(other.home) };
  const ran = await other.run(["build"], env);
  expect(ran.stderr).not.toMatch(/internal error/i);
  expect(ran.exitCode).toBe(0);
  const { stdout: digest } = await execa(await testTool("crane"), [
    "digest",
    "--insecure",
    `${registry.host}/user:1`,
  ]);
  expect(ran.stdout).toBe(`${registry.host}/user:1@${digest}\n`);
});

test.each([NOBODY, NAMELESS])(
  "user %i is told what the managed BuildKit needs without root, and nothing is started",
  async (uid) => {
    const other = await user(uid, "127.0.0.1:9/app:1");
    const programs = join(other.home, "programs");
    await execa("mkdir", [programs]);
    await symlink(findTool("runc", process.env) ?? "", join(programs, "runc"));
    // Whatever this machine has of rootlesskit is not on it.
    const env = { XDG_CACHE_HOME: join(other.home, "cache"), PATH: programs };
    const ran = await other.run(["build", "--builder", "managed"], env);
    expect(ran.exitCode).toBe(5);
    expect(ran.stdout).toBe("");
    expect(ran.stderr).toContain("the managed BuildKit did not start");
    expect(ran.stderr).toContain("without root, BuildKit's daemon needs rootlesskit, newuidmap, newgidmap");
    expect(existsSync(join(other.home, "cache/buildx-plan/buildkit"))).toBe(false);
    expect(ran.stderr).toMatch(/hint: as root: .*rootlesskit/);
  },
);

test("a user without a home is told where to write", async () => {
  const other = await user(NAMELESS, "127.0.0.1:9/app:1");
  const ran = await other.run(["doctor"], { HOME: undefined, XDG_CACHE_HOME: undefined });
  expect(ran.stderr).toBe("");
  expect(ran.exitCode).toBe(5);
  expect(ran.stdout).toMatch(/^problem +cache +nothing can be written below \/.cache\/buildx-plan/m);
});
