import { expect, test } from "vitest";
import { runTags } from "../../../cli/commands/tags.ts";
import type { Shell } from "../../../cli/shell.ts";
import { folderWith } from "../../support/plan.ts";

const PLAN = `version: 1
vars: { flavour: alpine }
images:
  app:
    platforms: [linux/amd64, linux/arm64]
    labels: { org.example.text: "for \${platform}", org.opencontainers.image.title: The app }
    tags:
      - registry.example/team/app:fixed
      - image: registry.example/team/app
        from: ["semver:{{version}}", "semver:{{major}}", branch, { type: sha, format: long, prefix: "" }, pr]
        suffix: -\${flavour}
  tool:
    metadata: false
    platforms: [linux/amd64]
    tags: [{ image: registry.example/team/tool, from: [pr] }]
`;

/** What one run says, where GitLab builds a tag and there is no git. */
async function told(options: { readonly json?: boolean }, width = 110) {
  const cwd = await folderWith({ Dockerfile: "FROM scratch\n", "buildx-plan.yaml": PLAN });
  const said = { stdout: "", stderr: "" };
  const terminal = (name: keyof typeof said): Shell["stdout"] => ({
    stream: process.stdout,
    write: (text) => void (said[name] += text),
    isTerminal: true,
    columns: () => width,
    rows: () => 24,
    colour: false,
  });
  const shell: Shell = {
    stdout: terminal("stdout"),
    stderr: terminal("stderr"),
    stdin: async () => "",
    env: {
      PATH: "",
      GITLAB_CI: "true",
      CI_COMMIT_TAG: "v1.2.3",
      CI_COMMIT_SHA: "860c1904a1ce19322e91ac35af1ab07466440c37",
      CI_PROJECT_URL: "https://gitlab.example/team/app",
    },
    cwd,
    home: cwd,
    signal: new AbortController().signal,
    now: () => 0,
    packageFile: () => Promise.reject(new Error("not asked for")),
    version: "0.0.0",
  };
  const exitCode = await runTags({ file: "buildx-plan.yaml", set: [], image: [], ...options }, shell);
  return { exitCode, ...said };
}

test("a table for people: each rule with its tag or why there is none, then all labels and annotations", async () => {
  const { exitCode, stdout, stderr } = await told({});
  expect(exitCode).toBe(0);
  expect(stdout).toMatchSnapshot();
  expect(stderr).toContain("warning: No rule gives image `tool` a tag for tag v1.2.3");
});

test("no line is wider than the terminal", async () => {
  const { stdout } = await told({}, 72);
  expect(Math.max(...stdout.split("\n").map((line) => line.length))).toBeLessThanOrEqual(72);
});

test("the same as JSON", async () => {
  const { exitCode, stdout } = await told({ json: true });
  expect(exitCode).toBe(0);
  expect(JSON.parse(stdout)).toMatchSnapshot();
});
