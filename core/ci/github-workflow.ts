import { stringify } from "yaml";
import { variableName } from "./gitlab.ts";
import { ACTIONS, GITHUB_RUNNER, OWN_ACTION } from "./names.ts";
import type { Pipeline } from "./pipeline.ts";

/** Where GitHub looks for it. */
export const GITHUB_FILE = ".github/workflows/release.yml";

const header = (branch: string) => `# Written by \`buildx-plan init --ci github\`; from here on it is yours.
# A pull request is built and pushes nothing; its jobs get no login and no key. A push to ${branch} or a tag v* is released.
`;

type Step = Readonly<Record<string, unknown>>;
type Job = Readonly<Record<string, unknown>>;

/** A workflow that releases the plan. `isFanOut`: a job for each platform on its own runner, and one that joins them. */
export function githubWorkflow(pipeline: Pipeline, isFanOut: boolean): string {
  const { branch = "main" } = pipeline;
  const jobs = isFanOut ? fanOutJobs(pipeline) : singleJobs(pipeline);
  const workflow = {
    name: "release",
    on: {
      push: { branches: [literalPattern(branch)], tags: ["v*"] },
      pull_request: {},
      workflow_dispatch: {},
    },
    permissions: { contents: "read" },
    concurrency: NEWEST,
    jobs,
  };
  return `${header(branch)}${stringify(workflow, { lineWidth: 0, aliasDuplicateObjects: false })}`;
}

/** A filter that this branch alone passes; git has no names with the other signs of a pattern. */
function literalPattern(branch: string): string {
  return branch.replaceAll(/[+!]/g, "\\$&");
}

/** A release that has begun is finished; of those that wait only the newest of a branch, and of a pull request only the last push counts. */
const NEWEST = {
  group: "${{ github.workflow }}-${{ github.ref }}",
  "cancel-in-progress": "${{ github.event_name == 'pull_request' }}",
};

const ON_PULL_REQUEST = "github.event_name == 'pull_request'";
const ON_RELEASE = "github.event_name != 'pull_request'";

function singleJobs(pipeline: Pipeline): Readonly<Record<string, Job>> {
  const needsQemu = pipeline.jobs.some(({ emulated }) => emulated);
  const prepare = prepareSteps(needsQemu ? [{ uses: ACTIONS.qemu }] : []);
  const runner = sharedRunner(pipeline);
  return {
    "pull-request": {
      if: ON_PULL_REQUEST,
      "runs-on": runner,
      steps: [...prepare, ownStep(pipeline, { command: "build", push: false })],
    },
    release: {
      if: ON_RELEASE,
      "runs-on": runner,
      ...releasePermissions(pipeline),
      steps: [
        ...prepare,
        ...loginSteps(pipeline),
        ...signSteps(pipeline),
        releaseStep(pipeline, { command: "build" }),
      ],
    },
  };
}

/** The platforms of the plan, and so the jobs, are asked of the plan each time: the workflow stays as it is when they change. */
function fanOutJobs(pipeline: Pipeline): Readonly<Record<string, Job>> {
  const prepare = prepareSteps([{ if: "matrix.emulated", uses: ACTIONS.qemu }]);
  const build = {
    needs: "plan",
    strategy: { "fail-fast": false, matrix: "${{ fromJSON(needs.plan.outputs.matrix) }}" },
    "runs-on": "${{ matrix.runner }}",
  };
  const only = "${{ matrix.platform }}";
  return {
    plan: planJob(pipeline),
    "pull-request": {
      name: `try ${only}`,
      if: ON_PULL_REQUEST,
      ...build,
      concurrency: {
        group: `\${{ github.workflow }}-\${{ github.ref }}-${only}`,
        "cancel-in-progress": true,
      },
      steps: [...prepare, ownStep(pipeline, { command: "build", only, push: false })],
    },
    build: {
      name: `build ${only}`,
      if: ON_RELEASE,
      ...build,
      ...permissions(pipeline),
      steps: [...prepare, ...loginSteps(pipeline), ownStep(pipeline, { command: "build", only })],
    },
    stitch: {
      needs: "build",
      "runs-on": sharedRunner(pipeline),
      ...releasePermissions(pipeline),
      steps: [
        CHECKOUT,
        ...loginSteps(pipeline),
        ...signSteps(pipeline),
        releaseStep(pipeline, { command: "stitch" }),
      ],
    },
  };
}

