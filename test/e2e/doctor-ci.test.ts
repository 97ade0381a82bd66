import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { execa } from "execa";
import { beforeAll, describe, expect, test } from "vitest";
import { startFaultProxy, type FaultProxy, type Incoming } from "../support/fault-proxy.ts";
import { startRealRegistry, type RealRegistry } from "../support/real-registry.ts";
import { openRig, type Environment, type Rig } from "../support/rig.ts";

// `htpasswd -nbBC 5 ada test-password`
const HTPASSWD = "ada:$2b$05$q4K4KNa0Ib3TgFqmWHo7uOv2YRjB2LuLsGc2zcfdFg9cXKSvYU0be\n";
const AUTH = Buffer.from("ada:test-password").toString("base64");

let registry: RealRegistry;
/** Lets ada read and nobody write, in front of the registry. */
let readOnly: FaultProxy;
/** Lets ada do all that the registry lets her do, and counts. */
let writable: FaultProxy;
beforeAll(async () => {
  registry = await startRealRegistry({ htpasswd: HTPASSWD });
  readOnly = await startFaultProxy(registry.host, { gate: refuseWrites });
  writable = await startFaultProxy(registry.host);
  return async () => {
    await Promise.all([readOnly.close(), writable.close()]);
    await registry.close();
  };
});

function refuseWrites({ method, headers }: Incoming) {
  if (method !== "POST" || headers.authorization === undefined) return undefined;
  const errors = [{ code: "DENIED", message: "permission_denied: write_package" }];
  return {
    status: 403,
    headers: { "content-type": "application/json" },
    body: Buffer.from(JSON.stringify({ errors })),
  };
}

function plan(host: string): string {
  return `version: 1
vars:
  token: { env: NPM_TOKEN, secret: true }
images:
  app:
    context: .
    secrets: [{ id: npm, var: token }]
    platforms: [linux/amd64]
    cache-to: ["type=registry,ref=${host}/team/cache:app"]
    sign: keyless
    tags: [{ image: "${host}/team/app", from: ["semver:{{version}}", sha] }]
`;
}

/** These tests may run in a CI themselves. */
const NO_CI = { CI: undefined, GITHUB_ACTIONS: undefined, GITLAB_CI: undefined };

interface Job {
  readonly rig: Rig;
  readonly env: Environment;
}

/** A shallow clone of a repository with a tag, in a job that is logged in or not. */
async function openJob(host: string, isLoggedIn: boolean): Promise<Job> {
  const rig = await openRig({ Dockerfile: `FROM ${host}/team/base:1\n`, "buildx-plan.yaml": plan(host) });
  const git = async (cwd: string, ...argv: readonly string[]): Promise<void> => {
    await execa("git", ["-c", "user.name=ada", "-c", "user.email=ada@example.com", ...argv], { cwd });
  };
  const origin = join(rig.state, "origin");
  await mkdir(origin, { recursive: true });
  await git(origin, "init", "--quiet");
  for (const message of ["one", "two"])
    await git(origin, "commit", "--quiet", "--allow-empty", "-m", message);
  await git(rig.directory, "init", "--quiet");
  await git(rig.directory, "fetch", "--quiet", "--depth=1", `file://${origin}`, "HEAD");
  await git(rig.directory, "reset", "--quiet", "--soft", "FETCH_HEAD");
  const config = join(rig.state, "docker");
  await mkdir(config);
  const auths = isLoggedIn ? { [host]: { auth: AUTH } } : {};
  await writeFile(join(config, "config.json"), JSON.stringify({ auths }));
  return { rig, env: { ...NO_CI, DOCKER_CONFIG: config, GITHUB_REPOSITORY: "octocat/app" } };
}

/** What doctor says of the pipeline: not of this machine, and with the same names and widths everywhere. */
async function pipelineWords({ rig, env }: Job, ci: Environment, host: string): Promise<string> {
  const ran = await rig.run(["doctor"], { ...env, ...ci });
  expect(ran.stderr).toBe("");
  expect(ran.stdout).not.toContain(AUTH);
  const blocks = ran.stdout.replace(/\n\n[^\n]*\n$/, "\n").split(/^(?=(?:ok|warning|problem) )/m);
  const variable = host.replaceAll(/[.:]/g, "_");
  return blocks
    .filter((block) => /^\w+ +(?:ci|fork|bases|registry|push|identity|history|variable) /.test(block))
    .map(withoutMargin)
    .join("")
    .replaceAll(host, "registry.example")
    .replaceAll(`_${variable}`, "REGISTRY_EXAMPLE")
    .replaceAll(host.replaceAll(/[.:]/g, "-"), "registry-example")
    .replaceAll(rig.state, "<state>");
}

/** Columns are as wide as what is in them, which is not the same everywhere. */
function withoutMargin(block: string): string {
  const [head = "", ...below] = block.split("\n");
  const [, state = "", check = "", detail = ""] = /^(\w+) +(\S.*?) {2,}(.*)$/.exec(head) ?? [];
  const margin = head.length - detail.length;
  return [
    `${state}  ${check}  ${detail}`,
    ...below.map((line) => (line === "" ? "" : `  ${line.slice(margin)}`)),
  ].join("\n");
}

