import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, inject, test } from "vitest";
import { addBusybox, openRig, type Ran, type Rig } from "../support/rig.ts";

const [HOST, FOREIGN] =
  process.arch === "arm64" ? ["linux/arm64", "linux/amd64"] : ["linux/amd64", "linux/arm64"];
const BASE = `FROM scratch
ARG TARGETARCH
COPY busybox/\${TARGETARCH}/busybox /bin/busybox
RUN ["/bin/busybox", "--install", "-s", "/bin"]
`;
const EPOCH = "source-date-epoch: 1700000000";
const REWRITE = 'output: ["type=image,rewrite-timestamp=true"]';
const BOTH = `${EPOCH}\n    ${REWRITE}`;
const RANDOM = "RUN cat /proc/sys/kernel/random/uuid > /random\n";

interface Wish {
  readonly dockerfile: string;
  readonly settings?: string;
  readonly platforms?: readonly string[];
}

async function project({ dockerfile, settings = "", platforms = [HOST] }: Wish): Promise<Rig> {
  const rig = await openRig({
    Dockerfile: dockerfile,
    "hello.txt": "hello\n",
    "buildx-plan.yaml": `version: 1
images:
  app:
    context: .
    platforms: [${platforms.join(", ")}]
    tags: [registry.invalid/team/app:v1]
    attest: { provenance: mode=max }
    ${settings}
`,
  });
  await addBusybox(rig);
  return rig;
}

async function check(wish: Wish, ...argv: readonly string[]): Promise<Ran> {
  const rig = await project(wish);
  return await rig.build("--check-reproducible", ...argv);
}

interface Answer {
  readonly ok: boolean;
  readonly variants: readonly {
    readonly outcome: string;
    readonly digest?: string;
    readonly difference?: { readonly layers: readonly { readonly groups?: readonly Group[] }[] };
  }[];
  readonly findings: readonly { readonly rule: string; readonly message: string; readonly fix: string }[];
}
interface Group {
  readonly example: { readonly path: string; readonly changes: readonly { readonly what: string }[] };
}

function answerOf({ stdout }: Ran): Answer {
  return JSON.parse(stdout);
}

