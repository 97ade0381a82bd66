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

test("logins are those of all rules, also where none gives a tag here", async () => {
  const rules = "[{ image: ghcr.io/you/app, from: [tag] }, { image: you/app, from: [tag] }]";
  const { registries } = await pipeline(PLAN.replace(/tags: .*/, `tags: ${rules}`));
  expect(registries).toEqual(["ghcr.io", "docker.io"]);
});

describe("github: a plan with secrets", () => {
  const text = PLAN.replace(
    "runners:",
    "vars: { token: { env: NPM_TOKEN, secret: true, default: none } }\nrunners:",
  );
  const stepsWith = (workflow: { readonly jobs: Readonly<Record<string, Job>> }, name: string) =>
    Object.entries(workflow.jobs)
      .filter(([, { steps }]) => JSON.stringify(steps).includes(`\${{ secrets.${name} }}`))
      .map(([job]) => job);

  test.each([
    [false, ["pull-request", "release"]],
    [true, ["pull-request", "build", "stitch"]],
  ])("its builds get them, and GitHub none of a fork's (fan-out: %s)", async (isFanOut, jobs) => {
    const secrets = "    secrets: [{ id: npm, var: token }, { id: git, env: GITHUB_TOKEN }]\n";
    const file = pipelineFile("github", await pipeline(`${text}${secrets}`), isFanOut);
    expect(stepsWith(parse(file.text), "NPM_TOKEN")).toEqual(jobs);
    expect(stepsWith(parse(file.text), "GITHUB_TOKEN")).toEqual(expect.arrayContaining(jobs));
    expect(file.logins.slice(-1)).toEqual(["secret NPM_TOKEN"]);
  });

  test.each([
    [false, "release"],
    [true, "stitch"],
  ])("the job that signs has cosign and the key, and no other has (fan-out: %s)", async (isFanOut, job) => {
    const sign = "    sign: { key-env: COSIGN_KEY, password-env: COSIGN_PASSWORD }\n";
    const file = pipelineFile("github", await pipeline(`${PLAN}${sign}`), isFanOut);
    const workflow = parse(file.text);
    expect(stepsWith(workflow, "COSIGN_KEY")).toEqual([job]);
    expect(stepsWith(workflow, "COSIGN_PASSWORD")).toEqual([job]);
    expect(file.text.match(/sigstore\/cosign-installer@/g)).toHaveLength(1);
    expect(file.text).not.toContain("id-token");
    expect(file.logins.slice(-2)).toEqual(["secret COSIGN_KEY", "secret COSIGN_PASSWORD"]);
  });

  test.each([
    [false, "release"],
    [true, "stitch"],
  ])("without a key that job alone may prove who it is (fan-out: %s)", async (isFanOut, job) => {
    const file = pipelineFile("github", await pipeline(`${PLAN}    sign: keyless\n`), isFanOut);
    const workflow: { jobs: Record<string, Job> } = parse(file.text);
    const proving = Object.entries(workflow.jobs).filter(([, each]) =>
      JSON.stringify(each.permissions ?? {}).includes("id-token"),
    );
    expect(proving).toMatchObject([[job, { permissions: { contents: "read", packages: "write" } }]]);
  });
});
