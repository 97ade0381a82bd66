import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { execa } from "execa";
import { beforeAll, describe, expect, inject, test } from "vitest";
import { startRealRegistry, type RealRegistry } from "../support/real-registry.ts";
import { openRig, ROOT, type Ran, type Rig } from "../support/rig.ts";
import { testTool } from "../support/tools.ts";

// `htpasswd -nbBC 5 ada test-password`
const HTPASSWD = "ada:$2b$05$q4K4KNa0Ib3TgFqmWHo7uOv2YRjB2LuLsGc2zcfdFg9cXKSvYU0be\n";

let registry: RealRegistry;
/** An index for amd64 and arm64, pushed by the program itself, and the digests in it. */
let base: { readonly name: string; readonly index: string; readonly amd64: string };
beforeAll(async () => {
  registry = await startRealRegistry();
  base = await pushBase();
  return () => registry.close();
});

async function pushBase(): Promise<typeof base> {
  const name = `${registry.host}/base:1`;
  const folder = join(registry.folder, "base");
  await mkdir(folder);
  await writeFile(join(folder, "Dockerfile"), "FROM scratch\nCOPY Dockerfile /from\n");
  const text = `version: 1\nimages:\n  base:\n    platforms: [linux/amd64, linux/arm64]\n    tags: ["${name}"]\n`;
  await writeFile(join(folder, "buildx-plan.yaml"), text);
  const built = await execa(
    process.execPath,
    [join(ROOT, "bin/buildx-plan.js"), "build", "--json", "--builder", inject("buildkit").address],
    { cwd: folder, env: { XDG_STATE_HOME: folder } },
  );
  const [released] = JSON.parse(built.stdout).releases;
  return { name, index: released.digest, amd64: released.platforms[0].digest };
}

async function project(
  dockerfile: string,
  options: {
    readonly host?: string;
    readonly path?: string;
    readonly platforms?: string;
    readonly tag?: string;
    readonly more?: string;
  } = {},
): Promise<Rig> {
  const { host = registry.host, path = "app", platforms = "linux/amd64, linux/arm64", more = "" } = options;
  const { tag = `"${host}/${path}:1"` } = options;
  return await openRig({
    Dockerfile: dockerfile,
    "buildx-plan.yaml": `version: 1\n${more}images:\n  app:\n    platforms: [${platforms}]\n    tags: [${tag}]\n`,
  });
}

function check(rig: Rig, ...argv: readonly string[]): Promise<Ran> {
  return rig.run(["check", "--builder", inject("buildkit").address, ...argv]);
}

async function findingsOf(rig: Rig): Promise<readonly (readonly string[])[]> {
  const { stdout } = await check(rig, "--json");
  const { findings } = JSON.parse(stdout);
  return findings.map(({ rule, severity }: Record<string, string>) => [severity, rule]);
}

describe("base images", () => {
  test("that are there for every platform are fine, and the answer says what was looked at", async () => {
    const rig = await project(`FROM ${base.name}\nCOPY Dockerfile /own\n`);
    const ran = await check(rig);
    expect(ran).toMatchObject({ exitCode: 0, stderr: "" });
    expect(ran.stdout).toMatch(
      /^looked at 1 Dockerfile, 1 base image, 1 repository, 1 tag, [01] emulators?: no findings\n$/,
    );
  });

  test("an index that lacks a platform: where, which, and what it has; nothing is built", async () => {
    const rig = await project(`FROM ${base.name}\n`, { platforms: "linux/amd64, linux/s390x" });
    const ran = await check(rig);
    expect(ran.exitCode).toBe(4);
    expect(ran.stderr).toContain(
      `Dockerfile:1:6: error: ${base.name} is not there for linux/s390x [base-platform-missing]`,
    );
    expect(ran.stderr).toContain("it is there for linux/amd64 and linux/arm64");
    const built = await rig.build("--json");
    expect(built.exitCode).toBe(4);
    expect(built.stderr).toContain("[base-platform-missing]");
    const { ok, failure } = JSON.parse(built.stdout);
    expect({ ok, kind: failure.kind }).toEqual({ ok: false, kind: "preflight-failed" });
  });

  test("a digest of one platform: the digest to pin instead, and with it all is well", async () => {
    const rig = await project(`FROM ${base.name}@${base.amd64}\nCOPY Dockerfile /own\n`);
    const ran = await check(rig);
    expect(ran.exitCode).toBe(4);
    expect(ran.stderr).toContain("is pinned to the image for linux/amd64");
    expect(ran.stderr).toContain(`Pin the index, which names all platforms: ${base.name}@${base.index}`);
    await rig.write({ Dockerfile: `FROM ${base.name}@${base.index}\nCOPY Dockerfile /own\n` });
    expect(await check(rig)).toMatchObject({ exitCode: 0, stderr: "" });
  });

  test("one that is not there", async () => {
    const rig = await project(`FROM ${registry.host}/absent:9\n`);
    const ran = await check(rig);
    expect(ran.exitCode).toBe(4);
    expect(ran.stderr).toContain(`${registry.host}/absent:9 is not in its registry [base-unresolvable]`);
  });
});

