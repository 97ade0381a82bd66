import { join } from "node:path";
import { beforeAll, expect, inject, test } from "vitest";
import { isStagingTag } from "../../core/staging/tag.ts";
import { openAuditor } from "../support/fault-matrix-audit.ts";
import { startRealRegistry, type RealRegistry } from "../support/real-registry.ts";
import { addBusybox, openRig, type Ran, type Rig } from "../support/rig.ts";

// kill -9 at a hundred random moments of a build of three images for four platforms, one of them built from another; then a plain second run.

let registry: RealRegistry;
beforeAll(async () => {
  registry = await startRealRegistry({ inMemory: true });
  return () => registry.close();
});

const KILLS = 100;
const CONCURRENCY = 2;
const IMAGES = ["base", "app", "tool"];
const PLATFORMS = ["linux/amd64", "linux/arm64", "linux/arm/v7", "linux/s390x"];

const BASE = `FROM scratch
ARG TARGETARCH
ARG TARGETVARIANT
COPY --from=busybox \${TARGETARCH}\${TARGETVARIANT}/busybox /bin/busybox
RUN ["/bin/busybox", "sh", "-c", "/bin/busybox uname -m > /machine"]
`;
const APP = `FROM base
RUN ["/bin/busybox", "cp", "/machine", "/copied"]
`;

/** Times come from the plan, and provenance is left out: the same inputs give the same bytes. */
function planText(name: string): string {
  const common = `    source-date-epoch: 1700000000
    attest: { provenance: false }
    output: ["type=image,rewrite-timestamp=true"]
    platforms: [${PLATFORMS.join(", ")}]
`;
  const image = (image: string, contexts: string): string =>
    `  ${image}:\n    dockerfile: ${image}.Dockerfile\n    contexts: { ${contexts} }\n${common}    tags: ["${registry.host}/${name}/${image}:1"]\n`;
  return `version: 1
images:
${image("app", "base: image:base")}${image("base", "busybox: ./busybox")}${image("tool", "busybox: ./busybox")}`;
}

async function start(rig: Rig, name: string) {
  await rig.write({ [`${name}.yaml`]: planText(name) });
  const builder = ["--builder", inject("buildkit").address, "--no-check", "--progress", "json"];
  return () =>
    rig.start(["build", "-f", `${name}.yaml`, ...builder], { XDG_CACHE_HOME: join(rig.state, name) });
}

function linesOf(stderr: string): readonly string[] {
  return stderr.split("\n").filter((line) => line.startsWith("{"));
}

/** Variants of which there was such an event. */
function variantsOf(ran: Pick<Ran, "stderr">, kind: string): readonly string[] {
  const events = linesOf(ran.stderr).map((line): { kind: string; variant?: string } => JSON.parse(line));
  return events.flatMap((event) => (event.kind === kind ? [event.variant ?? ""] : []));
}

async function digestsOf(name: string): Promise<readonly (string | undefined)[]> {
  const auditor = openAuditor(registry.host);
  return await Promise.all(IMAGES.map((image) => auditor.digestOf(`${name}/${image}`, "1")));
}

/** How many variants of each image are held by staging tags. */
async function stagedOf(name: string): Promise<number> {
  const lists = await Promise.all(
    IMAGES.map(async (image) => {
      const answer = await fetch(`http://${registry.host}/v2/${name}/${image}/tags/list`);
      const body: unknown = answer.ok ? await answer.json() : {};
      const { tags } = Object(body);
      return (Array.isArray(tags) ? tags : []).filter((tag) => isStagingTag(String(tag))).length;
    }),
  );
  return lists.reduce((sum, count) => sum + count, 0);
}

/** Kills a build when it has told so many events, and runs it again. Answers what is wrong then. */
async function killedAfter(rig: Rig, name: string, events: number, expected: readonly unknown[]) {
  const begin = await start(rig, name);
  const running = begin();
  const over = running.ended.then(() => true);
  while (linesOf(running.stderr()).length < events) {
    const turn = new Promise<false>((resolve) => setImmediate(() => resolve(false)));
    if (await Promise.race([over, turn])) break;
  }
  running.kill("SIGKILL");
  const killed = await running.ended;
  const before = await digestsOf(name);
  const staged = await stagedOf(name);
  const again = await begin().ended;
  const problems: string[] = [];
  const say = (problem: string): void => void problems.push(`killed after ${events} events: ${problem}`);
  if (before.some((digest, at) => digest !== undefined && digest !== expected[at]))
    say(`a tag names ${before.join(", ")}`);
  if (again.exitCode !== 0) say(`a plain second run fails: ${again.stderr.slice(-2_000)}`);
  const isOut = before.every((digest) => digest !== undefined);
  const taken = variantsOf(again, "variant-taken-over").length;
  const rebuilt = variantsOf(again, "variant-started").length;
  if (!isOut && taken !== staged) say(`${staged} variants were finished, and ${taken} were taken over`);
  if (taken + rebuilt !== IMAGES.length * PLATFORMS.length) say(`${taken} taken over, ${rebuilt} built`);
  if ((await digestsOf(name)).some((digest, at) => digest !== expected[at])) say("another index came of it");
  return { problems, staged, killed };
}

/** Numbers that look random, and are the same in every run. */
function random(seed: number): () => number {
  let state = seed;
  return () => (state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0) / 2 ** 32;
}

test("a build that was killed at any moment is resumed: nothing that was finished is built again, and the same index comes of it", async () => {
  // The plans of all runs lie in the context, and are no part of it.
  const rig = await openRig({
    ".dockerignore": "*",
    "base.Dockerfile": BASE,
    "app.Dockerfile": APP,
    "tool.Dockerfile": BASE,
  });
  await addBusybox(rig);
  const clean = await (await start(rig, "clean"))().ended;
  expect(clean).toMatchObject({ exitCode: 0 });
  const expected = await digestsOf("clean");
  expect(expected).toEqual(IMAGES.map(() => expect.stringMatching(/^sha256:/)));
  expect(await stagedOf("clean")).toBe(0);
  // Of a second run, in which all steps come from BuildKit's cache, as in those that are killed.
  const total = linesOf((await (await start(rig, "again"))().ended).stderr).length;
  const next = random(20_261_129);
  const moments = Array.from({ length: KILLS }, () => 1 + Math.floor(next() * total));
  const results: Awaited<ReturnType<typeof killedAfter>>[] = [];
  const waiting = moments.map((moment, at) => [moment, `kill-${at}`] as const);
  const worker = async (): Promise<void> => {
    for (let each = waiting.shift(); each !== undefined; each = waiting.shift())
      results.push(await killedAfter(rig, each[1], each[0], expected));
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, worker));
  expect(results.flatMap(({ problems }) => problems)).toEqual([]);
  // Of all kinds: some were killed before anything was finished, some in the midst of it.
  expect(results.filter(({ staged }) => staged === 0).length).toBeGreaterThan(5);
  expect(results.filter(({ staged }) => staged > 0).length).toBeGreaterThan(20);
}, 900_000);
