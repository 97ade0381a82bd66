import { join } from "node:path";
import { execa } from "execa";
import { beforeAll, describe, expect, inject, onTestFinished, test } from "vitest";
import { openAuditor } from "../support/fault-matrix-audit.ts";
import { startRealRegistry, type RealRegistry } from "../support/real-registry.ts";
import { addBusybox, openRig, type Environment, type Ran, type Rig } from "../support/rig.ts";
import { testTool } from "../support/tools.ts";

// A release that is built by several processes, with homes of their own and nothing in common but the registry.

const PLATFORMS = ["linux/amd64", "linux/arm64", "linux/arm/v7", "linux/s390x"];
const STAGING = /^buildx-plan-staging\./;

const DOCKERFILE = `FROM scratch
ARG TARGETARCH
ARG TARGETVARIANT
COPY --from=busybox \${TARGETARCH}\${TARGETVARIANT}/busybox /bin/busybox
ARG FAIL=0
RUN ["/bin/busybox", "sh", "-c", "exit $FAIL"]
RUN ["/bin/busybox", "sh", "-c", "/bin/busybox uname -m > /machine"]
`;

let registry: RealRegistry;
beforeAll(async () => {
  registry = await startRealRegistry();
  return () => registry.close();
});

/** Without provenance, and with the times of files and steps taken from the plan, the same inputs give the same bytes. */
function planText(name: string, more = "", platforms: readonly string[] = PLATFORMS): string {
  return `version: 1
vars: { fail: "0" }
images:
  app:
    contexts: { busybox: ./busybox }
    source-date-epoch: 1700000000
    attest: { provenance: false }
    output: ["type=image,rewrite-timestamp=true"]
    platforms: [${platforms.join(", ")}]
    tags: ["${registry.host}/${name}:1", "${registry.host}/${name}:latest"]
${more}`;
}

async function project(text: string): Promise<Rig> {
  const rig = await openRig({ Dockerfile: DOCKERFILE, ".dockerignore": "*\n", "plan.yaml": text });
  await addBusybox(rig);
  return rig;
}

/** What only this machine has. */
function machine(rig: Rig, name: string): Environment {
  const home = join(rig.state, name);
  return { HOME: home, XDG_STATE_HOME: join(home, "state"), XDG_CACHE_HOME: join(home, "cache") };
}

async function build(rig: Rig, argv: readonly string[], env: Environment = {}): Promise<Ran> {
  const builder = ["--builder", inject("buildkit").address];
  return await rig.run(["build", "-f", "plan.yaml", "--progress", "json", ...builder, ...argv], env);
}

async function stitch(rig: Rig, argv: readonly string[], env: Environment): Promise<Ran> {
  // Nothing is built: no BuildKit is to be found.
  const nowhere = { ...env, BUILDKIT_HOST: "tcp://127.0.0.1:1" };
  return await rig.run(["stitch", "-f", "plan.yaml", "--progress", "json", ...argv], nowhere);
}

interface Told {
  readonly kind: string;
  readonly variant?: string;
  readonly from?: string;
}

function variantsOf(ran: Ran, kind: string): readonly string[] {
  const events = ran.stderr
    .split("\n")
    .flatMap((line): Told[] => (line.startsWith("{") ? [JSON.parse(line)] : []));
  return events.flatMap((event) => (event.kind === kind ? [event.variant ?? ""] : [])).toSorted();
}

async function tagsOf(name: string, host = registry.host): Promise<readonly string[]> {
  const { stdout } = await execa(await testTool("crane"), ["ls", "--insecure", `${host}/${name}`], {
    reject: false,
  });
  return stdout.split("\n").filter((line) => line !== "");
}

async function digestOf(name: string, tag = "1"): Promise<string | undefined> {
  return await openAuditor(registry.host).digestOf(name, tag);
}

const id = (platform: string): string => `app ${platform}`;

