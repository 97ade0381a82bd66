import { describe, expect, test } from "vitest";
import { ciFindings, pipelineFindings, withoutEchoes } from "../../../core/ci/needs.ts";
import { missingForPlan } from "../../../core/ci/needs-variables.ts";
import type { AskedRepository, PipelineFacts } from "../../../core/ci/pipeline-facts.ts";
import type { CiKind, CiRun, Environment } from "../../../core/ci/run.ts";
import type { Finding } from "../../../core/host/finding.ts";
import { loadText, planOf } from "../../support/plan.ts";

const KEYLESS = "keyless";
const KEY = "{ key-env: COSIGN_KEY, password-env: COSIGN_KEY_PASSWORD }";

/** What a test says of a pipeline; a whole clone with many tags, where it says nothing. */
interface Situation extends Partial<Omit<PipelineFacts, "run" | "plan">> {
  readonly run?: CiKind | CiRun;
  readonly sign?: string;
  readonly registry?: string;
  readonly secrets?: string;
  readonly tags?: string;
}

const BY_RULES = `{ image: "registry.example/app", from: ["semver:{{version}}"] }`;

async function factsOf(situation: Situation): Promise<PipelineFacts> {
  const { run, sign, registry = "registry.example", secrets, tags, env = {} } = situation;
  const text = `version: 1
vars:
  token: { env: NPM_TOKEN, secret: true }
  channel: { env: CHANNEL }
images:
  app:
    args: { CHANNEL: "\${channel:-none}" }
    secrets: [${secrets ?? "{ id: npm, var: token }"}]
${sign === undefined ? "" : `    sign: ${sign}\n`}    platforms: [linux/amd64, linux/arm64]
    tags: ['${registry}/app:1', ${tags ?? "{ image: registry.example/app, from: [sha] }"}]
`;
  const plan = planOf(await loadText(text, { env: { PATH: "", ...env } }));
  const found = typeof run === "string" ? ({ kind: run, event: "push" } as const) : run;
  return {
    ...(found === undefined ? {} : { run: found }),
    env,
    plan,
    push: [],
    history: { kind: "repository", isShallow: false, tags: 12 },
    bases: situation.bases ?? { looked: 0, findings: [] },
    ...(situation.push === undefined ? {} : { push: situation.push }),
    ...(situation.history === undefined ? {} : { history: situation.history }),
  };
}

const SET = { NPM_TOKEN: "x", CHANNEL: "x" };

/** Findings that are not in order, `check: mend`. */
async function mends(situation: Situation): Promise<readonly string[]> {
  const findings = pipelineFindings(await factsOf(situation));
  return findings
    .filter(({ state }) => state !== "ok")
    .map(({ check, mend }) => `${check}: ${mend ?? "nothing"}`);
}

function refused(registry: string, credential?: string): AskedRepository {
  return {
    repository: { registry, path: "team/app" },
    finding: {
      severity: "error",
      message: `${registry}/team/app takes no push: 403`,
      fix: "the general advice",
    },
    denied: credential === undefined ? {} : { credential },
  };
}

const GHCR_LOGIN =
  '- uses: docker/login-action@v4\n  with: { registry: ghcr.io, username: "${{ github.actor }}", password: "${{ secrets.GITHUB_TOKEN }}" }';
const OTHER_LOGIN =
  '- uses: docker/login-action@v4\n  with: { registry: "r.example:5000", username: "${{ vars.R_EXAMPLE_5000_USERNAME }}", password: "${{ secrets.R_EXAMPLE_5000_PASSWORD }}" }';
const SHELL_LOGIN =
  'echo "$R_EXAMPLE_5000_PASSWORD" | docker login r.example:5000 -u "$R_EXAMPLE_5000_USERNAME" --password-stdin';
const PACKAGES = "permissions: { contents: read, packages: write }   # of the job";

