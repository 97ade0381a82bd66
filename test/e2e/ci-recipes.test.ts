import { describe, expect, test } from "vitest";
import { parse, stringify } from "yaml";
import {
  azure,
  buildkite,
  buildkiteSteps,
  circle,
  gitlab,
  jenkins,
  tekton,
  workflow,
  type Linter,
} from "../support/ci-linters.ts";
import { codeBlocks } from "../support/pages.ts";
import { openRig } from "../support/rig.ts";

// The pages' own blocks, held against what each CI or its publisher says is right; and what that refuses.

const PAGE = codeBlocks("docs/ci-recipes.md");
const README = codeBlocks("README.md").filter(({ language }) => language === "yaml");

/** A workflow, which may have nothing but jobs. */
const asWorkflow: Linter = async (text) => await workflow(/^on:/m.test(text) ? text : `on: push\n${text}`);

/** A step alone, as a job of a workflow. */
const asStep: Linter = async (text) =>
  await asWorkflow(stringify({ jobs: { one: { "runs-on": "ubuntu-latest", steps: parse(text) } } }));

/** Steps for a `steps` block of a declarative pipeline. */
const asScript: Linter = async (text) =>
  await jenkins(`pipeline { agent any; stages { stage('build') { steps {\n${text}\n} } } }\n`);

interface Recipe {
  readonly heading: string;
  readonly lint: Linter;
  /** What is right, and what it is broken to; each must be seen. */
  readonly broken: readonly (readonly [string, string])[];
  /** The commands of this program in it. */
  readonly commands: readonly string[];
}

const TRY = "build --output type=oci,dest=image.tar";
const ONLY = "build --only linux/arm64";

/** In the order of the page. */
const RECIPES: readonly Recipe[] = [
  {
    heading: "Recipes for CIs",
    lint: asWorkflow,
    broken: [["permissions:", "permission:"]],
    commands: [],
  },
  { heading: "Recipes for CIs", lint: gitlab, broken: [["component:", "componnt:"]], commands: [] },
  {
    heading: "GitHub",
    lint: asWorkflow,
    broken: [
      ["needs: release", "needs: relase"],
      ["secrets:", "secret:"],
    ],
    commands: [],
  },
  { heading: "The action", lint: asStep, broken: [["with:", "wth:"]], commands: [] },
  {
    heading: "Jenkins",
    lint: jenkins,
    broken: [[`"linux/$CPU"'`, `"linux/$CPU"`]],
    commands: [TRY, ONLY, "stitch"],
  },
  {
    heading: "Jenkins",
    lint: asScript,
    broken: [],
    commands: ["matrix", ONLY],
  },
  {
    heading: "Buildkite",
    lint: buildkite,
    broken: [
      ["    command:", "    commnd:"],
      ["steps:", "stps:"],
      ["label: try", "lable: try"],
    ],
    commands: [TRY, "matrix --format buildkite"],
  },
  {
    heading: "CircleCI",
    lint: circle,
    broken: [
      ["resource_class:", "resource_clas:"],
      ["type: string", "type: strng"],
      ["version: 2.1", "version: 2.7"],
    ],
    commands: ["setup", TRY, ONLY, "stitch"],
  },
  {
    heading: "Azure Pipelines",
    lint: azure,
    broken: [
      ["dependsOn: plan", "dependOn: plan"],
      ["fetchTags: true", "fetchTag: true"],
    ],
    commands: ["setup", TRY, "matrix --format azure", "setup", ONLY, "stitch"],
  },
  {
    heading: "Forgejo, Gitea",
    lint: workflow,
    broken: [
      ["matrix.runner", "matrix.runnr"],
      ["needs: variant", "needs: varient"],
      ["runs-on: docker\n", "run-on: docker\n"],
    ],
    commands: ["setup", TRY, "setup", ONLY, "stitch"],
  },
  {
    heading: "Tekton",
    lint: tekton,
    broken: [
      ["runAfter: [variant]", "runAfter: [varient]"],
      ["taskSpec:", "tskSpec:"],
      ["script:", "scripts:"],
      ["workspaces: [{ name: source }]", "workspaces: { name: source }"],
    ],
    commands: ["setup", ONLY, "stitch"],
  },
];

const CODE = PAGE.filter(({ language }) => language === "yaml" || language === "groovy");

test("every block of the page has a recipe here", () => {
  expect(CODE.map(({ heading }) => heading)).toEqual(RECIPES.map(({ heading }) => heading));
});

describe.each(RECIPES.map((recipe, at) => ({ ...recipe, text: CODE[at]?.text ?? "" })))(
  "$heading",
  ({ text, lint, broken, commands }) => {
    test("is right", async () => {
      expect(await lint(text)).toEqual([]);
    });

    test.each(broken)("%j broken to %j is seen", async (right, wrong) => {
      expect(text).toContain(right);
      expect(await lint(text.replace(right, wrong))).not.toEqual([]);
    });

    test("has commands that the program knows", async () => {
      expect(commandsIn(text)).toEqual(commands);
      for (const command of new Set(commands)) await expectKnown(command.split(" "));
    });
  },
);