describe.each([HOST, FOREIGN])("%s", (platform) => {
  test("a step that writes the date: the file, its line, its two contents and the Dockerfile line", async () => {
    const dockerfile = `${BASE}RUN date > /built\n`;
    const { exitCode, stdout, stderr } = await check({ dockerfile, settings: BOTH, platforms: [platform] });
    expect(stderr).toContain("Dockerfile:5:1: error: Two builds of it are not the same");
    expect(stderr).toContain("the content of /built differs in layer 3 of 3 [not-reproducible]");
    expect(stderr).toMatch(/\/built: other content from byte \d+ on \(\d+ bytes/);
    expect(stderr).toMatch(/line 1: ".* UTC \d{4}", then ".* UTC \d{4}"/);
    expect(stdout).toMatch(
      new RegExp(`^app ${platform}: not reproducible, sha256:[0-9a-f]{64}, then sha256:`),
    );
    expect(exitCode).toBe(4);
  });

  test("times alone differ, and with a time for the build and rewritten times nothing does", async () => {
    const dockerfile = `${BASE}RUN touch /ready\n`;
    const without = await check({ dockerfile, platforms: [platform] }, "--json");
    expect(without.exitCode).toBe(4);
    const [variant] = answerOf(without).variants;
    const changes = variant?.difference?.layers[0]?.groups?.flatMap(({ example }) => example.changes);
    expect(changes?.map(({ what }) => what)).toEqual(["mtime"]);
    const [finding] = answerOf(without).findings;
    expect(finding?.fix).toContain("`source-date-epoch: commit`");
    expect(finding?.fix).toContain("rewrite-timestamp=true");

    const half = await check({ dockerfile, settings: EPOCH, platforms: [platform] }, "--json");
    expect(answerOf(half).variants.map(({ outcome }) => outcome)).toEqual(["different"]);
    expect(answerOf(half).findings[0]?.fix).not.toContain("source-date-epoch: commit");

    const same = await check({ dockerfile, settings: BOTH, platforms: [platform] }, "--json");
    expect(answerOf(same)).toMatchObject({ ok: true, variants: [{ outcome: "same" }], findings: [] });
    expect(same.exitCode).toBe(0);
  });
});

test("files that are only copied are the same with a time for the build, on all platforms", async () => {
  const wish = { dockerfile: "FROM scratch\nCOPY hello.txt /\n", platforms: [HOST, FOREIGN] };
  const { exitCode, stdout, stderr } = await check({ ...wish, settings: EPOCH });
  expect(stdout.split("\n").filter((line) => line.includes(": reproducible, sha256:"))).toHaveLength(2);
  expect(stderr).not.toContain("not-reproducible");
  expect(exitCode).toBe(0);
  const without = await check(wish, "--only", HOST, "--json");
  expect(answerOf(without).findings).toMatchObject([{ rule: "not-reproducible" }]);
  expect(without.exitCode).toBe(4);
});

test("a step really runs twice, one that both platforms share as well", async () => {
  const shared = `FROM --platform=$BUILDPLATFORM scratch AS made
ARG BUILDARCH
COPY busybox/\${BUILDARCH}/busybox /bin/busybox
RUN ["/bin/busybox", "--install", "-s", "/bin"]
${RANDOM}
FROM scratch
COPY --from=made /random /
`;
  const ran = await check({ dockerfile: shared, settings: BOTH, platforms: [HOST, FOREIGN] }, "--json");
  expect(answerOf(ran).variants.map(({ outcome }) => outcome)).toEqual(["different", "different"]);
  const paths = answerOf(ran).variants.map(
    ({ difference }) => difference?.layers[0]?.groups?.[0]?.example.path,
  );
  expect(paths).toEqual(["random", "random"]);
});

test("an image that is built from one that is not the same twice answers for its own steps only", async () => {
  const rig = await project({ dockerfile: `${BASE}${RANDOM}`, settings: BOTH });
  await rig.write({
    "child/Dockerfile": "FROM base\nCOPY own.txt /\n",
    "child/own.txt": "own\n",
    "buildx-plan.yaml": `version: 1
images:
  child:
    context: child
    contexts: { base: image:app }
    platforms: [${HOST}]
    tags: [registry.invalid/team/child:v1]
    ${BOTH}
  app:
    context: .
    platforms: [${HOST}]
    tags: [registry.invalid/team/app:v1]
    ${BOTH}
`,
  });
  const ran = await rig.build("--check-reproducible");
  expect(ran.stdout).toMatch(new RegExp(`^child ${HOST}: reproducible, .*\\napp ${HOST}: not reproducible`));
  expect(ran.exitCode).toBe(4);
});

test("a build that fails ends with 1, and what is built from it is not built", async () => {
  const rig = await project({ dockerfile: `${BASE}RUN exit 7\n` });
  await rig.write({
    "child/Dockerfile": "FROM base\n",
    "buildx-plan.yaml": `version: 1
images:
  app: { context: ., platforms: [${HOST}], tags: ["registry.invalid/team/app:v1"] }
  child:
    context: child
    contexts: { base: image:app }
    platforms: [${HOST}]
    tags: [registry.invalid/team/child:v1]
`,
  });
  const ran = await rig.build("--check-reproducible");
  expect(ran.stderr).toContain("exit code 7");
  expect(ran.stdout).toBe(
    `app ${HOST}: failed\nchild ${HOST}: not built, as it is built from app ${HOST}, which is not there\n`,
  );
  expect(ran.exitCode).toBe(1);
});

test("nothing is left on disk, and no output or cache of the plan is written", async () => {
  const settings = `${BOTH}
    cache-to: ["type=local,dest=./cache"]`;
  const rig = await project({ dockerfile: "FROM scratch\nCOPY hello.txt /\n", settings });
  const temporary = join(rig.directory, "tmp");
  await rig.write({ "tmp/keep": "" });
  const { address } = inject("buildkit");
  const ran = await rig.run(["build", "--check-reproducible", "--builder", address], { TMPDIR: temporary });
  expect(ran.exitCode).toBe(0);
  expect(await readdir(temporary)).toEqual(["keep"]);
  expect(await readdir(rig.directory)).not.toContain("cache");
});

test("an interruption ends the builds with 130, and leaves nothing on disk", async () => {
  const rig = await project({ dockerfile: `${BASE}RUN sleep 600\n` });
  await rig.write({ "tmp/keep": "" });
  const temporary = join(rig.directory, "tmp");
  const argv = ["build", "--check-reproducible", "--builder", inject("buildkit").address];
  const running = rig.start(argv, { TMPDIR: temporary });
  await expect.poll(running.stderr, { timeout: 60_000 }).toContain("RUN sleep 600");
  running.kill("SIGINT");
  const ran = await running.ended;
  expect(ran.exitCode).toBe(130);
  expect(ran.stdout).toBe(`app ${HOST}: cancelled\n`);
  expect(await readdir(temporary)).toEqual(["keep"]);
});

test("what else would become of a build cannot be asked for at the same time", async () => {
  const rig = await project({ dockerfile: BASE });
  const ran = await rig.build("--check-reproducible", "--load");
  expect(ran.stderr).toContain("cannot be used with option");
  expect(ran.exitCode).toBe(2);
});
