import { chmod } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { expect, inject, onTestFinished, test } from "vitest";
import { recordBuildKit } from "../support/recorded-buildkit.ts";
import { openRig, type Ran, type Rig } from "../support/rig.ts";
import { testTool } from "../support/tools.ts";

/** The platform that BuildKit's machine runs itself, and one that it has to emulate. */
const NATIVE = process.arch === "arm64" ? "linux/arm64" : "linux/amd64";
const FOREIGN = "linux/s390x";

async function project(platforms: string, builders = ""): Promise<Rig> {
  const text = `version: 1\n${builders}images:\n  app:\n    platforms: ${platforms}\n    tags: ["127.0.0.1:9/app:1"]\n`;
  return await openRig({ Dockerfile: "FROM scratch\n", "buildx-plan.yaml": text });
}

/** All of this is said on stderr, by a program in good order. */
function expectWords(ran: Ran, ...parts: readonly (string | RegExp)[]): void {
  expect(ran.stderr).not.toMatch(/internal error/i);
  const missing = parts.filter((part) =>
    typeof part === "string" ? !ran.stderr.includes(part) : !part.test(ran.stderr),
  );
  expect({ missing, stderr: ran.stderr }).toMatchObject({ missing: [] });
}

/** What it takes to have no tool at all: neither on the PATH nor installed. */
function nothingInstalled(rig: Rig): Record<string, string> {
  return { PATH: join(rig.directory, "empty"), XDG_CACHE_HOME: join(rig.directory, "cache") };
}

test("no BuildKit: what it is needed for and the command that brings it", async () => {
  const rig = await project(`[${NATIVE}]`);
  const ran = await rig.run(["build", "--json"], nothingInstalled(rig));
  expect(ran.exitCode).toBe(5);
  expectWords(ran, "buildctl was not found", "needed for: talking to BuildKit", "hint: buildx-plan setup");
  expect(JSON.parse(ran.stdout)).toMatchObject({
    ok: false,
    failures: [{ kind: "tool-missing", tool: "buildctl" }],
  });
});

test("setup without any source: each one with its reason", async () => {
  const rig = await openRig();
  // A proxy that does not answer stands for a machine without a network.
  const noNetwork = {
    NODE_USE_ENV_PROXY: "1",
    HTTPS_PROXY: "http://127.0.0.1:9",
    https_proxy: "http://127.0.0.1:9",
    NO_PROXY: undefined,
    no_proxy: undefined,
  };
  const ran = await rig.run(["setup", "--json"], { ...nothingInstalled(rig), ...noNetwork });
  expect(ran.exitCode).toBe(5);
  expectWords(
    ran,
    "error: buildkit could not be installed",
    "on the PATH: not on the PATH: buildctl, buildkitd",
    "installed before: not installed yet in ",
    /from the release archive: https:\/\/\S+: .*ECONNREFUSED 127\.0\.0\.1:9/,
    "built with Go: there is no go on the PATH",
    /hint: Mend one of these and run `buildx-plan setup` again/,
  );
  const [failure] = JSON.parse(ran.stdout).failures;
  expect(failure.attempts.map(({ source }: { source: string }) => source)).toEqual([
    "path",
    "installed",
    "archive",
    "go",
  ]);
});

test("platforms that no node takes: each with its place and every node, before anything is built", async () => {
  const buildkit = await recordBuildKit();
  const rig = await project(`[${NATIVE}, linux/mips64, linux/arm64/v9]`);
  const ran = await rig.run(["build", "--builder", inject("buildkit").address], { PATH: buildkit.folder });
  expect(ran.exitCode).toBe(5);
  expectWords(
    ran,
    "no node may build app linux/mips64\n  at buildx-plan.yaml:4:30\n",
    "no node may build app linux/arm64/v9\n  at buildx-plan.yaml:4:44\n",
    `${inject("buildkit").address}: does not build for linux/mips64, neither natively nor emulated`,
    "or install its emulator: `buildx-plan doctor` gives the command",
  );
  expect(ran.stdout).toBe("");
  const calls = await buildkit.calls();
  expect(calls.some((call) => call.includes("debug workers"))).toBe(true);
  expect(calls.filter((call) => / build( |$)/.test(call))).toEqual([]);
});

test("emulation that is forbidden or demanded: every node is named with what it would do", async () => {
  const { address } = inject("buildkit");
  const builders = `builders:\n  one: { buildkit: "${address}" }\n  two: { buildkit: "${address}", platforms: [linux/riscv64] }\n`;
  const rig = await project(
    `[{ platform: ${FOREIGN}, emulation: never }, { platform: linux/riscv64, emulation: only }]`,
    builders,
  );
  const ran = await rig.run(["build", "--json"]);
  expect(ran.exitCode).toBe(5);
  expectWords(
    ran,
    `one: would emulate ${FOREIGN}, which \`emulation: never\` forbids`,
    `two: would emulate ${FOREIGN}, which \`emulation: never\` forbids`,
    "hint: Set `emulation: allow`, or add a native node under `builders`.",
  );
  // One node emulates it, and that is enough: only the first variant is refused.
  expect(JSON.parse(ran.stdout).failures).toMatchObject([
    { kind: "route-refused", variant: `app ${FOREIGN}`, considered: [{ node: "one" }, { node: "two" }] },
  ]);
});