/** Places where a CI puts the platform. */
const PLATFORM =
  /<< parameters\.platform >>|\$\{\{ matrix\.platform \}\}|\$\(params\.platform\)|\$\(platform\)|\$\{job\.platform\}|linux\/\$CPU/g;

/** The arguments after `npx --yes buildx-plan`, with a platform where the CI puts one. */
function commandsIn(text: string): readonly string[] {
  const plain = text.replaceAll(PLATFORM, "linux/arm64").replaceAll('"linux/arm64"', "linux/arm64");
  const calls = plain.matchAll(/npx --yes buildx-plan ([^\n|})'"]+)/g);
  return [...calls].map(([, call = ""]) => call.trim());
}

/** There is no plan here: whoever says so has understood the command. `setup` needs none. */
async function expectKnown(argv: readonly string[]): Promise<void> {
  const rig = await openRig({});
  const { exitCode, stdout, stderr } = await rig.run(argv);
  const missesPlan = (stderr + stdout).includes("buildx-plan.yaml");
  expect([argv, exitCode, missesPlan]).toEqual([argv, ...(argv[0] === "setup" ? [0, false] : [2, true])]);
}

test("a command that is not known says nothing of a plan", async () => {
  const rig = await openRig({});
  const ran = await rig.run(["build", "--onyl", "linux/arm64"]);
  expect(ran.exitCode).toBe(2);
  expect(ran.stderr + ran.stdout).not.toContain("buildx-plan.yaml");
});

describe("README", () => {
  const [github, gitlabLines] = README;

  test("its lines for GitHub and for GitLab are right, and five at most", async () => {
    expect(await asWorkflow(github?.text ?? "")).toEqual([]);
    expect(await gitlab(gitlabLines?.text ?? "")).toEqual([]);
    expect(github?.text).toContain("uses: buildx-plan/buildx-plan/.github/workflows/fan-out.yml@v1");
    expect(gitlabLines?.text).toContain("/buildx-plan/release@1");
    for (const { text } of [github, gitlabLines].flatMap((block) => (block ? [block] : [])))
      expect(text.trimEnd().split("\n").length).toBeLessThanOrEqual(5);
  });
});

describe("what `matrix` prints", () => {
  const PLAN = `version: 1
vars: { note: "" }
runners: { linux/arm64: "queue=arm$1", "*": ubuntu-24.04 }
images:
  app:
    args: { NOTE: "\${note}" }
    platforms: [linux/amd64, linux/arm64, linux/riscv64]
    tags: [ghcr.io/you/app:1]
`;

  async function matrix(format: string): Promise<string> {
    const rig = await openRig({
      Dockerfile: "FROM scratch\nARG NOTE\nCOPY Dockerfile /\n",
      "buildx-plan.yaml": PLAN,
    });
    const ran = await rig.run(["matrix", "--format", format, "--set", "note=it's $HOME"]);
    expect(ran.exitCode).toBe(0);
    return ran.stdout;
  }

  test("for Buildkite is what its agent takes, and the commands come out as they are meant", async () => {
    const text = await matrix("buildkite");
    expect(await buildkite(text)).toEqual([]);
    const steps = await buildkiteSteps(text);
    expect(steps).toMatchObject([
      { agents: { queue: "ubuntu-24.04" } },
      { agents: { queue: "arm$1" } },
      {},
      { concurrency: 1, depends_on: ["build-linux-amd64", "build-linux-arm64", "build-linux-riscv64"] },
    ]);
    for (const { command } of steps) expect(command).toContain(String.raw`--set 'note=it'\''s $HOME'`);
    expect(await buildkite(text.replace("concurrency_group", "concurency_group"))).not.toEqual([]);
  });

  test("for GitLab satisfies its schema", async () => {
    const text = await matrix("gitlab");
    expect(await gitlab(text)).toEqual([]);
    expect(await gitlab(text.replace("needs:", "need:"))).not.toEqual([]);
  });

  test("for Azure is a matrix of a job", async () => {
    const recipe = parse(CODE.find(({ heading }) => heading === "Azure Pipelines")?.text ?? "", {
      schema: "failsafe",
    });
    const job = recipe.jobs.find(({ strategy }: { strategy?: unknown }) => strategy !== undefined);
    job.strategy.matrix = JSON.parse(await matrix("azure"));
    expect(Object.keys(job.strategy.matrix)).toEqual(["linux_amd64", "linux_arm64", "linux_riscv64"]);
    expect(await azure(stringify(recipe))).toEqual([]);
    job.strategy = { matrx: job.strategy.matrix };
    expect(await azure(stringify(recipe))).not.toEqual([]);
  });
});