describe("a repository that takes no push", () => {
  test.each<
    [
      CiKind,
      string,
      { readonly own?: string; readonly credential?: string; readonly env?: Environment },
      string,
    ]
  >([
    ["github", "ghcr.io, without a login", { own: "ghcr.io" }, `${PACKAGES}\n${GHCR_LOGIN}`],
    ["github", "ghcr.io, with a login", { own: "ghcr.io", credential: "config.json" }, PACKAGES],
    ["github", "another, without a login", {}, OTHER_LOGIN],
    [
      "github",
      "Docker Hub",
      { own: "docker.io" },
      '- uses: docker/login-action@v4\n  with: { username: "${{ vars.DOCKERHUB_USERNAME }}", password: "${{ secrets.DOCKERHUB_TOKEN }}" }',
    ],
    ["github", "another, with a login", { credential: "config.json" }, "the general advice"],
    ["forgejo", "without a login", {}, OTHER_LOGIN],
    [
      "gitlab",
      "its own, without a login",
      { own: "registry.gitlab.example", env: { CI_REGISTRY: "registry.gitlab.example" } },
      'before_script:\n  - echo "$CI_REGISTRY_PASSWORD" | docker login "$CI_REGISTRY" -u "$CI_REGISTRY_USER" --password-stdin',
    ],
    [
      "gitlab",
      "its own, with a login",
      {
        own: "registry.gitlab.example",
        credential: "config.json",
        env: { CI_REGISTRY: "registry.gitlab.example" },
      },
      "docker login $CI_REGISTRY with a deploy token that has the scope write_registry",
    ],
    [
      "gitlab",
      "another, without a login",
      { env: { CI_REGISTRY: "registry.gitlab.example" } },
      `before_script:\n  - ${SHELL_LOGIN}`,
    ],
    ["buildkite", "without a login", {}, `command:\n  - ${SHELL_LOGIN}`],
    [
      "azure",
      "without a login",
      {},
      `- script: ${SHELL_LOGIN}\n  env: { R_EXAMPLE_5000_PASSWORD: $(R_EXAMPLE_5000_PASSWORD) }`,
    ],
    ["circleci", "without a login", {}, `- run: ${SHELL_LOGIN}`],
    [
      "jenkins",
      "without a login",
      {},
      "withCredentials([usernamePassword(credentialsId: 'r-example-5000', usernameVariable: 'USER', passwordVariable: 'PASSWORD')]) {\n  sh 'echo \"$PASSWORD\" | docker login r.example:5000 -u \"$USER\" --password-stdin'\n}",
    ],
    ["jenkins", "with a login", { credential: "config.json" }, "the general advice"],
  ])("%s, %s", async (run, _, { own = "r.example:5000", credential, env }, mend) => {
    const push = [refused(own, credential)];
    expect(await mends({ run, push, env: { ...SET, ...env } })).toEqual([`push ${own}/team/app: ${mend}`]);
  });

  test("outside of CI, and for another reason than a login: what check advises", async () => {
    const { denied: _, ...unreachable } = refused("r.example");
    for (const situation of [
      { push: [refused("r.example")] },
      { run: "github", push: [unreachable] } as const,
    ])
      expect(await mends({ ...situation, env: SET })).toEqual([
        "push r.example/team/app: the general advice",
      ]);
  });

  test("names the repository of GitHub that a package has to let in", async () => {
    const env = { ...SET, GITHUB_REPOSITORY: "octocat/app" };
    const [finding] = pipelineFindings(
      await factsOf({ run: "github", push: [refused("ghcr.io", "x")], env }),
    );
    expect(finding).toMatchObject({ state: "problem", detail: "it takes no push: 403" });
    expect(finding?.notes?.[0]).toContain("add octocat/app with the role Write");
  });

  test("one that takes it is told, too", async () => {
    const push = [{ repository: { registry: "r.example", path: "app" } }];
    expect(pipelineFindings(await factsOf({ push, env: SET }))).toContainEqual({
      check: "push r.example/app",
      state: "ok",
      detail: "it takes a push",
    });
  });
});

