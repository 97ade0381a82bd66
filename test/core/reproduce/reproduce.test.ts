import { access, rm } from "node:fs/promises";
import { expect, test } from "vitest";
import type { BuildKit, BuildResult, SolveFailure, SolveRequest } from "../../../core/buildkit/buildkit.ts";
import type { RunEvent } from "../../../core/event.ts";
import { reproduce, type Reproduced } from "../../../core/reproduce/reproduce.ts";
import { fail, ok, type Result } from "../../../core/result.ts";
import type { Route } from "../../../core/route/route.ts";
import type { TestImage } from "../../support/images.ts";
import { imageOf, layerOf } from "../../support/layers.ts";
import { folderOf, layoutFiles } from "../../support/layouts.ts";
import { build, node, variant } from "../../support/make.ts";

const NODE = node("one", ["linux/amd64"], [], { maxParallelism: 99 });

function routeOf(id: string, changes: Parameters<typeof variant>[1] = {}): Route {
  const value = variant("linux/amd64", { id, build: build({ target: id }), ...changes });
  return { variant: value, node: NODE, execution: "native" };
}

const image = (content: string): TestImage => imageOf([layerOf([{ name: "a", content }])]);

type Answer = TestImage | SolveFailure;

interface Solving {
  readonly request: SolveRequest;
  readonly end: (answer: Answer) => Promise<void>;
}

/** A check under way: solves begin when they are asked for, and end when the test says so. */
function start(routes: readonly Route[]) {
  const running: Solving[] = [];
  const requests: SolveRequest[] = [];
  const paths: string[] = [];
  const events: RunEvent[] = [];
  const waits: number[] = [];
  const abort = new AbortController();
  const handOver = async (made: TestImage): Promise<BuildResult> => {
    const path = await folderOf(layoutFiles(made));
    paths.push(path);
    const remove = async (): Promise<void> => rm(path, { recursive: true });
    return { digest: made.manifest.descriptor.digest, file: { path, remove } };
  };
  const solve: BuildKit["solve"] = (request, _, signal) =>
    new Promise<Result<BuildResult, SolveFailure>>((resolve) => {
      requests.push(request);
      const solving: Solving = {
        request,
        end: async (answer) => {
          running.splice(running.indexOf(solving), 1);
          resolve("kind" in answer ? fail(answer) : ok(await handOver(answer)));
        },
      };
      running.push(solving);
      signal.addEventListener("abort", () => resolve(fail({ kind: "solve-cancelled" })), { once: true });
    });
  const buildkit: BuildKit = {
    nodes: [NODE],
    solve,
    lint: async () => ok([]),
    isAlive: async () => true,
    close: async () => undefined,
  };
  const ended = reproduce({
    plan: {},
    routes,
    buildkit,
    readDockerfile: async () => undefined,
    onEvent: (event) => void events.push(event),
    signal: abort.signal,
    now: () => 0,
    timing: {
      sleep: (ms, signal) =>
        // The watch over a silent daemon is of no interest here: it ends with the solve.
        new Promise((resolve) => {
          if (ms === 2_000) {
            waits.push(ms);
            resolve();
          } else signal?.addEventListener("abort", () => resolve(), { once: true });
        }),
    },
  });
  const targets = (): readonly (string | undefined)[] => running.map(({ request }) => request.build.target);
  const finish = async (target: string, answer: Answer): Promise<void> => {
    await expect.poll(targets).toContain(target);
    await running.find(({ request }) => request.build.target === target)?.end(answer);
  };
  return { ended, targets, finish, requests, paths, events, waits, cancel: () => abort.abort() };
}

function kinds(reproduced: readonly Reproduced[]): Readonly<Record<string, string>> {
  return Object.fromEntries(reproduced.map(({ route, outcome }) => [route.variant.id, outcome.kind]));
}

test("all first builds end before a second one begins, some time later", async () => {
  const world = start([routeOf("a"), routeOf("b")]);
  await expect.poll(world.targets).toEqual(["a", "b"]);
  await world.finish("a", image("1"));
  expect(world.waits).toEqual([]);
  expect(world.targets()).toEqual(["b"]);
  await world.finish("b", image("2"));
  await expect.poll(world.targets).toEqual(["a", "b"]);
  expect(world.waits).toEqual([2_000]);
  await world.finish("b", image("other"));
  await world.finish("a", image("1"));
  const reproduced = await world.ended;
  expect(kinds(reproduced)).toEqual({ a: "same", b: "different" });
  expect(reproduced[1]?.outcome).toMatchObject({ findings: [{ rule: "not-reproducible" }] });
  expect(
    world.events.flatMap((event) => (event.kind === "variant-done" ? [event.outcome.kind] : [])),
  ).toEqual(["built", "built"]);
  expect(world.events.at(-1)).toMatchObject({ kind: "run-ended", ok: false });
});

