import { describe, expect, test } from "vitest";
import { codeQuality } from "../../../cli/render/code-quality.ts";
import { problemsOf, type Trouble } from "../../../cli/render/problems.ts";
import type { Failure } from "../../../core/failure.ts";
import type { Finding } from "../../../core/findings/finding.ts";
import type { Diagnostic } from "../../../core/plan/source.ts";
import { platform, variant } from "../../support/make.ts";
import { MAKE_FAILED } from "../../support/run-events.ts";

const OPTIONS = {
  cwd: "/checkout/service",
  root: "/checkout",
  redact: (text: string) => text.replaceAll("hunter2", "***"),
};
const DOCKERFILE = { path: "Dockerfile", text: "FROM alpine\nARG TARGETARCH=amd64\n" };

const FINDING: Finding = {
  rule: "platform-arg-default",
  severity: "error",
  message: "TARGETARCH has a default",
  location: { file: DOCKERFILE, range: { start: 16, end: 26 } },
  facts: ["all platforms get amd64"],
  fix: "Remove the default.",
};
const IN_IMAGE: Finding = {
  rule: "entrypoint-architecture",
  severity: "warning",
  message: "It is for amd64",
  image: { reference: "r.example/app:1", platform: platform("linux/arm64"), path: "/usr/bin/a\u001b[2J" },
};
const WARNING: Diagnostic = {
  severity: "warning",
  message: "The environment variable TOKEN is not set",
  location: {
    file: { path: "buildx-plan.yaml", text: "version: 1\nimages:\n" },
    range: { start: 11, end: 17 },
  },
  hint: "A step that requires this secret will fail",
};
const CONTEXT = {
  variant: "app linux/arm64",
  platform: "linux/arm64",
  node: "a",
  execution: "native",
} as const;

describe("problems", () => {
  test("a failed step: at its line, with the end of its log", () => {
    const log = Array.from({ length: 30 }, (_, line) => `line ${line}`);
    expect(
      problemsOf({ failures: [{ failure: { ...MAKE_FAILED, log }, context: CONTEXT }] }, OPTIONS),
    ).toEqual([
      {
        severity: "error",
        rule: "step-failed",
        title: "app linux/arm64",
        message: ["[2/3] RUN make failed with exit code 2", ...log.slice(-10)].join("\n"),
        file: "service/Dockerfile",
        line: 7,
      },
    ]);
  });

  test("a failure without a log: why, and what to do first", () => {
    const refused: Failure = {
      kind: "builder-unsuitable",
      builder: "default",
      detail: "its store cannot export",
      waysOut: ["make a builder of its own", "take another one"],
    };
    const [problem] = problemsOf({ failures: [{ failure: refused }] }, OPTIONS);
    expect(problem?.message).toContain("its store cannot export");
    expect(problem?.message).toContain("make a builder of its own");
  });

  test("findings and warnings of the plan, errors first, each one once, and no notes", () => {
    const note: Finding = { ...FINDING, severity: "note" };
    const trouble = { findings: [IN_IMAGE, note, FINDING, FINDING], diagnostics: [WARNING] };
    expect(problemsOf(trouble, OPTIONS)).toEqual([
      {
        severity: "error",
        rule: "platform-arg-default",
        title: "platform-arg-default",
        message: "TARGETARCH has a default\nall platforms get amd64\nRemove the default.",
        file: "service/Dockerfile",
        line: 2,
        column: 5,
      },
      {
        severity: "warning",
        rule: "entrypoint-architecture",
        title: "entrypoint-architecture",
        message: String.raw`It is for amd64${"\n"}r.example/app:1 linux/arm64 /usr/bin/a\x1b[2J`,
        image: String.raw`linux/arm64 /usr/bin/a\x1b[2J`,
      },
      {
        severity: "warning",
        rule: "plan",
        title: "plan",
        message: "The environment variable TOKEN is not set\nA step that requires this secret will fail",
        file: "service/buildx-plan.yaml",
        line: 2,
        column: 1,
      },
    ]);
  });

  test.each<[string, Trouble, object[]]>([
    [
      "a plan that is wrong",
      {
        failures: [{ failure: { kind: "plan-invalid", diagnostics: [{ ...WARNING, severity: "error" }] } }],
      },
      [{ severity: "error", rule: "plan", line: 2 }],
    ],
    [
      "what preflight has stopped",
      { failures: [{ failure: { kind: "preflight-failed", findings: [FINDING] } }] },
      [{ rule: "platform-arg-default", line: 2 }],
    ],
    [
      "a variant without a node",
      {
        failures: [
          {
            failure: {
              kind: "route-refused",
              variant: variant("linux/arm64", { location: WARNING.location }),
              considered: [],
            },
          },
        ],
      },
      [{ rule: "route-refused", file: "service/buildx-plan.yaml", line: 2 }],
    ],
    ["an echo of another failure", { failures: [{ failure: { kind: "solve-cancelled" } }] }, []],
  ])("%s", (_, trouble, expected) => {
    expect(problemsOf(trouble, OPTIONS)).toMatchObject(expected);
  });

  test.each([
    ["/checkout/docker/Dockerfile", "docker/Dockerfile"],
    ["../Dockerfile", "Dockerfile"],
    ["..Dockerfile", "service/..Dockerfile"],
    ["../../Dockerfile", undefined],
    ["/elsewhere/Dockerfile", undefined],
  ])("%s is %s in the repository", (path, file) => {
    const failure = { ...MAKE_FAILED, dockerfile: { path, line: 7 } };
    expect(problemsOf({ failures: [{ failure }] }, OPTIONS)[0]?.file).toBe(file);
  });

  test("hold no secret", () => {
    const failure = { ...MAKE_FAILED, step: "[2/3] RUN login hunter2", log: ["token hunter2"] };
    const finding = { ...FINDING, message: "hunter2 stands here" };
    const text = JSON.stringify(problemsOf({ failures: [{ failure }], findings: [finding] }, OPTIONS));
    expect(text).not.toContain("hunter2");
    expect(text).toContain("token ***");
  });
});

describe("the code quality report", () => {
  test("has what stands in a file", () => {
    const problems = problemsOf({ findings: [FINDING, IN_IMAGE], diagnostics: [WARNING] }, OPTIONS);
    expect(codeQuality(problems)).toMatchObject([
      {
        description: "TARGETARCH has a default\nall platforms get amd64\nRemove the default.",
        check_name: "platform-arg-default",
        severity: "major",
        location: { path: "service/Dockerfile", lines: { begin: 2 } },
      },
      {
        check_name: "plan",
        severity: "minor",
        location: { path: "service/buildx-plan.yaml", lines: { begin: 2 } },
      },
    ]);
  });

  test("knows a problem again where lines have moved, and tells equal ones apart", () => {
    const [problem] = problemsOf({ findings: [FINDING] }, OPTIONS);
    if (problem === undefined) throw new Error("no problem");
    const [first, second] = codeQuality([problem, { ...problem, line: 9 }]);
    const [moved] = codeQuality([{ ...problem, line: 5 }]);
    expect(moved?.fingerprint).toBe(first?.fingerprint);
    expect(second?.fingerprint).not.toBe(first?.fingerprint);
  });
});