describe("fan-out", () => {
  test("four processes with --only and one stitch give the index that one process gives, byte for byte", async () => {
    const whole = await project(planText("fan/whole"));
    expect(await build(whole, [])).toMatchObject({ exitCode: 0 });
    const rig = await project(planText("fan/parts"));
    const parts = await Promise.all(
      PLATFORMS.map((platform, at) => build(rig, ["--only", platform], machine(rig, `m${at % 2}`))),
    );
    expect(parts.map(({ exitCode }) => exitCode)).toEqual([0, 0, 0, 0]);
    expect(await digestOf("fan/parts")).toBeUndefined();
    expect(await tagsOf("fan/parts")).toHaveLength(4);
    const joined = await stitch(rig, [], machine(rig, "m2"));
    expect(joined).toMatchObject({ exitCode: 0 });
    expect(variantsOf(joined, "variant-taken-over")).toEqual(PLATFORMS.map(id).toSorted());
    expect(variantsOf(joined, "variant-started")).toEqual([]);
    expect(await digestOf("fan/parts")).toBe(await digestOf("fan/whole"));
    expect((await tagsOf("fan/parts")).toSorted()).toEqual(["1", "latest"]);
  });

  test("a job for each variant, as `matrix` prints them, builds no other, and the releases are those of one process", async () => {
    const cells = (name: string): string =>
      planText(name, '    matrix: { node: ["22", "24"] }\n', PLATFORMS.slice(0, 2))
        .replace(/tags: .*/, `tags: ["${registry.host}/${name}:\${matrix.node}"]`)
        .replace("contexts:", 'labels: { node: "${matrix.node}" }\n    contexts:');
    const whole = await project(cells("fan/cells-whole"));
    expect(await build(whole, [])).toMatchObject({ exitCode: 0 });
    const rig = await project(cells("fan/cells"));
    const printed = await rig.run(["matrix", "-f", "plan.yaml", "--each", "variant"]);
    const jobs: readonly { readonly platform: string; readonly images: readonly string[] }[] = JSON.parse(
      printed.stdout,
    ).jobs;
    expect(jobs).toHaveLength(4);
    for (const [at, { platform, images }] of jobs.entries()) {
      const argv = ["--only", platform, ...images.flatMap((image) => ["--image", image])];
      const ran = await build(rig, argv, machine(rig, `m${at}`));
      expect(variantsOf(ran, "variant-started")).toEqual([`${images[0]} ${platform}`]);
    }
    expect(await stitch(rig, [], machine(rig, "join"))).toMatchObject({ exitCode: 0 });
    for (const node of ["22", "24"])
      expect(await digestOf("fan/cells", node)).toBe(await digestOf("fan/cells-whole", node));
    expect(await digestOf("fan/cells", "22")).not.toBe(await digestOf("fan/cells", "24"));
  });

  test("stitch refuses with a list of what is missing, moves nothing, and keeps what is there", async () => {
    const rig = await project(planText("fan/missing"));
    await build(rig, ["--only", "linux/amd64", "--only", "linux/arm64"]);
    const refused = await rig.run(["stitch", "-f", "plan.yaml"], machine(rig, "m1"));
    expect(refused.exitCode).toBe(4);
    for (const platform of ["linux/arm/v7", "linux/s390x"]) {
      expect(refused.stderr).toContain(`error: ${id(platform)} is not there to be joined`);
      expect(refused.stderr).toContain(`buildx-plan build --only ${platform}`);
    }
    expect(refused.stderr).not.toContain("linux/arm64 is not there");
    expect((await tagsOf("fan/missing")).filter((tag) => STAGING.test(tag))).toHaveLength(2);
    expect(await digestOf("fan/missing")).toBeUndefined();
  });

  test("parts of another commit, or of another plan, are not joined", async () => {
    const rig = await project(planText("fan/other"));
    const git = async (...argv: string[]) =>
      await execa("git", ["-c", "user.name=t", "-c", "user.email=t@t.example", ...argv], {
        cwd: rig.directory,
      });
    await git("init", "-q");
    await git("add", "-A");
    await git("commit", "-qm", "one");
    for (const platform of PLATFORMS) await build(rig, ["--only", platform]);
    await git("commit", "-qm", "two", "--allow-empty");
    const refused = await rig.run(["stitch", "-f", "plan.yaml"], machine(rig, "m1"));
    expect(refused.exitCode).toBe(4);
    expect(refused.stderr).toMatch(/is of commit [0-9a-f]{40}, and this is [0-9a-f]{40}/);
    await git("reset", "-q", "--hard", "HEAD~1");
    await rig.write({ "plan.yaml": planText("fan/other").replace("fan/other:1", "fan/other:2") });
    const other = await rig.run(["stitch", "-f", "plan.yaml"], machine(rig, "m1"));
    expect(other.exitCode).toBe(4);
    expect(other.stderr).toContain("was finished for other settings of the plan");
    expect(await digestOf("fan/other", "latest")).toBeUndefined();
  });
});