describe("what is ignored", () => {
  const WRONG = (line: string): string => `${line}FROM ${base.name}@${base.amd64}\nCOPY Dockerfile /own\n`;

  test("in the line before", async () => {
    const rig = await project(WRONG("ARG NONE\n# buildx-plan ignore=single-platform-digest -- a test\n"));
    expect(await findingsOf(rig)).toEqual([]);
    const other = await project(WRONG("ARG NONE\n# buildx-plan ignore=literal-architecture\n"));
    expect(await findingsOf(other)).toEqual([["error", "single-platform-digest"]]);
  });

  test("in the plan", async () => {
    const rig = await project(WRONG(""), { more: "check: { ignore: [single-platform-digest] }\n" });
    expect(await findingsOf(rig)).toEqual([]);
  });
});

describe("pushing", () => {
  test("nothing stays in the registry: no repository, no tag, no upload", async () => {
    const rig = await project("FROM scratch\nCOPY Dockerfile /own\n", { path: "untouched" });
    expect(await check(rig)).toMatchObject({ exitCode: 0 });
    const { stdout } = await execa(await testTool("crane"), ["catalog", "--insecure", registry.host]);
    expect(stdout.split("\n")).not.toContain("untouched");
    const repository = join(registry.folder, "data/docker/registry/v2/repositories/untouched");
    const files = await readdir(repository, { recursive: true, withFileTypes: true });
    // Of an upload that was given up, distribution 2.8 forgets to remove the state of its checksum.
    const left = files.filter((file) => file.isFile() && !file.parentPath.includes("/hashstates/"));
    expect(left.map(({ name }) => name)).toEqual([]);
  });

  test("denied: the registry's words and what to do, before a build as well", async () => {
    const closed = await startRealRegistry({ htpasswd: HTPASSWD });
    try {
      const rig = await project("FROM scratch\nCOPY Dockerfile /own\n", { host: closed.host });
      const ran = await check(rig);
      expect(ran.exitCode).toBe(4);
      expect(ran.stderr).toContain(
        `${closed.host}/app takes no push: ${closed.host} refused it (status 401, UNAUTHORIZED: `,
      );
      expect(ran.stderr).toContain(`docker login ${closed.host}`);
      expect(ran.stderr).not.toContain("tag-unreadable");
      const built = await rig.build();
      expect(built.exitCode).toBe(3);
      expect(built.stderr).toContain("[push-denied]");
    } finally {
      await closed.close();
    }
  });
});

describe("tags", () => {
  test("if-exists: fail stops a build before it is built, and a second platform less is a warning", async () => {
    const tag = `${registry.host}/tagged:1`;
    const rig = await project("FROM scratch\nCOPY Dockerfile /own\n", { tag: `"${tag}"` });
    expect(await rig.build()).toMatchObject({ exitCode: 0 });
    const plan = await readFile(join(rig.directory, "buildx-plan.yaml"), "utf8");
    await rig.write({ "buildx-plan.yaml": plan.replace(", linux/arm64", "") });
    expect(await check(rig)).toMatchObject({ exitCode: 0 });
    expect(await findingsOf(rig)).toEqual([["warning", "tag-shrinks"]]);
    expect(await check(rig, "--strict")).toMatchObject({ exitCode: 4 });
    await rig.write({ "buildx-plan.yaml": plan.replace(`"${tag}"`, `{ tag: "${tag}", if-exists: fail }`) });
    expect(await findingsOf(rig)).toEqual([["error", "tag-exists"]]);
    const built = await rig.build();
    expect(built.exitCode).toBe(3);
    expect(built.stderr).toContain(`${tag} is there already`);
  });
});