function planJob(pipeline: Pipeline): Job {
  const step = stepWith(pipeline, { command: "matrix", args: "--format=github" }, []);
  return {
    "runs-on": sharedRunner(pipeline),
    outputs: { matrix: "${{ steps.matrix.outputs.matrix }}" },
    steps: [CHECKOUT, { id: "matrix", ...step }],
  };
}

/** The runner for all that is no platform's own: that of `*`. */
function sharedRunner({ others }: Pipeline): string | readonly string[] {
  return others.length > 1 ? others : (others[0] ?? GITHUB_RUNNER);
}

/**
 * No later step, and nothing that a Dockerfile runs, needs the token that checked the sources out. All tags are there, because whether
 * `latest` moves depends on them.
 */
const CHECKOUT: Step = { uses: ACTIONS.checkout, with: { "fetch-depth": 0, "persist-credentials": false } };

function prepareSteps(qemu: readonly Step[]): readonly Step[] {
  return [CHECKOUT, ...qemu, { uses: ACTIONS.buildx }];
}

function ownStep(pipeline: Pipeline, inputs: Readonly<Record<string, unknown>>): Step {
  return stepWith(pipeline, inputs, pipeline.secrets);
}

/** The step that moves tags, and so the one that signs. */
function releaseStep(pipeline: Pipeline, inputs: Readonly<Record<string, unknown>>): Step {
  return stepWith(pipeline, inputs, [...pipeline.secrets, ...(pipeline.signing?.variables ?? [])]);
}

function stepWith(
  { selection: { file, set } }: Pipeline,
  inputs: Readonly<Record<string, unknown>>,
  secrets: readonly string[],
): Step {
  return {
    uses: OWN_ACTION,
    with: {
      ...inputs,
      ...(file !== "buildx-plan.yaml" && { file }),
      ...(set.length > 0 && { set: set.join("\n") }),
    },
    ...(secrets.length > 0 && {
      env: Object.fromEntries(secrets.map((name) => [name, `\${{ secrets.${name} }}`])),
    }),
  };
}

function signSteps({ signing }: Pipeline): readonly Step[] {
  return signing === undefined ? [] : [{ uses: ACTIONS.cosign }];
}

const GHCR = "ghcr.io";

/** A job of a release may do no more than it has to: push to GitHub's own registry. */
function permissions({ registries }: Pipeline): Job {
  return registries.includes(GHCR) ? { permissions: { contents: "read", packages: "write" } } : {};
}

/** What moves the tags may also prove who it is, where that is what is signed with. */
function releasePermissions(pipeline: Pipeline): Job {
  if (pipeline.signing?.isKeyless !== true) return permissions(pipeline);
  const packages = pipeline.registries.includes(GHCR) ? { packages: "write" } : {};
  return { permissions: { contents: "read", ...packages, "id-token": "write" } };
}

function loginSteps({ registries }: Pipeline): readonly Step[] {
  return registries.map((registry) => ({ uses: ACTIONS.login, with: login(registry) }));
}

function login(registry: string): Step {
  if (registry === GHCR)
    return { registry, username: "${{ github.actor }}", password: "${{ secrets.GITHUB_TOKEN }}" };
  if (registry === "docker.io")
    return { username: "${{ vars.DOCKERHUB_USERNAME }}", password: "${{ secrets.DOCKERHUB_TOKEN }}" };
  const name = variableName(registry);
  return {
    registry,
    username: `\${{ vars.${name}_USERNAME }}`,
    password: `\${{ secrets.${name}_PASSWORD }}`,
  };
}

/** Variables and secrets that the repository must have, beside those that GitHub sets. */
export function githubLogins({ registries, secrets, signing }: Pipeline): readonly string[] {
  const logins = registries
    .filter((registry) => registry !== GHCR)
    .flatMap((registry) => {
      const name = registry === "docker.io" ? undefined : variableName(registry);
      return name === undefined
        ? ["variable DOCKERHUB_USERNAME", "secret DOCKERHUB_TOKEN"]
        : [`variable ${name}_USERNAME`, `secret ${name}_PASSWORD`];
    });
  // GitHub itself sets its token.
  const others = [...secrets, ...(signing?.variables ?? [])].filter((name) => name !== "GITHUB_TOKEN");
  return [...logins, ...others.map((name) => `secret ${name}`)];
}