describe("a push of a branch and its tag starts two pipelines of one commit at once", () => {
  const PARTS = ["linux/amd64", "linux/arm64"];

  async function git(rig: Rig, ...argv: readonly string[]): Promise<void> {
    const who = ["-c", "user.name=t", "-c", "user.email=t@t.example"];
    await execa("git", [...who, ...argv], { cwd: rig.directory });
  }

  /** Two checkouts of one commit. What they release has other tags, and other labels: each tells its own version. */
  async function checkouts(host: string): Promise<{ readonly branch: Rig; readonly tag: Rig }> {
    const from = planText("push", "", PARTS).replace(
      /tags: .*/,
      `tags: [{ image: ${host}/push, from: [branch, "semver:{{version}}"] }]`,
    );
    const [branch, tag] = [await project(from), await openRig()];
    await branch.write({ ".gitignore": "busybox\n" });
    await git(branch, "init", "--quiet", "--initial-branch=main");
    await git(branch, "add", ".");
    await git(branch, "commit", "--quiet", "--message=x");
    await git(tag, "clone", "--quiet", branch.directory, ".");
    await git(tag, "tag", "v1.2.3");
    await addBusybox(tag);
    return { branch, tag };
  }

  test.each([
    ["a registry that removes tags", true, 0],
    ["one that never does", false, PARTS.length],
  ])("both are released from parts that were built across each other, in %s", async (_, deletes, left) => {
    const own = await startRealRegistry({ deletes });
    onTestFinished(() => own.close());
    const { branch, tag } = await checkouts(own.host);
    const noCi = { GITHUB_ACTIONS: undefined, GITLAB_CI: undefined };
    let machines = 0;
    const on = (rig: Rig): Environment => ({ ...noCi, ...machine(rig, `m${(machines += 1)}`) });
    const part = async (rig: Rig, platform: string): Promise<void> => {
      expect(await build(rig, ["--only", platform], on(rig))).toMatchObject({ exitCode: 0 });
    };
    await Promise.all([part(branch, "linux/amd64"), part(tag, "linux/amd64")]);
    await part(tag, "linux/arm64");
    await part(branch, "linux/arm64");
    for (const rig of [branch, tag]) {
      const joined = await stitch(rig, [], on(rig));
      expect(joined).toMatchObject({ exitCode: 0 });
      expect(variantsOf(joined, "variant-taken-over")).toEqual(PARTS.map(id));
      // The last one to go is told that tags stay.
      expect(joined.stderr.includes('"kind":"staging-left"')).toBe(!deletes && rig === tag);
    }
    // The job that joins is run again: its parts are where the release has left them.
    for (const rig of [branch, tag]) {
      const again = await stitch(rig, [], on(rig));
      expect(again).toMatchObject({ exitCode: 0 });
      expect(variantsOf(again, "variant-taken-over")).toEqual(PARTS.map(id));
      expect(again.stderr).not.toContain('"kind":"tag-moved"');
    }
    const audit = openAuditor(own.host);
    const [main, latest] = [await audit.digestOf("push", "main"), await audit.digestOf("push", "latest")];
    expect(await audit.digestOf("push", "1.2.3")).toBe(latest);
    expect(main).not.toBe(latest);
    for (const [rig, digest] of [
      [branch, main],
      [tag, latest],
    ] as const) {
      const whole = await build(rig, ["--no-resume"], on(rig));
      expect(variantsOf(whole, "variant-started")).toEqual(PARTS.map(id));
      expect(whole.stdout).toContain(`@${digest}`);
      expect(whole.stderr).toContain('"kind":"tag-unchanged"');
    }
    const tags = await tagsOf("push", own.host);
    expect(tags.filter((each) => !STAGING.test(each)).toSorted()).toEqual(["1.2.3", "latest", "main"]);
    expect(tags.filter((each) => STAGING.test(each))).toHaveLength(left);
  });
});

