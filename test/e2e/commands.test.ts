import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import { beforeAll, expect, inject, test } from "vitest";
import { startRealRegistry, type RealRegistry } from "../support/real-registry.ts";
import { BIN, openRig, ROOT, type Rig } from "../support/rig.ts";
import { testTool } from "../support/tools.ts";

const NATIVE = process.arch === "arm64" ? "linux/arm64" : "linux/amd64";

let registry: RealRegistry;
beforeAll(async () => {
  registry = await startRealRegistry();
  return () => registry.close();
});

function planText(): string {
  return `version: 1
vars: { release: dev }
images:
  app:
    matrix: { node: ["22", "24"] }
    platforms: [${NATIVE}, linux/s390x]
    tags: ["${registry.host}/app:\${release}-\${matrix.node}"]
  tool:
    platforms:
      - ${NATIVE}
      - { platform: linux/mips64, required: false }
      - linux/s390x
    tags: ["${registry.host}/tool:\${release}"]
`;
}

async function project(text = planText()): Promise<Rig> {
  return await openRig({ Dockerfile: "FROM scratch\nCOPY Dockerfile /file\n", "buildx-plan.yaml": text });
}

function onBuildKit(command: string, ...argv: readonly string[]): string[] {
  return [command, "--builder", inject("buildkit").address, ...argv];
}

test("plan: a table of every variant, its node and how it runs, and the tags", async () => {
  const rig = await project();
  const { exitCode, stdout } = await rig.run(onBuildKit("plan", "--image", "app"));
  const { address } = inject("buildkit");
  const rows = stdout.replaceAll(address, "ADDRESS");
  const row = (platform: string, runs: string): RegExp =>
    new RegExp(`^ {2}${platform} +ADDRESS +${runs}$`, "m");
  expect(exitCode).toBe(0);
  expect(stdout).toMatch(/^app\[node=22\]\n {2}VARIANT +NODE +RUNS$/m);
  expect(rows).toMatch(row(NATIVE, "native"));
  expect(rows).toMatch(row("linux/s390x", "emulated by qemu-s390x\\S*"));
  expect(stdout).toContain(`  tags  ${registry.host}/app:dev-24\n`);
  expect(stdout).toMatch(/^4 variants: 2 native, 2 emulated\nhow long it takes is not known yet$/m);
});

test("plan: an optional variant that no node takes is left out, and that is said", async () => {
  const rig = await project();
  const { exitCode, stdout, stderr } = await rig.run(onBuildKit("plan", "--image", "tool"));
  expect(exitCode).toBe(0);
  expect(stdout).not.toContain("mips64");
  expect(stderr).toContain("no node may build tool linux/mips64");
  expect(stderr).toContain("left out: the plan says `required: false`");
  const { stdout: json } = await rig.run(onBuildKit("plan", "--image", "tool", "--json"));
  const { leftOut, releases, makespanMs } = JSON.parse(json);
  expect(leftOut).toMatchObject([{ kind: "route-refused", variant: "tool linux/mips64" }]);
  const executions = releases[0].variants.map(({ id, execution }: Record<string, string>) => [id, execution]);
  expect(executions).toEqual([
    [`tool ${NATIVE}`, "native"],
    ["tool linux/mips64", undefined],
    ["tool linux/s390x", "emulated"],
  ]);
  const expected = releases[0].variants.map(({ expected }: Record<string, unknown>) => expected);
  expect(expected).toEqual([
    { startMs: 0, durationMs: 60_000, isKnown: false },
    undefined,
    { startMs: 0, durationMs: 300_000, isKnown: false },
  ]);
  expect(makespanMs).toBe(300_000);
});