describe("an identity for `sign: keyless`", () => {
  const BY_KEY = "sign: { key-env: COSIGN_KEY, password-env: COSIGN_KEY_PASSWORD }   # of the plan";
  test.each<[CiKind, string, string]>([
    ["github", "ghcr.io", "permissions: { contents: read, packages: write, id-token: write }   # of the job"],
    ["github", "r.example", "permissions: { contents: read, id-token: write }   # of the job"],
    ["gitlab", "r.example", "id_tokens:   # of the job\n  SIGSTORE_ID_TOKEN: { aud: sigstore }"],
    [
      "buildkite",
      "r.example",
      "env BUILDKITE_AGENT_ACCESS_TOKEN, which the agent gives each command: pass it on to where buildx-plan runs",
    ],
    ["forgejo", "r.example", BY_KEY],
    ["azure", "r.example", BY_KEY],
    ["circleci", "r.example", BY_KEY],
    ["jenkins", "r.example", BY_KEY],
  ])("%s, pushing to %s, without one", async (run, registry, mend) => {
    expect(await mends({ run, registry, sign: KEYLESS, env: SET })).toEqual([`identity: ${mend}`]);
  });

  test.each<[CiKind, Environment, boolean]>([
    ["github", { ACTIONS_ID_TOKEN_REQUEST_URL: "https://x", ACTIONS_ID_TOKEN_REQUEST_TOKEN: "t" }, true],
    ["github", { ACTIONS_ID_TOKEN_REQUEST_URL: "https://x" }, false],
    ["gitlab", { SIGSTORE_ID_TOKEN: "t" }, true],
    ["gitlab", { SIGSTORE_ID_TOKEN: "" }, false],
    ["circleci", { SIGSTORE_ID_TOKEN: "t" }, true],
    ["buildkite", { BUILDKITE_AGENT_ACCESS_TOKEN: "t" }, true],
    ["jenkins", { BUILDKITE_AGENT_ACCESS_TOKEN: "t" }, false],
  ])("%s with %o: %s", async (run, env, isThere) => {
    expect(await mends({ run, sign: KEYLESS, env: { ...SET, ...env } })).toHaveLength(isThere ? 0 : 1);
  });

  test("outside of CI a person is asked; and a plan that signs with a key wants none", async () => {
    const identity = (findings: readonly Finding[]) => findings.filter(({ check }) => check === "identity");
    expect(identity(pipelineFindings(await factsOf({ sign: KEYLESS, env: SET })))).toMatchObject([
      { state: "ok" },
    ]);
    expect(identity(pipelineFindings(await factsOf({ run: "github", sign: KEY, env: SET })))).toEqual([]);
  });
});

describe("history", () => {
  const SHALLOW = { kind: "repository", isShallow: true, tags: 1 } as const;
  test.each<[CiKind | undefined, string]>([
    ["github", "- uses: actions/checkout@v6\n  with: { fetch-depth: 0 }"],
    ["forgejo", "- uses: actions/checkout@v6\n  with: { fetch-depth: 0 }"],
    ["gitlab", 'variables: { GIT_DEPTH: "0" }'],
    ["buildkite", 'env: { BUILDKITE_GIT_CLONE_FLAGS: "-v", BUILDKITE_GIT_FETCH_FLAGS: "-v --prune --tags" }'],
    ["azure", "- checkout: self\n  fetchDepth: 0\n  fetchTags: true"],
    ["circleci", "- checkout\n- run: git fetch --unshallow --tags"],
    [
      "jenkins",
      "checkout scmGit(branches: scm.branches, userRemoteConfigs: scm.userRemoteConfigs,\n  extensions: [cloneOption(shallow: false, noTags: false)])",
    ],
    [undefined, "git fetch --unshallow --tags"],
  ])("%s, a shallow clone, and rules that compare versions", async (run, mend) => {
    const where = run === undefined ? {} : { run };
    const situation = { ...where, tags: BY_RULES, env: SET };
    expect(await mends({ ...situation, history: SHALLOW })).toEqual([`history: ${mend}`]);
    expect(await mends(situation)).toEqual([]);
  });

  test.each<[string, string, PipelineFacts["history"], string | undefined]>([
    [
      "labels and `sha` alone need one commit",
      "{ image: registry.example/app, from: [sha] }",
      SHALLOW,
      undefined,
    ],
    [
      "a plan that asks git for nothing",
      "registry.example/app:2",
      { kind: "none", why: "git is not installed" },
      undefined,
    ],
    [
      "no git",
      BY_RULES,
      { kind: "none", why: "git is not installed" },
      "the plan asks git for its tags, and git tells nothing: git is not installed",
    ],
    ["`${git.tag}` with a tag there", "'registry.example/app:${git.tag:-dev}'", SHALLOW, undefined],
    [
      "`${git.tag}` without tags",
      "'registry.example/app:${git.tag:-dev}'",
      { ...SHALLOW, tags: 0 },
      "a shallow clone with no tags: `${git.tag}` does not see them",
    ],
    [
      "a whole clone of a repository that has no tags, or of which none were fetched",
      BY_RULES,
      { ...SHALLOW, isShallow: false, tags: 0 },
      "a clone with no tags: if the repository has some, `latest`, `1` and the like are given to a release without a look at those whose tags are not here",
    ],
    [
      "the other form of a rule",
      "{ image: registry.example/app, from: [{ type: match, pattern: '.*' }] }",
      SHALLOW,
      "a shallow clone with 1 tag: `latest`, `1` and the like are given to a release without a look at those whose tags are not here",
    ],
  ])("%s", async (_, tags, history, detail) => {
    const findings = pipelineFindings(await factsOf({ run: "github", tags, history, env: SET }));
    const warned = findings.filter(({ check, state }) => check === "history" && state === "warning");
    expect(warned.map((finding) => finding.detail)).toEqual(detail === undefined ? [] : [detail]);
  });

  test("a folder that belongs to another user, as in a job's container", async () => {
    const why = "the repository belongs to another user, and git refuses it (git config safe.directory)";
    const history = { kind: "none", why } as const;
    expect(await mends({ run: "github", tags: BY_RULES, history, env: SET })).toEqual([
      'history: git config --global --add safe.directory "$PWD"',
    ]);
  });
});

