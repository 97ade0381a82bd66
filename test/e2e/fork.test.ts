import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, inject, test } from "vitest";
import type { AuthMode } from "../support/fake-registry-auth.ts";
import type { FakeRegistry } from "../support/fake-registry.ts";
import { fakeRegistry } from "../support/registry-rig.ts";
import { addBusybox, openRig, type Environment, type Ran, type Rig } from "../support/rig.ts";

/*
 * A pull request from a fork has neither secrets nor a login: the same plan has to be planned, checked and built all the same, and
 * nothing may be written anywhere.
 */

const BASE = `FROM scratch
ARG TARGETARCH
COPY --from=busybox \${TARGETARCH}/busybox /bin/busybox
RUN ["/bin/busybox", "--install", "-s", "/bin"]
`;
const OPTIONAL = `${BASE}RUN --mount=type=secret,id=npm --mount=type=secret,id=pip,env=PIP_TOKEN sh -c 'test ! -e /run/secrets/npm && test -z "$PIP_TOKEN"'\n`;
const REQUIRED = `${BASE}RUN --mount=type=secret,id=npm,required=true cat /run/secrets/npm\n`;

function plan(host: string, sign: string): string {
  return `version: 1
vars:
  token: { env: NPM_TOKEN, secret: true }
registries:
  ${host}: { insecure: true }
images:
  app:
    context: .
    contexts: { busybox: ./busybox }
    platforms: [linux/amd64, linux/arm64]
    secrets: [{ id: npm, var: token }, "id=pip,env=PIP_TOKEN"]
    cache-from: ["${host}/cache:app"]
    cache-to: ["type=registry,ref=${host}/cache:app,mode=max"]
    reuse: unchanged
    scan: { fail-on: critical }
    sign: ${sign}
    tags:
      - { tag: "${host}/app:1", if-exists: fail }
      - { image: "${host}/app", from: [pr, sha] }
`;
}

const KEYLESS = "keyless";
const KEY = "{ key-env: COSIGN_KEY, password-env: COSIGN_KEY_PASSWORD }";
const LOGIN: AuthMode = {
  kind: "token",
  login: { username: "ada", password: "secret" },
};

interface Fork {
  readonly rig: Rig;
  readonly registry: FakeRegistry;
  readonly run: (...argv: readonly string[]) => Promise<Ran>;
}

/** A checkout of a fork's pull request in a job of GitHub, with nothing but what is there by design. */
async function openFork(dockerfile: string, sign = KEYLESS, auth: AuthMode = LOGIN): Promise<Fork> {
  const registry = await fakeRegistry({ auth });
  const rig = await openRig({
    ".git/HEAD": "ref: refs/heads/main\n",
    Dockerfile: dockerfile,
    "buildx-plan.yaml": plan(registry.host, sign),
    "docker/config.json": "{}",
  });
  await addBusybox(rig);
  const event = `${rig.directory}.event.json`;
  const repository = { full_name: "octocat/app", default_branch: "main" };
  const pull_request = { number: 7, head: { repo: { full_name: "mona/app" } }, base: { repo: repository } };
  await writeFile(event, JSON.stringify({ number: 7, pull_request, repository }));
  const env: Environment = {
    CI: "true",
    GITHUB_ACTIONS: "true",
    GITHUB_EVENT_NAME: "pull_request",
    GITHUB_EVENT_PATH: event,
    GITHUB_REF: "refs/pull/7/merge",
    GITHUB_SHA: "ffac537e6cbbf934b08745a378932722df287a53",
    GITHUB_WORKSPACE: rig.directory,
    DOCKER_CONFIG: join(rig.directory, "docker"),
  };
  return { rig, registry, run: (...argv) => rig.run(argv, env) };
}

function onBuilder(...argv: string[]): readonly string[] {
  return [...argv, "--builder", inject("buildkit").address];
}

/** Requests that would change something, and those with a login. */
function writes({ requests }: FakeRegistry): readonly string[] {
  return requests
    .filter(({ method, path, headers }) => {
      const isAnonymous = headers.authorization === undefined || path !== "/token";
      return !["GET", "HEAD"].includes(method) || !isAnonymous;
    })
    .map(({ method, path }) => `${method} ${path}`);
}

describe.each([
  ["without a key", KEYLESS, LOGIN],
  ["with a key, and a registry that anybody may write to", KEY, { kind: "none" } as const],
])("signed %s", (_, sign, auth) => {
  test("plan, check, tags and matrix need no secret and no login", async () => {
    const fork = await openFork(OPTIONAL, sign, auth);
    for (const argv of [onBuilder("plan"), onBuilder("check"), ["tags"], ["matrix", "--format", "github"]]) {
      const ran = await fork.run(...argv);
      expect({ argv, ...ran }).toMatchObject({ exitCode: 0 });
    }
    const { stdout } = await fork.run(...onBuilder("plan", "--json"));
    const [variant] = JSON.parse(stdout).releases[0].variants;
    expect(variant.build.unsetSecrets).toEqual([
      { id: "npm", kind: "unset", variable: "NPM_TOKEN" },
      { id: "pip", kind: "unset", variable: "PIP_TOKEN" },
    ]);
    expect(writes(fork.registry)).toEqual([]);
  });

  test("build --output makes a layout, writes nothing to a registry, and says what it leaves out", async () => {
    const fork = await openFork(OPTIONAL, sign, auth);
    const ran = await fork.run(...onBuilder("build", "--output", "type=oci,dest=app,tar=false"));
    expect(ran).toMatchObject({ exitCode: 0 });
    expect(ran.stderr).toContain(
      `note: nothing is pushed, so no cache is exported to ${fork.registry.host}/cache either\n`,
    );
    expect(ran.stderr).toContain("The secret variable `token` has no value");
    const index = JSON.parse(await readFile(join(fork.rig.directory, "app/index.json"), "utf8"));
    expect(index.manifests.length).toBeGreaterThan(0);
    const part = await fork.run(
      ...onBuilder("build", "--only", "linux/arm64", "--output", "type=oci,dest=arm64.tar"),
    );
    expect(part).toMatchObject({ exitCode: 0 });
    expect(writes(fork.registry)).toEqual([]);
  });
});

test("a step that requires a secret fails there, and the words name the variable", async () => {
  const fork = await openFork(REQUIRED);
  const ran = await fork.run(...onBuilder("build", "--output", "type=oci,dest=app.tar"));
  expect(ran.exitCode).toBe(1);
  expect(ran.stderr).toContain(
    "hint: This step requires the secret `npm`, and the environment variable NPM_TOKEN is not set: set it, or let the step do without (`required=true` off its mount).",
  );
  expect(writes(fork.registry)).toEqual([]);
});

test("check says what it did not look at, and --no-push asks for the same elsewhere", async () => {
  const fork = await openFork(OPTIONAL);
  const ran = await fork.run(...onBuilder("check"));
  expect(ran.stderr).toContain(
    "note: not looked at: repositories and tags, for a pull request from a fork, which may not push\n",
  );
  const config = { DOCKER_CONFIG: join(fork.rig.directory, "docker") };
  const elsewhere = await fork.rig.run(onBuilder("check", "--no-push"), config);
  expect(elsewhere).toMatchObject({ exitCode: 0 });
  expect(elsewhere.stderr).toContain("note: not looked at: repositories and tags, as --no-push asks\n");
  const pushing = await fork.rig.run(onBuilder("check"), config);
  expect(pushing).toMatchObject({ exitCode: 4 });
  expect(pushing.stderr).toContain("[push-denied]");
});