test("plan: limits, needs, builders and what is taken over, as JSON", async () => {
  const address = JSON.stringify(inject("buildkit").address);
  const rig = await project(`version: 1
max-parallelism: 2
fail-fast: true
builders: { only: { buildkit: ${address} } }
images:
  app:
    contexts: { base: image:base }
    builders: [only]
    stall: 5m
    retries: 0
    reuse: unchanged
    unknown-inputs: ignore
    staging: false
    platforms: [${NATIVE}]
    tags: ["${registry.host}/app:1"]
  base:
    platforms: [${NATIVE}]
    tags: ["${registry.host}/base:1"]
`);
  const { stdout } = await rig.run(["plan", "--image", "app", "--json"]);
  const plan = JSON.parse(stdout);
  expect(plan).toMatchObject({ ok: true, maxParallelism: 2, failFast: true });
  const id = `base ${NATIVE}`;
  expect(plan.releases).toMatchObject([
    {
      name: "app",
      reuse: "unchanged",
      unknownInputs: "ignore",
      staging: false,
      variants: [
        {
          needs: [id],
          builders: ["only"],
          stallMs: 300_000,
          retries: 0,
          build: { contexts: { base: { kind: "variant", variant: id } } },
        },
      ],
    },
    { name: "base", reuse: "never", unknownInputs: "build", staging: true, variants: [{ id }] },
  ]);
  for (const key of ["needs", "builders", "stallMs", "retries"])
    expect(plan.releases[1].variants[0]).not.toHaveProperty(key);
});

test("plan: from standard input, with variables set and parts chosen, as JSON", async () => {
  const rig = await openRig({ Dockerfile: "FROM scratch\n" });
  const argv = [
    "-f",
    "-",
    "--set",
    "release=v2",
    "--image",
    "app[node=24]",
    "--only",
    "linux/s390x",
    "--json",
  ];
  const ran = await rig.run(onBuildKit("plan", ...argv), {}, planText());
  expect(ran.exitCode).toBe(0);
  const plan = JSON.parse(ran.stdout);
  expect(plan).toMatchObject({ schemaVersion: 1, ok: true, file: "<stdin>", warnings: [], leftOut: [] });
  expect(plan.nodes).toMatchObject([
    { name: inject("buildkit").address, native: expect.arrayContaining([NATIVE]) },
  ]);
  expect(plan.releases).toMatchObject([
    {
      name: "app[node=24]",
      matrix: { node: "24" },
      tags: [`${registry.host}/app:v2-24`],
      variants: [
        {
          id: "app[node=24] linux/s390x",
          platform: "linux/s390x",
          execution: "emulated",
          required: true,
          build: { dockerfile: join(rig.directory, "Dockerfile"), repositories: [`${registry.host}/app`] },
        },
      ],
    },
  ]);
});

