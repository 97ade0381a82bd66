import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { symlink, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { foundLines } from "../../../cli/render/init-view.ts";
import { proposePlan, type ProposeOptions } from "../../../core/init/propose.ts";
import { formatReference } from "../../../core/oci/reference.ts";
import { formatPlatform } from "../../../platforms/platform.ts";
import { onGithub, SHA } from "../../support/checkout.ts";
import { folderWith, load, planOf } from "../../support/plan.ts";

const FIXTURES = join(import.meta.dirname, "../../../fixtures/init");
const projects = readdirSync(FIXTURES, { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => name);

function options(directory: string, changes: Partial<ProposeOptions> = {}): ProposeOptions {
  return {
    directory,
    env: { PATH: "" },
    signal: new AbortController().signal,
    onCommand: () => undefined,
    ...changes,
  };
}

async function propose(directory: string, changes: Partial<ProposeOptions> = {}) {
  const proposed = await proposePlan(options(directory, changes));
  if (!proposed.ok) throw new Error(JSON.stringify(proposed.error));
  return proposed.value;
}

describe("a project of each kind", () => {
  test.each(projects)("%s", async (project) => {
    const { text, lookedAt, leftOut } = await propose(join(FIXTURES, project));
    await expect(text).toMatchFileSnapshot(join(FIXTURES, `${project}.plan.yaml`));
    const said = foundLines(lookedAt, leftOut).map((line) => `${line}\n`);
    await expect(said.join("")).toMatchFileSnapshot(join(FIXTURES, `${project}.txt`));
  });

  test("the official recipe gives one image with its platforms, runners and repositories", async () => {
    const { plan } = await propose(join(FIXTURES, "recipe"));
    const [release] = plan.releases;
    expect(plan.releases).toHaveLength(1);
    expect(release?.variants.map(({ platform }) => platform.architecture)).toEqual(["amd64", "arm64"]);
    expect(plan.runners?.map(({ labels }) => labels)).toEqual([["ubuntu-latest"], ["ubuntu-24.04-arm"]]);
    expect(release?.tags.map(formatReference)).toEqual([
      "docker.io/docker-user/my-app:0",
      "ghcr.io/gh-user/my-app:0",
    ]);
  });

  test("the environment of a pipeline decides where its images go", async () => {
    const { text } = await propose(join(FIXTURES, "workflow"));
    const env = {
      PATH: "",
      GITHUB_REPOSITORY: "team/shop",
      DOCKERHUB_USERNAME: "hub",
      GITHUB_RUN_NUMBER: "7",
    };
    const cwd = join(FIXTURES, "workflow");
    const plan = planOf(await load("-", cwd, { env, stdin: () => Promise.resolve(text) }));
    expect(plan.releases.flatMap(({ tags }) => tags.map(formatReference))).toEqual([
      "ghcr.io/team/shop:stable",
      "ghcr.io/team/shop:latest",
      "docker.io/hub/one:7",
      "docker.io/hub/two:7",
    ]);
  });
});

test("rules whose repository nobody knows get one in the registry that a person sets", async () => {
  const directory = await folderWith({
    Dockerfile: "FROM scratch\n",
    ".github/workflows/ci.yml": `
jobs:
  web:
    steps:
      - { id: meta, uses: docker/metadata-action@v6, with: { images: "\${{ steps.x.outputs.y }}", tags: type=edge } }
      - { uses: docker/build-push-action@v7, with: { push: true, tags: "\${{ steps.meta.outputs.tags }}" } }
  api:
    steps:
      - { id: meta, uses: docker/metadata-action@v6, with: { images: short, tags: type=edge } }
      - { uses: docker/build-push-action@v7, with: { push: true, tags: "\${{ steps.meta.outputs.tags }}" } }
`,
  });
  const { text, open } = await propose(directory);
  expect(open.map(({ name }) => name)).toEqual(["registry"]);
  expect([...text.matchAll(/image: (.*)/g)].map(([, image]) => image)).toEqual([
    "${registry}/web",
    "${registry}/short",
  ]);
});

/** Commits what is there, with these tags on the commit. */
function commitWith(tags: readonly string[], folder: string): string {
  const author = ["-c", "user.name=test", "-c", "user.email=test@example.invalid"];
  const git = (...args: readonly string[]): string =>
    execFileSync("git", ["-C", folder, ...author, ...args], { encoding: "utf8", stdio: "pipe" }).trim();
  git("init", "-q");
  git("add", ".");
  git("commit", "-q", "-m", "first");
  for (const tag of tags) git("tag", tag);
  return git("rev-parse", "HEAD");
}

/** What the workflow's own steps would give: read off the rules of docker/metadata-action. */
const RELEASES = [
  ["push", "refs/tags/v1.2.3", ["1.2.3", "1.2", "1", "latest"]],
  ["push", "refs/tags/v2.0.0-rc.1", ["2.0.0-rc.1"]],
  ["push", "refs/tags/nightly", []],
  ["push", "refs/heads/main", ["main"]],
  ["push", "refs/heads/feature/x", ["feature-x"]],
  ["pull_request", "refs/pull/7/merge", ["pr-7"]],
] as const;

describe("the official recipe with a matrix, digests and a job that merges", () => {
  const cwd = join(FIXTURES, "official-recipe");

  async function proposedOn(ref: string, event = "push") {
    const { text } = await propose(cwd);
    const server = { GITHUB_SERVER_URL: "https://git.example", GITHUB_REPOSITORY: "team/app" };
    const { env } = onGithub(ref, event, { env: { PATH: "", ...server } });
    return planOf(await load("-", cwd, { env: env ?? {}, stdin: () => Promise.resolve(text) }));
  }

  test.each(RELEASES)("gives the tags of metadata-action: %s of %s", async (event, ref, tags) => {
    const { releases } = await proposedOn(ref, event);
    expect(releases.map((release) => release.tags.map(formatReference))).toEqual([
      tags.map((tag) => `docker.io/user/app:${tag}`),
    ]);
  });

  test("gives its platforms and labels, those that the workflow writes before those of the repository", async () => {
    const [release] = (await proposedOn("refs/tags/v1.2.3")).releases;
    expect(release?.variants.map(({ platform }) => formatPlatform(platform))).toEqual([
      "linux/amd64",
      "linux/arm64",
    ]);
    for (const { build } of release?.variants ?? [])
      expect(build.labels).toEqual({
        maintainer: "team",
        "org.opencontainers.image.title": "My App",
        "org.opencontainers.image.source": "https://git.example/team/app",
        "org.opencontainers.image.url": "https://git.example/team/app",
        "org.opencontainers.image.revision": SHA,
        "org.opencontainers.image.version": "1.2.3",
      });
  });

  test.each([
    [[], ["1.2.3", "1.2", "1", "latest"]],
    // Of an older release neither `latest` nor what belongs to the newer one.
    [["v1.10.0"], ["1.2.3", "1.2"]],
  ])("in a repository that has v1.2.3 checked out, and %j", async (others, tags) => {
    const path = ".github/workflows/docker.yml";
    const folder = await folderWith({
      Dockerfile: "FROM scratch\n",
      [path]: readFileSync(join(cwd, path), "utf8"),
    });
    const sha = commitWith(["v1.2.3", ...others], folder);
    const { text } = await propose(folder);
    const { env } = onGithub("refs/tags/v1.2.3", "push", {
      env: { PATH: process.env["PATH"] ?? "", HOME: "/nonexistent", GITHUB_SHA: sha },
    });
    const plan = planOf(await load("-", folder, { env: env ?? {}, stdin: () => Promise.resolve(text) }));
    expect(plan.releases.flatMap((release) => release.tags.map(({ tag }) => tag))).toEqual(tags);
  });
});

describe("which source counts", () => {
  test("the one that says most; --from takes another", async () => {
    const directory = await folderWith({
      Dockerfile: "FROM scratch\n",
      "compose.yaml": "services: { web: { build: . } }\n",
      "docker-bake.json": '{ "target": { "default": {} } }',
    });
    const sources = await Promise.all(
      ([undefined, "compose", "dockerfile"] as const).map(async (from) => {
        const { source, plan } = await propose(directory, from === undefined ? {} : { from });
        return [source, plan.releases.map(({ name }) => name)];
      }),
    );
    expect(sources).toEqual([
      ["bake", ["default"]],
      ["compose", ["web"]],
      ["dockerfile", [basename(directory)]],
    ]);
  });

  test("one that cannot be used leaves it to the next, and is told", async () => {
    const directory = await folderWith({
      Dockerfile: "FROM scratch\n",
      "docker-bake.hcl": 'target "app" {}\n',
    });
    const { source, lookedAt } = await propose(directory);
    expect(source).toBe("dockerfile");
    expect(foundLines(lookedAt, [])[0]).toBe(
      "found bake file docker-bake.hcl: cannot be used: docker buildx is not here, which alone can read it: install it, or run `buildx-plan setup --buildx`",
    );
  });
});

describe("what is not taken", () => {
  test("nothing, where there is nothing", async () => {
    const directory = await folderWith({ "README.md": "x" });
    expect(await proposePlan(options(directory))).toEqual({
      ok: false,
      error: { kind: "init-nothing-found", directory, lookedAt: [] },
    });
  });

  test("an image that no plan may have is left out with the reason; where none remains, that is said", async () => {
    const directory = await folderWith({
      "compose.yaml": "services: { web: { build: ../out } , api: { build: ./nowhere } }\n",
    });
    expect(await proposePlan(options(directory))).toMatchObject({
      ok: false,
      error: {
        kind: "init-unusable",
        source: "compose",
        reasons: [
          "web: the image: The context `../out` is outside of the plan's folder",
          "api: the image: There is no context `./nowhere`",
        ],
      },
    });
  });

  test("an image that needs one which is left out goes with it", async () => {
    const directory = await folderWith({
      Dockerfile: "FROM scratch\n",
      "compose.yaml":
        "services:\n  base: { build: ../out }\n  app: { build: { context: ., additional_contexts: { base: 'service:base' } } }\n  other: { build: . }\n",
    });
    const { plan, leftOut } = await propose(directory);
    expect(plan.releases.map(({ name }) => name)).toEqual(["other"]);
    expect(leftOut.map(({ of }) => of)).toEqual(["base", "app"]);
  });

  test("symbolic links, files that are too large, and what is not text", async () => {
    const outside = await folderWith({ Dockerfile: "FROM scratch\n" });
    const directory = await folderWith({ "compose.yaml": `# ${"x".repeat(1024 * 1024)}\n` });
    await symlink(join(outside, "Dockerfile"), join(directory, "Dockerfile"));
    await symlink(outside, join(directory, "web"));
    const large = await proposePlan(options(directory));
    expect(large).toMatchObject({
      error: {
        kind: "init-nothing-found",
        lookedAt: [{ source: "compose", unusable: expect.stringContaining("at most 1048576") }],
      },
    });
    await writeFile(join(directory, "compose.yaml"), Buffer.from([0xff, 0xfe, 0x00]));
    const binary = await proposePlan(options(directory));
    expect(binary).toMatchObject({
      error: { lookedAt: [{ source: "compose", unusable: "it is not text in UTF-8" }] },
    });
  });
});

const SOURCES = {
  "compose.yaml": "compose/compose.yaml",
  "docker-bake.json": "bake-json/docker-bake.json",
  ".github/workflows/ci.yml": "workflow/.github/workflows/release.yml",
  ".github/workflows/recipe.yml": "recipe/.github/workflows/ci.yml",
};

/** A file of a fixture with a part cut out, doubled, or in the place of another. */
const damaged = fc
  .record({
    path: fc.constantFrom(...Object.keys(SOURCES)),
    cuts: fc.array(
      fc.tuple(
        fc.nat(4000),
        fc.nat(60),
        fc.constantFrom("", "x", "{", "]", "${", "\u0000", "\n", ": ", "${{ matrix.a }}"),
      ),
      {
        maxLength: 4,
      },
    ),
  })
  .map(({ path, cuts }) => {
    const source = Object.entries(SOURCES).find(([name]) => name === path)?.[1] ?? "";
    const text = readFileSync(join(FIXTURES, source), "utf8");
    const changed = cuts.reduce(
      (before, [at, length, put]) =>
        before.slice(0, at % before.length) + put + before.slice((at % before.length) + length),
      text,
    );
    return { path, text: changed };
  });

/** Values in all the places where a source has some. */
const hostile = fc
  .tuple(fc.string(), fc.jsonValue({ maxDepth: 2 }), fc.jsonValue({ maxDepth: 2 }))
  .map(([name, value, other]) => ({
    path: "docker-bake.json",
    text: JSON.stringify({
      target: {
        [name]: {
          args: { a: value },
          tags: value,
          platforms: other,
          contexts: { b: other },
          secret: [value],
        },
      },
    }),
  }));

test("whatever is found, there is a plan that loads, or a reason", { timeout: 60_000 }, async () => {
  const directory = await folderWith({
    Dockerfile: "FROM scratch\n",
    ".github/workflows/.keep": "",
    "base/Dockerfile": "FROM scratch\n",
  });
  const outcomes = new Set<string>();
  const check = async ({ path, text }: { readonly path: string; readonly text: string }) => {
    await writeFile(join(directory, path), text);
    const from = path.startsWith(".github") ? "workflow" : path === "compose.yaml" ? "compose" : "bake";
    const proposed = await proposePlan(options(directory, { from }));
    await writeFile(join(directory, path), "");
    outcomes.add(proposed.ok ? "ok" : proposed.error.kind);
    if (!proposed.ok) return;
    const env = { PATH: "" };
    const stdin = () => Promise.resolve(proposed.value.text);
    expect(planOf(await load("-", directory, { env, stdin })).releases.length).toBeGreaterThan(0);
    // eslint-disable-next-line no-control-regex
    expect(proposed.value.text).not.toMatch(/[\u0000-\u0008\u000b-\u001f\u007f]/);
  };
  await fc.assert(fc.asyncProperty(fc.oneof(damaged, hostile), check), { numRuns: 150 });
  expect([...outcomes].toSorted()).toEqual(expect.arrayContaining(["init-nothing-found", "ok"]));
});