test("an image is asked for without caches, attestations, files and pushes, and nothing is left of it", async () => {
  const wanted = build({
    target: "a",
    cacheFrom: [{ type: "local", attributes: { src: "/c" } }],
    cacheTo: [{ type: "local", attributes: { dest: "/c" } }],
    outputs: [{ type: "local", dest: "/out", attributes: {} }],
    attest: { provenance: { mode: "max" } },
    image: { "rewrite-timestamp": "true" },
  });
  const world = start([routeOf("a", { build: wanted, timeoutMs: 7, stallMs: 8 })]);
  await world.finish("a", image("1"));
  await world.finish("a", image("2"));
  await world.ended;
  expect(world.requests).toHaveLength(2);
  for (const request of world.requests) {
    expect(request).toMatchObject({ image: { kind: "layout" }, timeoutMs: 7, stallMs: 8, isEmulated: false });
    const asked = { cacheFrom: [], cacheTo: [], outputs: [], attest: {}, noCache: true };
    expect(request.build).toEqual({ ...wanted, ...asked });
  }
  for (const path of world.paths) await expect(access(path)).rejects.toThrow("ENOENT");
});

test("what is built from another image is built from its first build, and waits for both", async () => {
  const contexts = { base: { kind: "variant", variant: "base" } } as const;
  const child = routeOf("child", { needs: ["base"], build: build({ target: "child", contexts }) });
  const world = start([child, routeOf("base")]);
  await expect.poll(world.targets).toEqual(["base"]);
  await world.finish("base", image("1"));
  await world.finish("base", image("2"));
  await world.finish("child", image("3"));
  await world.finish("child", image("3"));
  expect(kinds(await world.ended)).toEqual({ child: "same", base: "different" });
  const [first] = world.paths;
  const asked = world.requests.filter(({ build: { target } }) => target === "child");
  expect(asked.map(({ build: { contexts: given } }) => given["base"])).toMatchObject([
    { kind: "oci-layout", path: first },
    { kind: "oci-layout", path: first },
  ]);
  for (const path of world.paths) await expect(access(path)).rejects.toThrow("ENOENT");
});

test("a build that fails is not built again, and neither is what needs it", async () => {
  const world = start([routeOf("base"), routeOf("child", { needs: ["base"] }), routeOf("other")]);
  const failure = { kind: "step-failed", step: "RUN make", message: "no", log: [] } as const;
  await world.finish("base", failure);
  await world.finish("other", image("1"));
  await world.finish("other", image("1"));
  const reproduced = await world.ended;
  expect(kinds(reproduced)).toEqual({ base: "failed", child: "cancelled", other: "same" });
  expect(reproduced[0]?.outcome).toEqual({ kind: "failed", failure });
  expect(reproduced[1]?.outcome).toEqual({ kind: "cancelled", because: "base" });
});

test("what is built from an image that is not built here is not built", async () => {
  const world = start([routeOf("child", { needs: ["left out"] })]);
  expect(await world.ended).toMatchObject([{ outcome: { kind: "cancelled", because: "left out" } }]);
  expect(world.requests).toEqual([]);
});

test("an interruption ends the builds, and what was built is removed", async () => {
  const world = start([routeOf("a"), routeOf("b")]);
  await world.finish("a", image("1"));
  await expect.poll(() => world.paths).toHaveLength(1);
  world.cancel();
  expect(kinds(await world.ended)).toEqual({ a: "cancelled", b: "cancelled" });
  expect(world.requests).toHaveLength(2);
  for (const path of world.paths) await expect(access(path)).rejects.toThrow("ENOENT");
});

test("an image of another platform than the plan's is a failure", async () => {
  const world = start([routeOf("a")]);
  await world.finish("a", imageOf([layerOf([])], { architecture: "arm64" }));
  expect(await world.ended).toMatchObject([
    { outcome: { kind: "failed", failure: { kind: "platform-mismatch" } } },
  ]);
});