describe("resume", () => {
  test("what an earlier run has finished is taken over, on another machine, too; only the rest is built", async () => {
    const platforms = [...PLATFORMS.slice(0, 3), '{ platform: linux/s390x, args: { FAIL: "${fail}" } }'];
    const rig = await project(planText("resume/failed", "", platforms));
    const failed = await build(rig, ["--set", "fail=3"], machine(rig, "m1"));
    expect(failed.exitCode).toBe(1);
    expect(await digestOf("resume/failed")).toBeUndefined();
    const resumed = await build(rig, [], machine(rig, "m2"));
    expect(resumed.exitCode).toBe(0);
    expect(variantsOf(resumed, "variant-started")).toEqual([id("linux/s390x")]);
    expect(variantsOf(resumed, "variant-taken-over")).toEqual(PLATFORMS.slice(0, 3).map(id).toSorted());
    expect((await tagsOf("resume/failed")).toSorted()).toEqual(["1", "latest"]);
    const whole = await project(planText("resume/whole", "", platforms));
    await build(whole, []);
    expect(await digestOf("resume/failed")).toBe(await digestOf("resume/whole"));
  });

  test("nothing is taken over whose inputs have changed, and nothing at all with --no-resume", async () => {
    const rig = await project(planText("resume/changed"));
    await build(rig, ["--only", "linux/amd64", "--only", "linux/arm64"]);
    const all = await build(rig, ["--no-resume", "--only", "linux/arm64"]);
    expect(variantsOf(all, "variant-started")).toEqual([id("linux/arm64")]);
    await rig.write({ Dockerfile: `${DOCKERFILE}RUN ["/bin/busybox", "touch", "/changed"]\n` });
    const again = await build(rig, []);
    expect(again.exitCode).toBe(0);
    expect(variantsOf(again, "variant-taken-over")).toEqual([]);
  });

  test("a check that is asked for later is not passed by what was finished before", async () => {
    const rig = await project(planText("resume/tested"));
    await build(rig, ["--only", "linux/amd64"]);
    await rig.write({ "plan.yaml": planText("resume/tested", "    test: [/bin/busybox, cat, /machine]\n") });
    const tested = await build(rig, ["--only", "linux/amd64"]);
    expect(tested.exitCode).toBe(0);
    expect(variantsOf(tested, "variant-started")).toEqual([id("linux/amd64")]);
    const again = await build(rig, ["--only", "linux/amd64"]);
    expect(variantsOf(again, "variant-taken-over")).toEqual([id("linux/amd64")]);
    expect(variantsOf(again, "test-line")).toEqual([]);
  });
});

describe("reuse: unchanged", () => {
  test("a release with nothing changed builds nothing, and its tags stay, provenance or not", async () => {
    const text = planText("reuse/same", "    reuse: unchanged\n").replace(
      "provenance: false",
      "provenance: true",
    );
    const rig = await project(text);
    expect(await build(rig, [], machine(rig, "m1"))).toMatchObject({ exitCode: 0 });
    const before = await digestOf("reuse/same");
    const again = await build(rig, [], machine(rig, "m2"));
    expect(again.exitCode).toBe(0);
    expect(variantsOf(again, "variant-started")).toEqual([]);
    expect(again.stdout).toContain(`reuse/same:1@${before}`);
    expect(again.stderr).toContain('"kind":"tag-unchanged"');
  });

  test("parts that are unchanged are joined with those that are not", async () => {
    const platforms = [...PLATFORMS.slice(0, 3), '{ platform: linux/s390x, args: { NOTE: "${fail}" } }'];
    const rig = await project(planText("reuse/joined", "    reuse: unchanged\n", platforms));
    expect(await build(rig, [])).toMatchObject({ exitCode: 0 });
    const before = await digestOf("reuse/joined");
    for (const platform of PLATFORMS) {
      const part = await build(rig, ["--only", platform, "--set", "fail=1"], machine(rig, "m1"));
      expect(part).toMatchObject({ exitCode: 0 });
      expect(variantsOf(part, "variant-started")).toEqual(platform === "linux/s390x" ? [id(platform)] : []);
    }
    const joined = await stitch(rig, ["--set", "fail=1"], machine(rig, "m2"));
    expect(joined).toMatchObject({ exitCode: 0 });
    expect((await tagsOf("reuse/joined")).toSorted()).toEqual(["1", "latest"]);
    const after = await digestOf("reuse/joined");
    expect(after).not.toBe(before);
    const next = await build(rig, ["--set", "fail=1"]);
    expect(variantsOf(next, "variant-started")).toEqual([]);
    expect(await digestOf("reuse/joined")).toBe(after);
  });

  test("only what has changed is built, and the others stay as they are", async () => {
    const platforms = [...PLATFORMS.slice(0, 3), '{ platform: linux/s390x, args: { NOTE: "${fail}" } }'];
    const rig = await project(planText("reuse/part", "    reuse: unchanged\n", platforms));
    await build(rig, []);
    const before = await digestOf("reuse/part");
    const again = await build(rig, ["--set", "fail=1"]);
    expect(variantsOf(again, "variant-started")).toEqual([id("linux/s390x")]);
    expect(await digestOf("reuse/part")).not.toBe(before);
  });
});

