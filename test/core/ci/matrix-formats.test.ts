import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import * as z from "zod/mini";
import { fanOut } from "../../../core/ci/fan-out.ts";
import {
  azureMatrix,
  buildkitePipeline,
  githubMatrix,
  gitlabPipeline,
} from "../../../core/ci/matrix-formats.ts";
import { pipelineOf } from "../../../core/ci/pipeline.ts";
import type { Plan } from "../../../core/plan/plan.ts";
import { loadText, planOf } from "../../support/plan.ts";

const PLAN = `version: 1
vars: { token: { env: TOKEN, secret: true }, note: "" }
runners:
  linux/arm64: ubuntu-24.04-arm
  linux/amd64: [self-hosted, "queue=x64"]
  "*": ubuntu-24.04
images:
  base:
    platforms: [linux/amd64, linux/arm64/v8]
    tags: [ghcr.io/you/base:1]
  app:
    secrets: [{ id: t, var: token }]
    matrix: { node: ["22", "24"] }
    args: { NOTE: "\${note}" }
    platforms: [linux/arm64, linux/riscv64]
    tags: ["registry.gitlab.com/you/app:\${matrix.node}", "localhost:5000/app:\${matrix.node}"]
`;

async function plan(text = PLAN): Promise<Plan> {
  return planOf(await loadText(text, { env: { PATH: "", TOKEN: "hunter22" } }));
}

const SELECTION = {
  file: "plans/my plan.yaml",
  set: ["note=it's $HOME", "token=hunter22"],
  image: ["app"],
};

/** What the documentation of GitLab allows of the keys that are used. */
const GITLAB = z.catchall(
  z.object({ stages: z.array(z.string()) }),
  z.union([
    z.strictObject({
      extends: z.array(z.string()),
      image: z.string(),
      stage: z.string(),
      tags: z.optional(z.array(z.string())),
      variables: z.optional(z.record(z.string(), z.string())),
      needs: z.optional(z.array(z.string())),
      script: z.array(z.string()),
    }),
    z.strictObject({
      services: z.array(
        z.strictObject({ name: z.string(), alias: z.string(), command: z.array(z.string()) }),
      ),
      variables: z.record(z.string(), z.string()),
    }),
    z.strictObject({ before_script: z.array(z.string()) }),
  ]),
);

const BUILDKITE = z.strictObject({
  steps: z.array(
    z.strictObject({
      label: z.string(),
      key: z.string().check(z.regex(/^[A-Za-z0-9_-]+$/)),
      command: z.string(),
      agents: z.optional(z.record(z.string(), z.string())),
      depends_on: z.optional(z.array(z.string())),
      concurrency: z.optional(z.literal(1)),
      concurrency_group: z.optional(z.string()),
    }),
  ),
});

describe("one job for each platform", () => {
  test("with the runner of its own, or the one for all others, and the images that it builds", async () => {
    expect(fanOut(await plan())).toEqual([
      { platform: "linux/amd64", runner: ["self-hosted", "queue=x64"], images: ["base"], emulated: false },
      {
        platform: "linux/arm64",
        runner: ["ubuntu-24.04-arm"],
        images: ["base", "app[node=22]", "app[node=24]"],
        emulated: false,
      },
      {
        platform: "linux/riscv64",
        runner: ["ubuntu-24.04"],
        images: ["app[node=22]", "app[node=24]"],
        emulated: true,
      },
    ]);
  });

  test.each([
    ["never", [false, false, false]],
    ["allow", [false, false, true]],
    ["only", [true, true, true]],
  ])("an emulator is wanted as `emulation: %s` says", async (emulation, emulated) => {
    const text = PLAN.replaceAll(/platforms: \[(.*)\]/g, (_, names: string) => {
      const platforms = names.split(", ").map((name) => `{ platform: ${name}, emulation: ${emulation} }`);
      return `platforms: [${platforms.join(", ")}]`;
    });
    expect(fanOut(await plan(text)).map((job) => job.emulated)).toEqual(emulated);
  });

  test("or for each variant: its image and cell, and `--image` takes what it builds", async () => {
    const jobs = fanOut(await plan(), "variant");
    expect(jobs.map(({ image, cell, platform, images }) => [image, cell, platform, images])).toEqual([
      ["base", {}, "linux/amd64", ["base"]],
      ["base", {}, "linux/arm64", ["base"]],
      ["app", { node: "22" }, "linux/arm64", ["app[node=22]"]],
      ["app", { node: "22" }, "linux/riscv64", ["app[node=22]"]],
      ["app", { node: "24" }, "linux/arm64", ["app[node=24]"]],
      ["app", { node: "24" }, "linux/riscv64", ["app[node=24]"]],
    ]);
    expect(jobs.map(({ runner, emulated }) => [runner.at(-1), emulated])).toEqual([
      ["queue=x64", false],
      ["ubuntu-24.04-arm", false],
      ["ubuntu-24.04-arm", false],
      ["ubuntu-24.04", true],
      ["ubuntu-24.04-arm", false],
      ["ubuntu-24.04", true],
    ]);
  });

  test("a job of a variant builds that image alone, whatever was selected", async () => {
    const { pipeline } = pipelineOf(await plan(), { ...SELECTION, each: "variant" }, "1.2.3");
    const { steps } = BUILDKITE.parse(parse(buildkitePipeline(pipeline)));
    expect(new Set(steps.map(({ key }) => key)).size).toBe(7);
    expect(steps.at(2)).toMatchObject({
      label: "build app[node=22] linux/arm64",
      key: "build-app-node-22-linux-arm64",
    });
    expect(steps.at(2)?.command).toContain("--image 'app[node=22]'");
    expect(steps.at(2)?.command).not.toContain("--image app");
    expect(steps.at(-1)?.command).toContain("--image app");
    const jobs = parse(gitlabPipeline(pipeline));
    expect(jobs.stitch.needs).toContain("build app[node=24] linux/riscv64");
    expect(JSON.stringify(jobs["build app[node=24] linux/riscv64"].script)).toContain("'app[node=24]'");
  });

  test("without runners in the plan none is named", async () => {
    const jobs = fanOut(await plan(PLAN.replace(/runners:[^]*?images:/, "images:")));
    expect(jobs.map(({ runner, emulated }) => [runner, emulated])).toEqual([
      [[], true],
      [[], true],
      [[], true],
    ]);
  });
});