describe("variables that are not set", () => {
  test.each<[CiKind | undefined, string, string]>([
    [
      "github",
      'env: { NPM_TOKEN: "${{ secrets.NPM_TOKEN }}" }   # of the step',
      'env: { CHANNEL: "${{ vars.CHANNEL }}" }   # of the step',
    ],
    [
      "forgejo",
      'env: { NPM_TOKEN: "${{ secrets.NPM_TOKEN }}" }   # of the step',
      'env: { CHANNEL: "${{ vars.CHANNEL }}" }   # of the step',
    ],
    ["gitlab", "Settings > CI/CD > Variables: NPM_TOKEN, masked", "Settings > CI/CD > Variables: CHANNEL"],
    ["buildkite", "secrets: [NPM_TOKEN]   # of the step", 'env: { CHANNEL: "..." }   # of the step'],
    [
      "azure",
      "env: { NPM_TOKEN: $(NPM_TOKEN) }   # of the step",
      "env: { CHANNEL: $(CHANNEL) }   # of the step",
    ],
    [
      "circleci",
      "Project Settings > Environment Variables: NPM_TOKEN",
      "Project Settings > Environment Variables: CHANNEL",
    ],
    ["jenkins", "environment { NPM_TOKEN = credentials('NPM_TOKEN') }", "environment { CHANNEL = '...' }"],
    [undefined, "export NPM_TOKEN=...", "export CHANNEL=..."],
  ])("%s", async (run, secret, plain) => {
    const where = run === undefined ? {} : { run };
    expect(await mends(where)).toEqual([`variable NPM_TOKEN: ${secret}`, `variable CHANNEL: ${plain}`]);
  });

  test("without which the plan cannot be read: those that are no secrets, as problems", async () => {
    const text =
      "version: 1\nvars:\n  token: { env: NPM_TOKEN, secret: true }\n  channel: { env: CHANNEL }\nimages:\n  app: { platforms: [linux/amd64], tags: ['r.example/app:${channel}'] }\n";
    const loaded = await loadText(text);
    const { unsetVariables = [] } = loaded.ok || loaded.error.kind !== "plan-invalid" ? {} : loaded.error;
    expect(
      missingForPlan(unsetVariables, { run: { kind: "jenkins", event: "push" }, env: {} }),
    ).toMatchObject([
      { check: "variable CHANNEL", state: "problem", mend: "environment { CHANNEL = '...' }" },
    ]);
    expect(missingForPlan([], { env: {} })).toEqual([]);
  });

  test("are told once each, with the place of the plan; those that signing needs are problems", async () => {
    const secrets = '{ id: npm, var: token }, "id=pip,env=PIP_TOKEN"';
    const findings = pipelineFindings(await factsOf({ secrets, sign: KEY, env: { CHANNEL: "x" } }));
    expect(
      findings
        .filter(({ state }) => state !== "ok")
        .map(({ state, check, detail }) => [state, check, detail]),
    ).toEqual([
      [
        "warning",
        "variable NPM_TOKEN",
        "it is not set, and the secret variable `token` (plan.yaml:3:3) takes its value from it",
      ],
      [
        "warning",
        "variable PIP_TOKEN",
        "it is not set, and the secret `pip` (plan.yaml:8:52) takes its value from it",
      ],
      [
        "problem",
        "variable COSIGN_KEY",
        "it is not set, and the key of `sign` (plan.yaml:9:5) takes its value from it",
      ],
      [
        "problem",
        "variable COSIGN_KEY_PASSWORD",
        "it is not set, and the password of `sign` (plan.yaml:9:5) takes its value from it",
      ],
    ]);
  });
});

