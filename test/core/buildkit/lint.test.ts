import { describe, expect, onTestFinished, test } from "vitest";
import { lintCommand } from "../../../core/buildkit/arguments.ts";
import type { BuildKit, LintRequest } from "../../../core/buildkit/buildkit.ts";
import { openBuildKit } from "../../../core/buildkit/client.ts";
import { lintFindings } from "../../../core/buildkit/lint-findings.ts";
import { parseLint } from "../../../core/buildkit/lint-text.ts";
import { build, node, platform } from "../../support/make.ts";
import { placed } from "../../support/dockerfile.ts";
import { standIn, type Script, type StandIn } from "../../support/stand-in.ts";

// As buildctl v0.33.1 prints it.
const TEXT = `
WARNING: StageNameCasing - https://docs.docker.com/go/dockerfile/rule/stage-name-casing/
Stage name 'Build' should be lowercase
Dockerfile:2
--------------------
   1 |     # check=skip=JSONArgsRecommended
   2 | >>> FROM scratch as Build
   3 |     ARG TARGETARCH=amd64
   4 |     copy Dockerfile \\
--------------------

WARNING: ConsistentInstructionCasing - https://docs.docker.com/go/dockerfile/rule/consistent-instruction-casing/
Command 'copy' should match the case of the command majority (uppercase)
Dockerfile:4
--------------------
   3 |     ARG TARGETARCH=amd64
   4 | >>> copy Dockerfile \\
   5 | >>>   /x
   6 |     WARNING: NoRule - https://example.org
--------------------
`;

const REQUEST: LintRequest = {
  node: node("one", ["linux/amd64"]),
  platform: platform("linux/arm64"),
  build: build({ target: "release", args: { A: "1" }, labels: { l: "x" } }),
};

async function open(script: Script): Promise<{ buildkit: BuildKit; program: StandIn }> {
  const program = standIn(script);
  const buildkit = openBuildKit({
    connections: [{ node: REQUEST.node, daemon: { address: "unix:///run/bk.sock" }, close: async () => {} }],
    buildctl: program.path,
    env: process.env,
  });
  onTestFinished(() => buildkit.close());
  return { buildkit, program };
}

const never = new AbortController().signal;

test("the frontend is asked for its checks, and for nothing else", () => {
  expect(lintCommand(REQUEST, { address: "unix:///run/bk.sock" })).toEqual([
    "--addr",
    "unix:///run/bk.sock",
    "build",
    "--progress=rawjson",
    "--frontend=dockerfile.v0",
    "--opt=requestid=frontend.lint",
    "--opt=platform=linux/arm64",
    "--local=context=/project",
    "--local=dockerfile=/project",
    "--opt=filename=Dockerfile",
    "--opt=target=release",
    "--opt=build-arg:A=1",
  ]);
});

describe("what buildctl prints", () => {
  test("is warnings, with their lines", async () => {
    const { buildkit } = await open({ stdout: TEXT, stderr: "{}\n" });
    expect(await buildkit.lint(REQUEST, never)).toEqual({
      ok: true,
      value: [
        {
          rule: "StageNameCasing",
          message: "Stage name 'Build' should be lowercase",
          url: "https://docs.docker.com/go/dockerfile/rule/stage-name-casing/",
          lines: { first: 2, last: 2 },
        },
        {
          rule: "ConsistentInstructionCasing",
          message: "Command 'copy' should match the case of the command majority (uppercase)",
          url: "https://docs.docker.com/go/dockerfile/rule/consistent-instruction-casing/",
          lines: { first: 4, last: 5 },
        },
      ],
    });
  });

  test.each([
    ["nothing", "", []],
    [
      "no excerpt",
      "\nWARNING: SomeRule\nIt is so\n\nWARNING: Other\nAnd so\n",
      [
        ["SomeRule", "It is so"],
        ["Other", "And so"],
      ],
    ],
    ["a head alone", "WARNING: SomeRule", [["SomeRule", ""]]],
    [
      "an excerpt without an end",
      "WARNING: SomeRule\nx\nD:1\n--------------------\n   1 | >>> FROM",
      [["SomeRule", "x"]],
    ],
    ["a rule alone", "WARNING: SomeRule\n--------------------", [["SomeRule", ""]]],
    ["other text", "hello\n--------------------\n", []],
  ])("%s", (_, text, expected) => {
    expect(parseLint(text.split("\n")).map(({ rule, message }) => [rule, message])).toEqual(expected);
  });

  test("a daemon that refuses says why", async () => {
    const { buildkit } = await open({
      exitCode: 1,
      stderr: "error: failed to solve: unsupported request frontend.lint\n",
    });
    expect(await buildkit.lint(REQUEST, never)).toEqual({
      ok: false,
      error: { kind: "solve-refused", message: "unsupported request frontend.lint" },
    });
  });

  test("an interrupted one ends", async () => {
    const { buildkit, program } = await open({ hang: "willing" });
    const controller = new AbortController();
    const asked = buildkit.lint(REQUEST, controller.signal);
    await expect.poll(() => program.pids().length).toBe(1);
    controller.abort();
    expect(await asked).toEqual({ ok: false, error: { kind: "solve-cancelled" } });
  });

  test("one that takes too long ends", async () => {
    const { buildkit } = await open({ hang: "willing" });
    expect(await buildkit.lint({ ...REQUEST, timeoutMs: 50 }, never)).toEqual({
      ok: false,
      error: { kind: "solve-timed-out", timeoutMs: 50 },
    });
  });
});

describe("as findings", () => {
  const text = "# syntax=docker/dockerfile:1\n  FROM scratch as Build  \ncopy a \\\r\n  /x\r\n";
  const warning = { rule: "FromAsCasing", message: "m", url: "https://docs.docker.com/x" };

  test.each([
    [2, 2, "2:3 FROM scratch as Build"],
    [3, 4, "3:1 copy a \\\r\n  /x"],
    [4, 3, "4:3 /x"],
    [9, 9, "5:1 "],
  ])("lines %i to %i", (first, last, expected) => {
    const [finding] = lintFindings([{ ...warning, lines: { first, last } }], { path: "Dockerfile", text });
    expect(finding?.location && placed(finding.location)).toBe(expected);
    expect(finding).toMatchObject({
      rule: "buildkit/FromAsCasing",
      severity: "warning",
      message: "m",
      facts: ["https://docs.docker.com/x"],
    });
  });

  test.each([
    ["# check=error=true\nFROM a", "error"],
    ["# check=skip=X; error = true\nFROM a", "error"],
    ["# check=error=false\nFROM a", "warning"],
    ["# x\n# check=error=true\nFROM a", "warning"],
  ])("of %j are each an %s", (dockerfile, severity) => {
    expect(lintFindings([warning], { path: "Dockerfile", text: dockerfile })).toMatchObject([{ severity }]);
  });
});