test("github: one line for GITHUB_OUTPUT, with a label, or a list of them, for runs-on", async () => {
  const text = githubMatrix(fanOut(await plan()));
  expect(text.trimEnd()).not.toContain("\n");
  expect(JSON.parse(text)).toMatchObject({
    include: [
      { platform: "linux/amd64", runner: ["self-hosted", "queue=x64"] },
      { platform: "linux/arm64", runner: "ubuntu-24.04-arm", emulated: false },
      { platform: "linux/riscv64", runner: "ubuntu-24.04", emulated: true },
    ],
  });
});

test("gitlab: a child pipeline with a job for each platform and one that joins them", async () => {
  const { pipeline, withheld } = pipelineOf(await plan(), SELECTION, "1.2.3");
  const text = gitlabPipeline(pipeline);
  expect(text).toMatchSnapshot();
  const read = GITLAB.parse(parse(text));
  expect(read["stitch"]).toMatchObject({
    needs: ["build linux/amd64", "build linux/arm64", "build linux/riscv64"],
  });
  expect(withheld).toEqual(["token"]);
  expect(text).not.toContain("hunter22");
});

test("gitlab: a child is told what has started its parent, and logs in to the registry of the project by GitLab's own variables", async () => {
  const own = await plan(PLAN.replaceAll("ghcr.io", "registry.team.example:5050"));
  const { pipeline } = pipelineOf(own, SELECTION, "1.2.3");
  const parent = { registry: "registry.team.example:5050", source: "schedule" };
  const [alone, child] = [pipeline, { ...pipeline, parent }].map((each) => gitlabPipeline(each));
  expect(parse(child ?? "")).toMatchObject({ variables: { BUILDX_PLAN_PIPELINE_SOURCE: "schedule" } });
  expect(child).toContain(`login 'registry.team.example:5050' "$CI_REGISTRY_USER" "$CI_REGISTRY_PASSWORD"`);
  expect(parse(alone ?? "")).not.toHaveProperty("variables");
  expect(alone).toContain(
    `login 'registry.team.example:5050' "$REGISTRY_TEAM_EXAMPLE_5050_USERNAME" "$REGISTRY_TEAM_EXAMPLE_5050_PASSWORD"`,
  );
});

test("azure: one line with an entry for each platform, whose values are texts", async () => {
  const text = azureMatrix(fanOut(await plan()));
  expect(text.trimEnd()).not.toContain("\n");
  expect(JSON.parse(text)).toEqual({
    linux_amd64: {
      platform: "linux/amd64",
      images: "base",
      runner: "self-hosted,queue=x64",
      emulated: "false",
    },
    linux_arm64: {
      platform: "linux/arm64",
      images: "base,app[node=22],app[node=24]",
      runner: "ubuntu-24.04-arm",
      emulated: "false",
    },
    linux_riscv64: {
      platform: "linux/riscv64",
      images: "app[node=22],app[node=24]",
      runner: "ubuntu-24.04",
      emulated: "true",
    },
  });
  const nowhere = azureMatrix(fanOut(await plan(PLAN.replace(/runners:[^]*?images:/, "images:"))));
  expect(nowhere.match(/"runner":"ubuntu-latest"/g)).toHaveLength(3);
});

test("buildkite: steps whose dollar signs are not taken for variables, with tags of agents", async () => {
  const text = buildkitePipeline(pipelineOf(await plan(), SELECTION, "1.2.3").pipeline);
  expect(text).toMatchSnapshot();
  const { steps } = BUILDKITE.parse(parse(text));
  expect(steps.map(({ agents }) => agents)).toEqual([
    { queue: "x64" },
    { queue: "ubuntu-24.04-arm" },
    { queue: "ubuntu-24.04" },
    { queue: "ubuntu-24.04" },
  ]);
  expect(text).not.toContain("hunter22");
});