describe("a pull request from a fork", () => {
  const FORK = { event: "pull-request", pullRequest: { number: "7", isFork: true } } as const;
  test.each<[CiKind, string]>([
    ["github", "buildx-plan build --output type=oci,dest=image.tar\nwith: { push: false }   # of the action"],
    ["forgejo", "buildx-plan build --output type=oci,dest=image.tar"],
    ["gitlab", "buildx-plan build --output type=oci,dest=image.tar"],
    ["buildkite", "buildx-plan build --output type=oci,dest=image.tar"],
    ["azure", "buildx-plan build --output type=oci,dest=image.tar"],
    ["circleci", "buildx-plan build --output type=oci,dest=image.tar"],
    ["jenkins", "buildx-plan build --output type=oci,dest=image.tar"],
  ])("%s: nothing that is missing by design is a problem, and what works is said", async (kind, mend) => {
    const situation = { run: { kind, ...FORK }, sign: KEYLESS, push: [refused("ghcr.io")], tags: BY_RULES };
    const history = { kind: "repository", isShallow: true, tags: 0 } as const;
    const findings = pipelineFindings(await factsOf({ ...situation, history }));
    expect(findings.map(({ check, state }) => [check, state])).toEqual([
      ["fork", "ok"],
      ["history", "warning"],
    ]);
    expect(findings[0]).toMatchObject({ mend });
  });
});

describe("base images", () => {
  const of = async (bases: PipelineFacts["bases"], run?: CiRun): Promise<readonly Finding[]> => {
    const facts = await factsOf({ bases, env: SET, ...(run === undefined ? {} : { run }) });
    return pipelineFindings(facts).filter(({ check }) => check === "bases");
  };

  test("that can be read are counted; those that cannot are told, to forks as well", async () => {
    expect(await of({ looked: 0, findings: [] })).toEqual([]);
    expect(await of({ looked: 1, findings: [] })).toMatchObject([
      { state: "ok", detail: "1 base image can be read" },
    ]);
    const findings = [
      { severity: "warning", message: "r.example/base could not be looked up", fix: "docker login" },
      { severity: "error", message: "r.example/gone is not in its registry" },
    ] as const;
    const told = [
      { check: "bases", state: "warning", detail: findings[0].message, mend: "docker login" },
      { check: "bases", state: "problem", detail: findings[1].message },
    ];
    expect(await of({ looked: 3, findings })).toEqual(told);
    expect(
      await of(
        { looked: 3, findings },
        { kind: "github", event: "pull-request", pullRequest: { isFork: true } },
      ),
    ).toEqual(told);
  });
});

describe("which CI", () => {
  test.each<[CiRun | undefined, Environment, string | undefined]>([
    [
      { kind: "github", event: "push", ref: "refs/heads/main", attempt: 1 },
      {},
      "GitHub Actions: a push, refs/heads/main",
    ],
    [
      { kind: "github", event: "tag", ref: "refs/tags/v1", attempt: 2 },
      {},
      "GitHub Actions: a tag, refs/tags/v1, attempt 2",
    ],
    [
      { kind: "gitlab", event: "pull-request", pullRequest: { number: "12", isFork: true } },
      {},
      "GitLab CI: a pull request (12) from a fork",
    ],
    [{ kind: "jenkins", event: "other" }, {}, "Jenkins: an event of another kind"],
    [
      undefined,
      { CI: "true" },
      "a CI that buildx-plan does not know (CI is set): no groups, annotations or summary",
    ],
    [undefined, { CI: "false" }, undefined],
    [undefined, {}, undefined],
  ])("%o %o", (run, env, detail) => {
    expect(ciFindings(run, env)).toEqual(detail === undefined ? [] : [{ check: "ci", state: "ok", detail }]);
  });
});

describe("one cause is told once", () => {
  const registry = { check: "registry r.example", state: "problem", detail: "no" } as const;
  const checks = (findings: readonly Finding[]): readonly string[] => findings.map(({ check }) => check);

  test("a registry that wants a login: by its repository", async () => {
    const facts = await factsOf({ push: [refused("r.example")], env: SET });
    expect(checks(withoutEchoes([registry], facts))).toEqual(["push r.example/team/app", "history"]);
  });

  test("a registry that is not there: by itself", async () => {
    const { denied: _, ...unreachable } = refused("r.example");
    const facts = await factsOf({ push: [unreachable], env: SET });
    expect(checks(withoutEchoes([registry], facts))).toEqual(["registry r.example", "history"]);
    const fine = { ...registry, state: "ok" } as const;
    expect(checks(withoutEchoes([fine], facts))).toEqual([
      "registry r.example",
      "push r.example/team/app",
      "history",
    ]);
  });
});
