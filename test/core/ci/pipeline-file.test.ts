import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { pipelineFile } from "../../../core/ci/pipeline-file.ts";
import { pipelineOf, type Pipeline } from "../../../core/ci/pipeline.ts";
import { loadText, planOf } from "../../support/plan.ts";

const PLAN = `version: 1
runners: { linux/arm64: ubuntu-24.04-arm, linux/amd64: ubuntu-24.04 }
images:
  app:
    platforms: [linux/amd64, linux/arm64, linux/riscv64]
    tags: [ghcr.io/you/app:1, you/app:1, "registry.example:5000/app:1", "localhost:5000/app:1"]
`;

async function pipeline(text = PLAN): Promise<Pipeline> {
  const plan = planOf(await loadText(text));
  return pipelineOf(plan, { file: "buildx-plan.yaml", set: [], image: [] }, "1.2.3").pipeline;
}

describe.each(["github", "gitlab"] as const)("%s", (ci) => {
  test.each([
    ["one job", false],
    ["a job for each platform", true],
  ])("%s", async (_, isFanOut) => {
    const { path, text, logins } = pipelineFile(ci, await pipeline(), isFanOut);
    expect(text).toMatchSnapshot();
    expect({ path, logins }).toMatchSnapshot();
  });
});

interface Job {
  readonly if?: string;
  readonly rules?: readonly { readonly if: string }[];
  readonly permissions?: unknown;
  readonly extends?: readonly string[];
  readonly steps?: readonly unknown[];
}

describe("a pull request", () => {
  test.each([false, true])("github: sees no secret and may write nothing (fan-out: %s)", async (isFanOut) => {
    const { text } = pipelineFile("github", await pipeline(), isFanOut);
    const workflow: { jobs: Record<string, Job>; permissions: unknown } = parse(text);
    expect(workflow.permissions).toEqual({ contents: "read" });
    const open = Object.values(workflow.jobs).filter(
      (job) => job.if !== "github.event_name != 'pull_request'",
    );
    const reached = open.filter((job) => !("needs" in job) || job.if !== undefined);
    expect(reached.length).toBeGreaterThan(0);
    expect(JSON.stringify(reached)).not.toMatch(/secrets\.|packages/);
    expect(JSON.stringify(workflow.jobs["pull-request"])).toContain('"push":false');
  });

  test("gitlab: logs in nowhere", async () => {
    const { text } = pipelineFile("gitlab", await pipeline(), false);
    const jobs: Record<string, Job> = parse(text);
    const tried = jobs["buildx-plan:merge-request"];
    expect(tried?.rules).toEqual([{ if: "$CI_PIPELINE_SOURCE == 'merge_request_event'" }]);
    expect(tried?.extends).toEqual([".buildx-plan:buildkit"]);
  });
});

test.each([
  [undefined, "main"],
  ["trunk", "trunk"],
  ["c++", String.raw`c\+\+`],
])("github: pushes to the default branch are released, %s", async (branch, pattern) => {
  const { text } = pipelineFile("github", { ...(await pipeline()), ...(branch && { branch }) }, false);
  expect(parse(text)).toMatchObject({ on: { push: { branches: [pattern], tags: ["v*"] } } });
  expect(text).toContain(`A push to ${branch ?? "main"} or a tag v* is released.`);
});

test("a plan that pushes to no registry of GitHub asks for no permission to", async () => {
  const { text } = pipelineFile("github", await pipeline(PLAN.replace("ghcr.io/you/app:1, ", "")), false);
  expect(text).not.toContain("packages: write");
});
