import { join } from "node:path";
import { beforeAll, expect, inject, test } from "vitest";
import { openAuditor } from "../support/fault-matrix-audit.ts";
import { kindOf } from "../support/fault-matrix-kinds.ts";
import { startFaultProxy, type Held, type Incoming } from "../support/fault-proxy.ts";
import { startRealRegistry, type RealRegistry } from "../support/real-registry.ts";
import { openRig, type Ran, type Rig } from "../support/rig.ts";

// kill -9 at every request that the program sends in a build of two platforms into two repositories: the request is kept, the
// program killed, and then the registry either hears of it or does not. BuildKit's own requests pass.

let registry: RealRegistry;
beforeAll(async () => {
  registry = await startRealRegistry({ inMemory: true });
  return () => registry.close();
});

const OURS = /^buildx-plan\//;
const TAGS = ["one:1", "one:latest", "two:1"];
const CONCURRENCY = 3;

/** A request of ours, as it is spelled in every run. */
interface Place {
  readonly method: string;
  readonly path: string;
}

interface Kill {
  readonly place: Place;
  readonly fate: "drop" | "pass";
}

/** The places of one run of the program. */
interface Stage {
  readonly name: string;
  readonly requests: readonly Place[];
  readonly holdNext: (place: Place) => Promise<Held>;
  readonly start: () => ReturnType<Rig["start"]>;
  readonly close: () => Promise<void>;
}

function plan(host: string, name: string): string {
  // Without provenance, which carries times, each run makes the same index.
  return `version: 1
images:
  app:
    platforms: [linux/amd64, linux/arm64]
    attest: { provenance: false }
    tags: [${TAGS.map((tag) => JSON.stringify(`${host}/${name}/${tag}`)).join(", ")}]
`;
}

async function openStage(rig: Rig, name: string): Promise<Stage> {
  const requests: Place[] = [];
  const gate = ({ method, path, headers }: Incoming): undefined => {
    if (OURS.test(headers["user-agent"] ?? ""))
      requests.push({ method, path: sameEveryRun(method, path.replace(`/${name}/`, "/NAME/")) });
  };
  const proxy = await startFaultProxy(registry.host, { gate });
  await rig.write({ [`${name}.yaml`]: plan(proxy.host, name) });
  return {
    name,
    requests,
    holdNext: ({ method, path }) =>
      proxy.holdNext({ method, path: exactly(path.replace("/NAME/", `/${name}/`)), userAgent: OURS }),
    // Preflight moves no tag, and the uploads that it gives up have other names in every run. Layers are remembered by nobody else.
    start: () =>
      rig.start(["build", "--no-check", "--builder", inject("buildkit").address, "-f", `${name}.yaml`], {
        XDG_CACHE_HOME: join(rig.state, name),
      }),
    close: () => proxy.close(),
  };
}

/** What is removed is what was staged, and that has another digest every time. */
function sameEveryRun(method: string, path: string): string {
  return method === "DELETE" ? path.replace(/sha256:[0-9a-f]{64}$/, "DIGEST") : path;
}

function exactly(path: string): RegExp {
  const escaped = path.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&");
  return new RegExp(`^${escaped.replace(/DIGEST$/, "sha256:[0-9a-f]{64}")}$`);
}

/** What is wrong in the registry: a tag that names something else or something incomplete, or that moved before its turn. */
async function flaws(name: string, expected: string): Promise<readonly string[]> {
  const auditor = openAuditor(registry.host);
  const problems: string[] = [];
  let isOver = false;
  for (const each of TAGS) {
    const [repository, tag = ""] = `${name}/${each}`.split(":");
    const digest = await auditor.digestOf(repository ?? "", tag);
    if (digest !== undefined) problems.push(...(await auditor.flaws(repository ?? "", tag)));
    if (digest !== undefined && digest !== expected) problems.push(`${each} names ${digest}`);
    if (digest !== undefined && isOver) problems.push(`${each} has moved before its turn`);
    isOver ||= digest === undefined;
  }
  return problems;
}

async function named(name: string): Promise<readonly (string | undefined)[]> {
  const auditor = openAuditor(registry.host);
  return await Promise.all(
    TAGS.map((each) => {
      const [repository = "", tag = ""] = `${name}/${each}`.split(":");
      return auditor.digestOf(repository, tag);
    }),
  );
}

/** Kills the program at this request. Answers how it ended, if it ended before. */
async function kill(stage: Stage, { place, fate }: Kill): Promise<Ran | undefined> {
  const holding = stage.holdNext(place);
  const running = stage.start();
  const held = await Promise.race([holding, running.ended.then((ran) => ({ ran }))]);
  if ("ran" in held) return held.ran;
  running.kill("SIGKILL");
  await running.ended;
  if (fate === "pass") await held.pass();
  else held.drop();
  return undefined;
}

async function runKill(rig: Rig, each: Kill, at: number, expected: string): Promise<readonly string[]> {
  const stage = await openStage(rig, `kill-${at}`);
  const early = await kill(stage, each);
  const problems: string[] = [];
  if (early !== undefined) problems.push(`it ended without this request: ${early.stderr}`);
  problems.push(...(await flaws(stage.name, expected)));
  const isPassedTag = each.fate === "pass" && isPublicTag(each.place);
  const [first] = await named(stage.name);
  if (isPassedTag && first === undefined) problems.push("the tag that was written is not there");
  const again = await stage.start().ended;
  if (again.exitCode !== 0) problems.push(`a plain second run fails: ${again.stderr}`);
  problems.push(...(await flaws(stage.name, expected)));
  if ((await named(stage.name)).some((digest) => digest !== expected))
    problems.push("not all tags have moved");
  await stage.close();
  return problems.map((problem) => `${each.place.method} ${each.place.path}, ${each.fate}: ${problem}`);
}

/** Not one that holds a variant meanwhile. */
function isPublicTag(place: Place): boolean {
  return kindAt(place) === "PUT tag" && !place.path.includes("/buildx-plan-staging.");
}

function kindAt(place: Place): string {
  return kindOf({ ...place, query: new URLSearchParams() });
}

test("killed at any of its requests, no tag names less than all of it, and a second run completes", async () => {
  const rig = await openRig({ Dockerfile: "FROM scratch\nCOPY file /file\n", file: "content" });
  const clean = await openStage(rig, "clean");
  const ran = await clean.start().ended;
  expect(ran.stderr).not.toContain("error");
  const [expected = ""] = await named(clean.name);
  expect(expected).toMatch(/^sha256:/);
  await clean.close();
  const places = [...new Map(clean.requests.map((each) => [JSON.stringify(each), each])).values()];
  expect(places.filter(isPublicTag)).toHaveLength(TAGS.length);
  expect(places.filter((place) => kindAt(place) === "PUT tag")).toHaveLength(TAGS.length + 2);
  expect(places.filter(({ method }) => method === "DELETE")).toHaveLength(1);
  expect(places.map(kindAt)).toContain("PUT manifest");
  expect(places.map(kindAt)).toContain("GET manifest");
  const kills = places.flatMap((place) => (["drop", "pass"] as const).map((fate) => ({ place, fate })));
  const waiting = kills.map((each, at) => [each, at] as const);
  const problems: string[] = [];
  const worker = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift())
      problems.push(...(await runKill(rig, next[0], next[1], expected)));
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, worker));
  expect(problems).toEqual([]);
});