describe("--append", () => {
  test("a platform joins a release later, in the plan's place, and replaces what was there for it", async () => {
    const rig = await project(planText("append/later", "", PLATFORMS.slice(0, 2)));
    await build(rig, []);
    await rig.write({ "plan.yaml": planText("append/later", "", PLATFORMS.slice(0, 3)) });
    const added = await build(rig, ["--only", "linux/arm/v7", "--append"]);
    expect(added.exitCode).toBe(0);
    expect(variantsOf(added, "variant-started")).toEqual([id("linux/arm/v7")]);
    const inspected = await rig.run(["inspect", "--platforms", `${registry.host}/append/later:1`]);
    const listed = inspected.stdout.trim().split("\n").slice(1);
    expect(listed.map((line) => line.split(" ")[0])).toEqual(PLATFORMS.slice(0, 3));
    const replaced = await build(rig, ["--only", "linux/amd64", "--append", "--no-resume"]);
    expect(replaced.exitCode).toBe(0);
    const again = await rig.run(["inspect", "--platforms", `${registry.host}/append/later:1`]);
    expect(again.stdout).toBe(inspected.stdout);
  });

  test("says what the tag does not have either", async () => {
    const rig = await project(planText("append/none"));
    const builder = inject("buildkit").address;
    const argv = ["build", "-f", "plan.yaml", "--builder", builder, "--only", "linux/amd64", "--append"];
    const ran = await rig.run(argv);
    expect(ran.exitCode).toBe(4);
    expect(ran.stderr).toContain("app linux/arm64 is not there to be joined");
    expect(ran.stderr).toContain("no index is there");
  });
});

test("two runs of one plan at once both end right, and leave no staging tag", async () => {
  const rig = await project(planText("twice/both"));
  const runs = await Promise.all(["m1", "m2"].map((name) => build(rig, [], machine(rig, name))));
  expect(runs.map(({ exitCode }) => exitCode)).toEqual([0, 0]);
  const references = runs.map(({ stdout }) => stdout);
  expect(references[0]).toBe(references[1]);
  expect(references[0]).toContain(`:latest@${await digestOf("twice/both", "latest")}`);
  expect((await tagsOf("twice/both")).toSorted()).toEqual(["1", "latest"]);
});

describe("optional platforms", () => {
  test("the release goes on without one that fails, says so, and --strict does not let it", async () => {
    const platforms = ["linux/amd64", "{ platform: linux/arm64, required: false, args: { FAIL: '4' } }"];
    const rig = await project(planText("optional/left", "", platforms));
    const plain = ["build", "-f", "plan.yaml", "--builder", inject("buildkit").address];
    const strict = await rig.run([...plain, "--strict"]);
    expect(strict.exitCode).toBe(1);
    expect(await digestOf("optional/left")).toBeUndefined();
    const ran = await rig.run(plain);
    expect(ran.exitCode).toBe(0);
    expect(ran.stderr).toContain("warning: app was released without linux/arm64 (`required: false`)");
    expect(await digestOf("optional/left")).toBeDefined();
  });
});
