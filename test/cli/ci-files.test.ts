import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { reportRunToCi } from "../../cli/ci-run.ts";
import type { Ended } from "../../cli/render/ci-report.ts";
import { maskSecrets, reportToCi } from "../../cli/report-to-ci.ts";
import { digest, MAKE_FAILED } from "../support/run-events.ts";
import { folderWith } from "../support/plan.ts";
import { shellIn } from "../support/shell.ts";

const INDEX = digest("index");
const RELEASED: Ended = {
  ok: true,
  releases: [
    {
      name: "app",
      index: INDEX,
      tags: [{ tag: "r.example/app:1", state: "moved", digest: INDEX }],
      variants: [{ platform: "linux/amd64", state: "built", digest: digest("amd64") }],
    },
  ],
  redact: (text) => text.replaceAll("hunter2", "***"),
};
const FAILED: Ended = {
  ...RELEASED,
  ok: false,
  releases: [],
  failures: [{ failure: { ...MAKE_FAILED, log: ["token hunter2"] } }],
};

/** A checkout, and the files that GitHub names in the environment. */
async function github(files: Readonly<Record<string, string>> = {}) {
  const folder = await folderWith({ ".git/HEAD": "", summary: "", output: "", ...files });
  const path = (name: string): string => join(folder, name);
  const env = { GITHUB_STEP_SUMMARY: path("summary"), GITHUB_OUTPUT: path("output") };
  return { folder, path, env, read: (name: string) => readFile(path(name), "utf8") };
}

describe.each(["github", "forgejo"] as const)("%s", (kind) => {
  test("gets a summary and outputs, after what is in the files already", async () => {
    const { folder, env, read } = await github({ summary: "before\n", output: "a=b\n" });
    const { shell, stderr } = shellIn(kind, folder, { env });
    expect(await reportToCi(RELEASED, {}, shell)).toBe(0);
    expect(await read("summary")).toMatch(/^before\n## ✅ buildx-plan\n\n### app\n/);
    const output = await read("output");
    expect(output).toMatch(
      /^a=b\ndigest<<(end-[-0-9a-f]{36})\nsha256:[0-9a-f]{64}\n\1\ntags<<\1\nr\.example\/app:1\n\1\n/,
    );
    expect(stderr()).toBe("");
  });

  test("gets a failure with its log, and no secret", async () => {
    const { folder, env, read } = await github();
    const { shell } = shellIn(kind, folder, { env });
    await reportToCi(FAILED, {}, shell);
    expect(await read("summary")).toContain("## ❌ buildx-plan: failed\n");
    expect(await read("summary")).toContain("  | token ***\n");
    expect(await read("output")).toMatch(/^json<<.*\n\{"schemaVersion":1,"ok":false,"releases":\[\]\}\n/);
  });

  test("has room for what is left of a mebibyte", async () => {
    const { folder, env, read } = await github({ summary: "x".repeat(1024 * 1024 - 90) });
    const { shell } = shellIn(kind, folder, { env });
    await reportToCi(RELEASED, {}, shell);
    const summary = await read("summary");
    expect(summary.length).toBeLessThanOrEqual(1024 * 1024);
    expect(summary.slice(-85)).toContain("left out");
  });

  test("is told of a fork by the event's payload", async () => {
    const repo = (full_name: string): object => ({ repo: { full_name } });
    const event = { pull_request: { number: 7, head: repo("mona/app"), base: repo("team/app") } };
    const { folder, env, path, read } = await github({ "event.json": JSON.stringify(event) });
    const { shell } = shellIn(kind, folder, {
      run: { event: "pull-request", pullRequest: {} },
      env: {
        ...env,
        GITHUB_ACTIONS: "true",
        GITHUB_EVENT_NAME: "pull_request",
        GITHUB_EVENT_PATH: path("event.json"),
      },
    });
    await reportToCi(RELEASED, {}, shell);
    expect(await read("summary")).toContain("_pull request from a fork_");
  });

  test("that cannot be told is no failure: what is out is out", async () => {
    const { folder } = await github();
    const { shell, stderr } = shellIn(kind, folder, { env: { GITHUB_OUTPUT: join(folder, "no/such/file") } });
    expect(await reportToCi(RELEASED, {}, shell)).toBe(0);
    expect(stderr()).toMatch(/^warning: CI is not told how this ended: ENOENT/);
  });
});

test.each(["gitlab", "azure", "buildkite", "circleci", "jenkins"] as const)(
  "%s: files that GitHub would name are left alone",
  async (kind) => {
    const { folder, env, read } = await github();
    await reportToCi(RELEASED, {}, shellIn(kind, folder, { env }).shell);
    expect((await read("summary")) + (await read("output"))).toBe("");
  },
);

describe("reports that are asked for", () => {
  test("are written anywhere, relative to where the command was called", async () => {
    const { folder, read } = await github();
    const { ci: _, ...shell } = shellIn("github", folder).shell;
    const options = { reportDotenv: "build.env", reportCodequality: "quality.json" };
    expect(await reportToCi(FAILED, options, shell)).toBe(0);
    expect(await read("build.env")).toBe("BUILDX_PLAN_OK=false\n");
    expect(JSON.parse(await read("quality.json"))).toMatchObject([
      { check_name: "step-failed", location: { path: "Dockerfile", lines: { begin: 7 } } },
    ]);
    expect(await reportToCi(RELEASED, options, shell)).toBe(0);
    expect(await read("build.env")).toContain(`BUILDX_PLAN_DIGEST=${INDEX}\n`);
    expect(await read("quality.json")).toBe("[]\n");
  });

  test("are a failure where they cannot be written", async () => {
    const { folder } = await github();
    const { shell, stderr } = shellIn("gitlab", folder);
    expect(await reportToCi(RELEASED, { reportDotenv: "no/such/build.env" }, shell)).toBe(2);
    expect(stderr()).toContain("--report-dotenv");
  });
});

test("an interrupted run says so", async () => {
  const { folder, env, read } = await github();
  const { shell } = shellIn("github", folder, { env });
  const file = { path: "buildx-plan.yaml", text: "" };
  const plan = {
    file,
    directory: "/",
    releases: [],
    builders: [],
    registries: [],
    check: { ignore: [] },
    warnings: [],
    secretValues: [],
  };
  const report = { variants: [], released: [], interrupted: true };
  const ended = { ok: false, untagged: true, plan, report, findings: [], redact: (text: string) => text };
  await reportRunToCi(ended, {}, shell);
  expect(await read("summary")).toContain("\nNo tag was moved.");
  expect(await read("summary")).toContain("**interrupted**");
});

describe("values of secret variables", () => {
  test("are masked by the runner, each line of them, and none that is too short", async () => {
    const { shell, commands } = shellIn("github", "/");
    maskSecrets(["hunter2", "first line\nsecond", "ab"], "auto", shell);
    expect(commands()).toBe(
      "::add-mask::first line%0Asecond\n::add-mask::first line\n::add-mask::hunter2\n::add-mask::second\n",
    );
  });

  test.each(["plain", "json", "quiet", "tty"] as const)("stay where progress is %s", (style) => {
    const { shell, commands } = shellIn("github", "/");
    maskSecrets(["hunter2"], style, shell);
    expect(commands()).toBe("");
  });

  test("are not written into a file", () => {
    const { shell, commands } = shellIn("github", "/");
    const { ci } = shell;
    if (ci === undefined) throw new Error("no CI");
    maskSecrets(["hunter2"], "auto", { ...shell, ci: { ...ci, intoFile: true } });
    expect(commands()).toBe("");
  });
});