const GITHUB = {
  CI: "true",
  GITHUB_ACTIONS: "true",
  GITHUB_EVENT_NAME: "push",
  GITHUB_REF: "refs/heads/main",
};
const JOBS: Readonly<Record<string, Environment>> = {
  github: GITHUB,
  forgejo: { ...GITHUB, FORGEJO_ACTIONS: "true" },
  gitlab: { CI: "true", GITLAB_CI: "true", CI_PIPELINE_SOURCE: "push", CI_COMMIT_BRANCH: "main" },
  buildkite: { CI: "true", BUILDKITE: "true", BUILDKITE_SOURCE: "webhook", BUILDKITE_BRANCH: "main" },
  azure: { TF_BUILD: "True", BUILD_REASON: "IndividualCI", BUILD_SOURCEBRANCH: "refs/heads/main" },
  circleci: { CI: "true", CIRCLECI: "true", CIRCLE_BRANCH: "main" },
  jenkins: { JENKINS_URL: "https://jenkins.example/", BRANCH_NAME: "main" },
  none: {},
};

describe("a registry that wants a login", () => {
  test.each(Object.entries(JOBS))("%s, without one", async (kind, ci) => {
    const { host } = writable;
    const words = await pipelineWords(await openJob(host, false), ci, host);
    await expect(words).toMatchFileSnapshot(`__snapshots__/doctor-${kind}.txt`);
  });

  test("GitHub and GitLab, with one that may only read", async () => {
    const { host } = readOnly;
    const job = await openJob(host, true);
    const gitlab = { ...JOBS["gitlab"], CI_REGISTRY: host, CI_PROJECT_PATH: "team/app" };
    const words = [await pipelineWords(job, GITHUB, host), await pipelineWords(job, gitlab, host)];
    await expect(words.join("\n")).toMatchFileSnapshot("__snapshots__/doctor-read-only.txt");
  });

  test("with one that may write, and all else there: nothing to mend, and nothing stays in the registry", async () => {
    const { host } = writable;
    const job = await openJob(host, true);
    writable.clearLog();
    const env = { ...job.env, ...GITHUB, NPM_TOKEN: "x", SIGSTORE_ID_TOKEN: "x" };
    const ran = await job.rig.run(["doctor", "--json"], env);
    const { findings } = JSON.parse(ran.stdout);
    const of = (check: string): unknown =>
      findings.find((finding: { readonly check: string }) => finding.check === check);
    for (const check of [`push ${host}/team/app`, `push ${host}/team/cache`, "identity", `registry ${host}`])
      expect(of(check)).toMatchObject({ state: "ok" });
    expect(of("ci")).toEqual({ check: "ci", state: "ok", detail: "GitHub Actions: a push, refs/heads/main" });
    expect(of("variable NPM_TOKEN")).toBeUndefined();
    const methods = writable.log().map((line) => line.split(" ")[0]);
    expect(methods.filter((method) => method === "DELETE")).toHaveLength(2);
    expect(methods).not.toContain("PUT");
    expect(methods).not.toContain("PATCH");
  });
});

test("JSON has the place of the plan, and lines to add", async () => {
  const { host } = writable;
  const job = await openJob(host, false);
  const ran = await job.rig.run(["doctor", "--json"], { ...job.env, ...GITHUB });
  expect(ran.exitCode).toBe(5);
  const { schemaVersion, ok, findings } = JSON.parse(ran.stdout);
  expect({ schemaVersion, ok }).toEqual({ schemaVersion: 1, ok: false });
  expect(findings).toContainEqual({
    check: "variable NPM_TOKEN",
    state: "warning",
    detail: "it is not set, and the secret variable `token` (buildx-plan.yaml:3:3) takes its value from it",
    location: { file: "buildx-plan.yaml", line: 3, column: 3 },
    mend: 'env: { NPM_TOKEN: "${{ secrets.NPM_TOKEN }}" }   # of the step',
  });
});

test("a plan that cannot be read without a variable: what is wrong, and where it is set", async () => {
  const rig = await openRig({
    Dockerfile: "FROM scratch\n",
    "buildx-plan.yaml":
      "version: 1\nvars:\n  channel: { env: CHANNEL }\nimages:\n  app: { platforms: [linux/amd64], tags: ['r.example/app:${channel}'] }\n",
  });
  const ran = await rig.run(["doctor"], JOBS["gitlab"]);
  expect(ran.exitCode).toBe(2);
  expect(ran.stderr).toContain("`channel` has no value: the environment variable CHANNEL is not set");
  expect(ran.stdout).toBe(`ok       ci                GitLab CI: a push, refs/heads/main
problem  variable CHANNEL  it is not set, and the variable \`channel\` (buildx-plan.yaml:3:3) takes its value from it
                           A protected variable is there for protected branches and tags only.
                           Settings > CI/CD > Variables: CHANNEL

1 problem to mend.
`);
  const json = await rig.run(["doctor", "--json"], JOBS["gitlab"]);
  const { failures } = JSON.parse(json.stdout);
  expect(failures).toMatchObject([
    { kind: "plan-invalid", unset: [{ name: "channel", variable: "CHANNEL" }] },
  ]);
});

test("a pull request from a fork: no question to the registry, no problem of the pipeline, and what works there", async () => {
  const { host } = readOnly;
  const job = await openJob(host, false);
  const event = join(job.rig.state, "event.json");
  const pull_request = {
    number: 7,
    head: { repo: { full_name: "mona/app" } },
    base: { repo: { full_name: "octocat/app" } },
  };
  await writeFile(event, JSON.stringify({ number: 7, pull_request }));
  const fork = {
    ...GITHUB,
    GITHUB_EVENT_NAME: "pull_request",
    GITHUB_EVENT_PATH: event,
    GITHUB_REF: "refs/pull/7/merge",
  };
  readOnly.clearLog();
  const words = await pipelineWords(job, fork, host);
  await expect(words).toMatchFileSnapshot("__snapshots__/doctor-fork.txt");
  expect(readOnly.log().filter((line) => line.startsWith("POST"))).toEqual([]);
});