test("doctor: all is well, on this machine and with this registry", async () => {
  const rig = await project(planText().replace(/ *- \{ platform: linux\/mips64.*\n/, ""));
  const ran = await rig.run(["doctor", "--json"]);
  const { ok, findings } = JSON.parse(ran.stdout);
  const problems = findings.filter(({ state }: { state: string }) => state === "problem");
  expect({ ok, problems, exitCode: ran.exitCode }).toEqual({ ok: true, problems: [], exitCode: 0 });
  const checks = findings.map(({ check }: { check: string }) => check);
  for (const check of [
    "node",
    "buildkit",
    "managed",
    "runc",
    "platform linux/s390x",
    `registry ${registry.host}`,
  ])
    expect(checks).toContain(check);
});

test("doctor: a registry that is down is a problem, with its reason and what to do", async () => {
  const rig = await project(planText().replaceAll(registry.host, "127.0.0.1:9"));
  const ran = await rig.run(["doctor"]);
  expect(ran.exitCode).toBe(5);
  expect(ran.stdout).toMatch(
    /^problem +registry 127\.0\.0\.1:9 +127\.0\.0\.1:9 does not answer \(connect ECONNREFUSED 127\.0\.0\.1:9\)\n +Nothing listens there/m,
  );
  expect(ran.stdout).toMatch(/^1 problem to mend\.$/m);
});

test("schema is the file that the project publishes", async () => {
  const rig = await openRig();
  const ran = await rig.run(["schema"]);
  expect(ran.stdout).toBe(readFileSync(join(ROOT, "schema.json"), "utf8"));
});

test("--version and --help answer on stdout", async () => {
  const rig = await openRig();
  const { version } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8"));
  expect(await rig.run(["--version"])).toEqual({ exitCode: 0, stdout: `${version}\n`, stderr: "" });
  const help = await rig.run(["--help"]);
  expect(help).toMatchObject({ exitCode: 0, stderr: "" });
  for (const command of ["build", "plan", "inspect", "doctor", "setup", "schema"])
    expect(help.stdout).toMatch(new RegExp(`^ {2}${command} `, "m"));
  const helpOfBuild = await rig.run(["build", "--help"]);
  expect(helpOfBuild).toMatchObject({ exitCode: 0, stderr: "" });
  expect(helpOfBuild.stdout).toContain("--only <platform>");
});

/** Runs a command line whose readers are gone: stdout before the first byte, stderr after its first line. */
async function unread(argv: readonly string[], cwd: string): Promise<unknown> {
  const child = spawn(process.execPath, [BIN, ...argv], { cwd });
  child.stdout.destroy();
  let said = "";
  child.stderr.once("data", (chunk: Buffer) => {
    said = chunk.toString();
    child.stderr.destroy();
  });
  const exitCode = await new Promise((resolve) => child.once("exit", resolve));
  return { exitCode, said };
}

test("a reader that has seen enough is no failure", async () => {
  const rig = await project();
  expect(await unread(["schema"], rig.directory)).toEqual({ exitCode: 0, said: "" });
  const build = onBuildKit("build", "--image", "app[node=22]", "--progress", "plain");
  expect(await unread(build, rig.directory)).toMatchObject({ exitCode: 0 });
  const crane = await testTool("crane");
  const { stdout } = await execa(crane, ["digest", "--insecure", `${registry.host}/app:dev-22`]);
  expect(stdout).toMatch(/^sha256:/);
});

test("colour only where it is wanted", async () => {
  const rig = await openRig();
  const argv = ["plan", "-f", "nowhere.yaml"];
  const coloured = async (env: Record<string, string | undefined>): Promise<boolean> =>
    (await rig.run(argv, { NO_COLOR: undefined, FORCE_COLOR: undefined, ...env })).stderr.includes("\u001b[");
  expect(await coloured({})).toBe(false);
  expect(await coloured({ FORCE_COLOR: "1" })).toBe(true);
  expect(await coloured({ FORCE_COLOR: "0" })).toBe(false);
  expect(await coloured({ FORCE_COLOR: "1", NO_COLOR: "1" })).toBe(false);
});

test("--quiet leaves the answer alone, and failures", async () => {
  const rig = await project();
  const argv = onBuildKit("build", "--image", "tool", "--only", NATIVE, "--only", "linux/s390x", "--quiet");
  const whole = planText().replace(/ *- \{ platform: linux\/mips64.*\n/, "");
  await rig.write({ "buildx-plan.yaml": whole });
  const ran = await rig.run(argv);
  const { stdout: digest } = await execa(await testTool("crane"), [
    "digest",
    "--insecure",
    `${registry.host}/tool:dev`,
  ]);
  expect(ran).toEqual({ exitCode: 0, stdout: `${registry.host}/tool:dev@${digest}\n`, stderr: "" });
  await rig.write({ Dockerfile: "FROM scratch\nCOPY nothing /file\n" });
  const failed = await rig.run(argv);
  expect(failed.exitCode).toBe(1);
  expect(failed.stdout).toBe("");
  expect(failed.stderr).toMatch(/^error: tool linux\/\S+: /);
});

test("--progress json: events and nothing else on stderr, the references on stdout", async () => {
  const rig = await project(planText().replace(/ *- \{ platform: linux\/mips64.*\n/, ""));
  const ran = await rig.run(onBuildKit("build", "--image", "tool", "--progress", "json"));
  expect(ran.exitCode).toBe(0);
  expect(ran.stdout).toMatch(/^127\.0\.0\.1:\d+\/tool:dev@sha256:[0-9a-f]{64}\n$/);
  const events = ran.stderr
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
  expect(events.at(0)).toMatchObject({ schemaVersion: 1, kind: "run-started" });
  expect(events.at(-1)).toMatchObject({ kind: "run-ended", ok: true });
});
