import { describe, expect, test } from "vitest";
import type { CiKind } from "../../core/ci/run.ts";
import { imageOf, runJob, stepOf, type JobOfTest, type Script } from "../support/ci-job.ts";
import { MAKE_FAILED } from "../support/run-events.ts";

/*
 * One and the same run, as each CI gets it: the log with groups and annotations, the summary, the outputs. Read them as somebody who wants
 * to know what became of a release.
 */

const KINDS: readonly CiKind[] = ["github", "forgejo", "gitlab", "buildkite", "azure", "circleci", "jenkins"];

const SOURCES = "[build 1/2] COPY . .";
const MAKE = "[build 2/2] RUN make";
const COPY = "[stage-1 1/1] COPY --from=build server /server";
const FAILED = { ...MAKE_FAILED, step: MAKE, dockerfile: { path: "Dockerfile", line: 3 } };

function built(architecture: string, from: number, program = architecture): Script {
  return {
    status: [
      ...stepOf(SOURCES, [from, from], { cached: true }),
      ...stepOf(MAKE, [from, from + 12], { lines: ["cc -c main.c", "cc -o server main.o"] }),
      ...stepOf(COPY, [from + 12, from + 13]),
    ],
    end: { image: imageOf(architecture, program) },
  };
}

function plan(host: string, more = ""): string {
  return `version: 1
${more}images:
  app:
    platforms: [linux/amd64, linux/arm64]
    attest: { provenance: false }
    tags: ["${host}/team/app:1.2", "${host}/team/app:latest"]
`;
}

const DOCKERFILE =
  "FROM scratch AS build\nCOPY . .\nRUN make\nFROM scratch\nCOPY --from=build server /server\n";

const JOBS: Readonly<Record<string, JobOfTest>> = {
  released: {
    dockerfile: DOCKERFILE,
    plan,
    scripts: { "linux/amd64": built("amd64", 0), "linux/arm64": built("arm64", 13) },
  },
  "step-failed": {
    dockerfile: DOCKERFILE,
    plan,
    scripts: {
      "linux/amd64": built("amd64", 0),
      "linux/arm64": {
        status: stepOf(MAKE, [13, 26], { lines: FAILED.log, error: FAILED.message }),
        end: { failure: FAILED },
      },
    },
  },
  // The image for arm64 holds a program for amd64; the Dockerfile and the plan deserve a look.
  findings: {
    dockerfile: DOCKERFILE.replace("COPY . .", "RUN curl -LO https://example.com/tool-linux-amd64.tar.gz"),
    plan: (host) => plan(host, "vars:\n  unused: x\n"),
    scripts: { "linux/amd64": built("amd64", 0), "linux/arm64": built("arm64", 13, "amd64") },
  },
};

const EXIT_CODES: Readonly<Record<string, number>> = { released: 0, "step-failed": 1, findings: 4 };

describe.each(Object.entries(JOBS))("%s", (name, job) => {
  test.each(KINDS)("the log of %s", async (kind) => {
    const { log, stdout, exitCode } = await runJob(kind, job);
    expect(exitCode).toBe(EXIT_CODES[name]);
    const whole = `${log}--- stdout ---\n${stdout}`;
    await expect(whole).toMatchFileSnapshot(`__snapshots__/ci/${name}-${kind}.txt`);
  });

  test("summary and outputs are the same on GitHub and Forgejo, and nowhere else", async () => {
    const files = await Promise.all(KINDS.map(async (kind) => await runJob(kind, job)));
    const [github, forgejo, ...others] = files.map(({ summary, outputs }) => ({ summary, outputs }));
    expect(forgejo).toEqual(github);
    for (const other of others) expect(other).toEqual({ summary: "", outputs: "" });
    await expect(github?.summary).toMatchFileSnapshot(`__snapshots__/ci/${name}-summary.md`);
    await expect(github?.outputs).toMatchFileSnapshot(`__snapshots__/ci/${name}-outputs.txt`);
  });
});