describe("Dockerfiles", () => {
  const DEFAULTED = "FROM scratch\nARG TARGETARCH=amd64\nCOPY Dockerfile /$TARGETARCH\n";

  test("an error stops a build before anything is solved, --no-check does not", async () => {
    const rig = await project(DEFAULTED, { path: "defaulted" });
    const built = await rig.build();
    expect(built.exitCode).toBe(4);
    expect(built.stderr).toContain("Dockerfile:2:5: TARGETARCH is `amd64` here");
    expect(built.stderr).not.toContain("started on");
    expect(await rig.build("--no-check")).toMatchObject({ exitCode: 0 });
  });

  test("BuildKit's own checks come along, once for all platforms", async () => {
    const rig = await project("FROM scratch as one\nCOPY Dockerfile /own\n");
    expect(await findingsOf(rig)).toEqual([["warning", "buildkit/FromAsCasing"]]);
  });

  test("offline: Dockerfiles alone, and it is said what was left out", async () => {
    const rig = await project(`FROM 127.0.0.1:9/base\n`, { host: "127.0.0.1:9" });
    const ran = await rig.run(["check", "--offline"]);
    expect(ran.exitCode).toBe(0);
    expect(ran.stderr).toContain("note: not looked at: base images, repositories, tags, emulators");
    expect(ran.stdout).toContain("looked at 1 Dockerfile, 0 base images, 0 repositories, 0 tags");
  });

  test("without a builder everything else is looked at, and it is said what was left out", async () => {
    const rig = await project(DEFAULTED);
    const ran = await rig.run(["check", "--json", "--builder", "tcp://127.0.0.1:9"]);
    expect(ran.exitCode).toBe(4);
    const { findings, looked, leftOut, unreached } = JSON.parse(ran.stdout);
    expect(findings.map(({ rule }: { rule: string }) => rule)).toEqual(["platform-arg-default"]);
    expect(looked).toMatchObject({ dockerfiles: 1, repositories: 1, tags: 1, emulators: 0 });
    expect(leftOut).toEqual([expect.stringContaining("no builder could be asked")]);
    expect(unreached).toMatchObject([{ kind: "builder-unreachable" }]);
  });
});

test("a variant that no node may build ends with 5; a plan that is wrong with 2", async () => {
  const rig = await project("FROM scratch\nCOPY Dockerfile /own\n", {
    platforms: "linux/amd64, linux/mips64",
  });
  const refused = await check(rig);
  expect(refused.exitCode).toBe(5);
  expect(refused.stderr).toContain("no node may build app linux/mips64");
  await rig.write({ "buildx-plan.yaml": "version: 1\nimages: {}\n" });
  expect(await check(rig)).toMatchObject({ exitCode: 2 });
});

describe("for programs", () => {
  test("JSON: findings with their places", async () => {
    const rig = await project(`FROM ${base.name}\n`, { platforms: "linux/amd64, linux/s390x" });
    const { stdout, exitCode } = await check(rig, "--json");
    expect(exitCode).toBe(4);
    expect(JSON.parse(stdout)).toMatchObject({
      schemaVersion: 1,
      ok: false,
      findings: [
        {
          rule: "base-platform-missing",
          severity: "error",
          location: { line: 1, column: 6 },
          facts: ["it is there for linux/amd64 and linux/arm64"],
        },
      ],
      looked: { dockerfiles: 1, bases: 1, repositories: 1, tags: 1 },
      leftOut: [],
      refused: [],
      unreached: [],
      warnings: [],
    });
  });

  test("SARIF: into a file beside the words, or on standard output alone", async () => {
    const rig = await project(`FROM ${base.name}\n`, { platforms: "linux/amd64, linux/s390x" });
    const written = await check(rig, "--sarif", "check.sarif");
    expect(written.exitCode).toBe(4);
    expect(written.stdout).toMatch(/^looked at /);
    const log = JSON.parse(await readFile(join(rig.directory, "check.sarif"), "utf8"));
    expect(log).toMatchObject({
      version: "2.1.0",
      runs: [
        {
          results: [
            {
              ruleId: "base-platform-missing",
              level: "error",
              locations: [
                {
                  physicalLocation: {
                    artifactLocation: { uri: "Dockerfile" },
                    region: { startLine: 1, startColumn: 6 },
                  },
                },
              ],
            },
          ],
        },
      ],
    });
    expect(log.runs[0].tool.driver.rules[0].help.markdown).toContain("# A base image lacks the platform");
    const printed = await check(rig, "--sarif");
    expect(JSON.parse(printed.stdout)).toEqual(log);
    expect(await check(rig, "--sarif", "no/such/folder.sarif")).toMatchObject({ exitCode: 2 });
    expect(await check(rig, "--json", "--sarif")).toMatchObject({ exitCode: 2, stdout: "" });
  });
});

test("the plan of the root has nothing to find", async () => {
  const rig = await openRig();
  const { directory } = rig;
  const ran = await execa(
    process.execPath,
    [
      join(ROOT, "bin/buildx-plan.js"),
      "check",
      "--builder",
      inject("buildkit").address,
      "--set",
      `registry=${registry.host}`,
    ],
    { cwd: ROOT, reject: false, env: { NO_COLOR: "1", XDG_STATE_HOME: directory } },
  );
  expect(ran).toMatchObject({ exitCode: 0 });
  expect(ran.stderr).not.toContain("error");
  expect(ran.stdout).toMatch(/^looked at 1 Dockerfile, /);
});