test("a native node where emulation is demanded is refused too", async () => {
  const rig = await project(`[{ platform: ${NATIVE}, emulation: only }]`);
  const ran = await rig.build();
  expect(ran.exitCode).toBe(5);
  expectWords(ran, `runs ${NATIVE} natively, which \`emulation: only\` forbids`, "emulation: allow");
});

test.each([
  ["unix:///nowhere/buildkitd.sock", "no such file or directory"],
  ["tcp://127.0.0.1:9", "connection refused"],
])("the builder %s is not there", async (address, reason) => {
  const rig = await project(`[${NATIVE}]`);
  const ran = await rig.run(["build", "--builder", address, "--json"]);
  expect(ran.exitCode).toBe(5);
  expectWords(ran, `builder ${address} does not answer`, `at ${address}`, reason, "hint: Check that it runs");
  expect(JSON.parse(ran.stdout).failures).toMatchObject([{ kind: "builder-unreachable", address }]);
});

test("one builder of two is not there: it is said, and the other one has its work", async () => {
  const builders = `builders:\n  here: { buildkit: "${inject("buildkit").address}" }\n  gone: { buildkit: "tcp://127.0.0.1:9" }\n`;
  const rig = await project(`[${NATIVE}]`, builders);
  const ran = await rig.run(["plan"]);
  expect(ran.exitCode).toBe(0);
  expect(ran.stderr).toMatch(
    /^warning: node gone does not answer; the run goes on without it\n {2}at tcp:\/\/127\.0\.0\.1:9\n {2}.*connection refused.*\n$/,
  );
  expect(ran.stdout).toMatch(/here +native/);
});

test("neither builder of two is there: each of them is said, and nothing is built", async () => {
  const buildkit = await recordBuildKit();
  const builders = `builders:\n  one: { buildkit: "tcp://127.0.0.1:9" }\n  two: { buildkit: "tcp://127.0.0.1:9" }\n`;
  const rig = await project(`[${NATIVE}]`, builders);
  const ran = await rig.run(["build"], { PATH: buildkit.folder });
  expect(ran.exitCode).toBe(5);
  expectWords(ran, "builder one does not answer", "builder two does not answer");
  expect((await buildkit.calls()).filter((call) => / build( |$)/.test(call))).toEqual([]);
});

/** The address of a server that takes connections and says nothing. */
async function silentServer(): Promise<string> {
  const server = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  onTestFinished(() => void server.close());
  const address = server.address();
  return `tcp://127.0.0.1:${typeof address === "object" ? address?.port : ""}`;
}

test("a builder that takes the connection and says nothing has a deadline", async () => {
  const rig = await project(`[${NATIVE}]`);
  const ran = await rig.run(["build", "--builder", await silentServer()]);
  expect(ran.exitCode).toBe(5);
  expectWords(ran, "it gave no answer within 10 s");
});

test("an interruption while builders are asked ends everything: 130", async () => {
  const buildkit = await recordBuildKit();
  const rig = await project(`[${NATIVE}]`);
  const argv = ["build", "--builder", await silentServer(), "--json"];
  const running = rig.start(argv, { PATH: buildkit.folder });
  const calls = async (): Promise<string> => (await buildkit.calls()).join("\n");
  await expect.poll(calls, { timeout: 5_000 }).toContain("debug workers");
  running.kill("SIGTERM");
  const ran = await running.ended;
  expect(ran.exitCode).toBe(130);
  expect(ran.stderr).toContain("interrupted; nothing was built");
  expect(JSON.parse(ran.stdout).failures).toEqual([{ kind: "connect-cancelled" }]);
});

test("a buildx builder that there is not: those that there are", async () => {
  const rig = await project(`[${NATIVE}]`);
  const { folder } = await recordBuildKit();
  await rig.write({ "bin/docker": `#!/bin/sh\nshift\nexec ${await testTool("buildx")} "$@"\n` });
  await chmod(join(rig.directory, "bin/docker"), 0o755);
  const env = {
    PATH: `${join(rig.directory, "bin")}:${folder}`,
    BUILDX_CONFIG: join(rig.directory, "buildx"),
    DOCKER_HOST: "unix:///nowhere/docker.sock",
  };
  const ran = await rig.run(["build", "--builder", "nightly"], env);
  expect(ran.exitCode).toBe(5);
  expectWords(ran, "there is no builder named nightly", "known: default", "docker buildx create");
  const engine = await rig.run(["build", "--builder", "default"], env);
  expect(engine.exitCode).toBe(5);
  expectWords(engine, "builder default does not answer", "unix:///nowhere/docker.sock");
});

test("a buildx builder without Docker: what is missing and where to get it", async () => {
  const rig = await project(`[${NATIVE}]`);
  const { folder } = await recordBuildKit();
  const ran = await rig.run(["build", "--builder", "nightly"], { PATH: folder });
  expect(ran.exitCode).toBe(5);
  expectWords(ran, "docker buildx was not found", "docker is not on PATH", "https://docs.docker.com/");
});
