import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { annotate } from "../../cli/annotate.ts";
import type { CiKind } from "../../core/ci/run.ts";
import type { Finding } from "../../core/findings/finding.ts";
import { shellIn } from "../support/shell.ts";

function findings(amount: number, severity: Finding["severity"] = "warning"): readonly Finding[] {
  return Array.from({ length: amount }, (_, number) => ({
    rule: "platform-arg-default",
    severity,
    message: `${severity} ${number}`,
    location: { file: { path: "Dockerfile", text: "FROM a\n" }, range: { start: 0, end: 4 } },
  }));
}

function keep(text: string): string {
  return text;
}

/** A checkout with a folder in it, which is where the command is called. */
async function checkout(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "annotate-test-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  await mkdir(join(folder, ".git"));
  await mkdir(join(folder, "service"));
  return join(folder, "service");
}

test("paths are those of the repository", async () => {
  const { shell, commands } = shellIn("github", await checkout());
  annotate({ findings: findings(1) }, shell, keep);
  expect(commands()).toBe(
    "::warning file=service/Dockerfile,line=1,col=1,title=platform-arg-default::warning 0\n",
  );
});

test("GitHub shows ten of each severity: the rest is counted, and nothing told twice", async () => {
  const { shell, commands, stderr } = shellIn("github", await checkout());
  annotate({ findings: [...findings(12), ...findings(3, "error")] }, shell, keep);
  annotate({ findings: findings(12) }, shell, keep);
  annotate({ findings: findings(9, "error") }, shell, keep);
  expect(commands().match(/^::warning /gm)).toHaveLength(10);
  expect(commands().match(/^::error /gm)).toHaveLength(9);
  expect(stderr()).toBe("2 annotations left out: only 10 of each severity are shown\n");
});

test("Azure shows all", async () => {
  const { shell, commands, stderr } = shellIn("azure", await checkout());
  annotate({ findings: findings(12) }, shell, keep);
  expect(
    commands().match(/^##vso\[task\.logissue type=warning;sourcepath=service\/Dockerfile;/gm),
  ).toHaveLength(12);
  expect(stderr()).toBe("");
});

test.each<CiKind>(["forgejo", "gitlab", "buildkite", "circleci", "jenkins"])(
  "%s has none, and is told nothing",
  async (kind) => {
    const { shell, commands, stderr } = shellIn(kind, await checkout());
    annotate({ findings: findings(12) }, shell, keep);
    expect(commands() + stderr()).toBe("");
  },
);
