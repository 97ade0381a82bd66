import { describe, expect, test } from "vitest";
import type { SolveFailure } from "../../core/buildkit/buildkit.ts";
import type { RunEvent } from "../../core/event.ts";
import { node } from "../support/make.ts";
import { releaseOf, start, until, withVariant } from "../support/run-world.ts";

const LOST: SolveFailure = { kind: "node-lost", node: "one", detail: "EOF" };
const CRASHED: SolveFailure = {
  kind: "emulator-crashed",
  crash: { signature: "signal", signal: 11 },
  step: "[1/1] RUN make",
  log: [],
};
const BOTH = ["linux/amd64", "linux/arm64"];
const ONE = node("one", BOTH);
const TWO = [ONE, node("two", BOTH)];

function kinds(events: readonly RunEvent[]): readonly string[] {
  return events.map(({ kind }) => kind);
}

function nodesOf(events: readonly RunEvent[]): readonly string[] {
  return events.flatMap((event) =>
    event.kind === "variant-rerouted"
      ? [`${event.variant}: ${event.from.node.name} -> ${event.to.node.name}`]
      : [],
  );
}

describe("a node that is lost", () => {
  test("its variants go on elsewhere, those that wait for it, too, and the report says where", async () => {
    const world = start({
      releases: [releaseOf("app", BOTH)],
      nodes: [{ ...ONE, maxParallelism: 1 }, ...TWO.slice(1)],
    });
    await until(() => world.buildkit.running().length === 1);
    world.buildkit.kill("one");
    world.buildkit.finish("app linux/amd64", LOST);
    await world.finish("app linux/amd64", "app linux/arm64");
    const report = await world.ended;
    expect(report.released).toHaveLength(1);
    expect(report.variants.map(({ route }) => route.node.name)).toEqual(["two", "two"]);
    expect(kinds(world.events).filter((kind) => kind === "node-dropped")).toHaveLength(1);
    expect(nodesOf(world.events).toSorted()).toEqual([
      "app linux/amd64: one -> two",
      "app linux/arm64: one -> two",
    ]);
  });

  test("is no reason to go where the plan does not allow it", async () => {
    const emulating = node("two", [], BOTH);
    const release = withVariant(releaseOf("app", ["linux/amd64"]), 0, { emulation: "never" });
    const world = start({ releases: [release], nodes: [ONE, emulating] });
    await until(() => world.buildkit.running().length === 1);
    world.buildkit.kill("one");
    world.buildkit.finish("app linux/amd64", LOST);
    const report = await world.ended;
    expect(report.variants[0]?.outcome).toMatchObject({ kind: "failed", failure: LOST });
    expect(world.buildkit.begun).toEqual(["app linux/amd64"]);
  });

  test("a connection that broke while the daemon is well is tried again, as often as the plan allows", async () => {
    const release = withVariant(releaseOf("app", ["linux/amd64"]), 0, { retries: 1 });
    const world = start({ releases: [release], nodes: [ONE] });
    for (const _ of [1, 2]) {
      await until(() => world.buildkit.running().length === 1);
      world.buildkit.finish("app linux/amd64", LOST);
    }
    const report = await world.ended;
    expect(report.variants[0]?.outcome).toMatchObject({ kind: "failed", failure: LOST });
    expect(world.buildkit.begun).toHaveLength(2);
    expect(kinds(world.events)).not.toContain("node-dropped");
  });
});

describe("a registry that loses a blob which two platforms push at once", () => {
  const lost = (message: string): SolveFailure => ({ kind: "push-failed", registry: "one.example", message });
  const RACE = lost(
    "failed to push one.example/app: unknown: provided digest did not match uploaded content",
  );

  async function play(failures: readonly SolveFailure[]) {
    const world = start({ releases: [releaseOf("app", ["linux/amd64"])], nodes: TWO });
    for (const failure of failures) {
      await until(() => world.buildkit.running().length === 1);
      world.buildkit.finish("app linux/amd64", failure);
    }
    return world;
  }

  test("gets it again, on the same node, and that is told", async () => {
    const world = await play([RACE, lost("errors:\nunknown: blob unknown to registry - sha256:00")]);
    await world.finish("app linux/amd64");
    expect((await world.ended).released).toHaveLength(1);
    expect(nodesOf(world.events)).toEqual(Array.from({ length: 2 }, () => "app linux/amd64: one -> one"));
  });

  test("is given up after the third time", async () => {
    const world = await play([RACE, RACE, RACE]);
    expect((await world.ended).variants[0]?.outcome).toMatchObject({ kind: "failed", failure: RACE });
    expect(world.buildkit.begun).toHaveLength(3);
  });

  test("a push that is refused is not tried again", async () => {
    const world = await play([lost("failed to push: denied: requested access to the resource is denied")]);
    expect((await world.ended).released).toEqual([]);
    expect(world.buildkit.begun).toHaveLength(1);
  });
});

describe("an emulator that crashes", () => {
  test("is tried once more on another node", async () => {
    const world = start({ releases: [releaseOf("app", ["linux/amd64"])], nodes: TWO });
    await until(() => world.buildkit.running().length === 1);
    world.buildkit.finish("app linux/amd64", CRASHED);
    await world.finish("app linux/amd64");
    const report = await world.ended;
    expect(nodesOf(world.events)).toEqual(["app linux/amd64: one -> two"]);
    expect(report.released).toHaveLength(1);
  });

  test("on the same node where there is no other, and no more often than the plan says", async () => {
    const release = withVariant(releaseOf("app", ["linux/amd64"]), 0, { retries: 2 });
    const world = start({ releases: [release], nodes: [ONE] });
    for (const _ of [1, 2, 3]) {
      await until(() => world.buildkit.running().length === 1);
      world.buildkit.finish("app linux/amd64", CRASHED);
    }
    const report = await world.ended;
    expect(report.variants[0]?.outcome).toMatchObject({ kind: "failed", failure: CRASHED });
    expect(world.buildkit.begun).toHaveLength(3);
  });

  test("a step that fails by itself is not tried again", async () => {
    const world = start({ releases: [releaseOf("app", ["linux/amd64"])], nodes: TWO });
    await world.fail("app linux/amd64");
    await world.ended;
    expect(world.buildkit.begun).toHaveLength(1);
  });
});

describe("fail-fast", () => {
  test("cancels the others at the first failure, and is not called an interruption", async () => {
    const world = start({ releases: [releaseOf("app", BOTH)], plan: { failFast: true } });
    await until(() => world.buildkit.running().length === 2);
    await world.fail("app linux/arm64");
    const report = await world.ended;
    expect(report.variants.map(({ outcome }) => outcome.kind)).toEqual(["cancelled", "failed"]);
    expect(report.interrupted).toBe(false);
  });

  test("an optional variant stops nobody", async () => {
    const release = withVariant(releaseOf("app", BOTH), 1, { required: false });
    const world = start({ releases: [release], plan: { failFast: true } });
    await until(() => world.buildkit.running().length === 2);
    await world.fail("app linux/arm64");
    await world.finish("app linux/amd64");
    expect((await world.ended).released).toHaveLength(1);
  });
});

describe("variants that need others", () => {
  const base = releaseOf("base", BOTH);
  const app = releaseOf("app", BOTH);
  const needing = {
    ...app,
    variants: app.variants.map((variant) => ({
      ...variant,
      needs: [variant.id.replace("app", "base")],
      build: {
        ...variant.build,
        contexts: { base: { kind: "variant" as const, variant: variant.id.replace("app", "base") } },
      },
    })),
  };

  test("each begins when its own is pushed, and gets exactly that digest", async () => {
    const world = start({ releases: [needing, base] });
    await until(() => world.buildkit.running().length === 2);
    expect(world.buildkit.running()).toEqual(["base linux/amd64", "base linux/arm64"]);
    await world.finish("base linux/arm64");
    await until(() => world.buildkit.running().includes("app linux/arm64"));
    expect(world.buildkit.running()).not.toContain("app linux/amd64");
    await world.finish("base linux/amd64", "app linux/amd64", "app linux/arm64");
    const report = await world.ended;
    const digest = report.released[1]?.manifests[1]?.manifest.digest;
    expect(digest).toMatch(/^sha256:/);
    expect(world.buildkit.contextsOf("app linux/arm64")).toEqual({
      base: { kind: "remote", url: `docker-image://one.example/base@${digest}` },
    });
    expect(report.released.map(({ release }) => release.name)).toEqual(["app", "base"]);
  });

  test("are not built where that fails, and say why; the other platform is", async () => {
    const world = start({ releases: [base, needing] });
    await world.fail("base linux/arm64");
    await world.finish("base linux/amd64", "app linux/amd64");
    const report = await world.ended;
    expect(report.released).toEqual([]);
    expect(report.variants.map(({ outcome }) => outcome.kind)).toEqual([
      "built",
      "failed",
      "built",
      "cancelled",
    ]);
    expect(report.variants[3]?.outcome).toMatchObject({ because: "base linux/arm64" });
    expect(world.buildkit.begun).not.toContain("app linux/arm64");
  });

  test("get a layout where no builder can pull it: the one that was handed over, or one besides", async () => {
    const client = {
      ...base,
      variants: base.variants.map((each) => ({ ...each, build: { ...each.build, push: "client" as const } })),
    };
    const pushed = start({ releases: [client, needing], scratch: "/scratch" });
    await until(() => pushed.buildkit.running().length === 2);
    expect(pushed.buildkit.outputsOf("base linux/arm64")).toEqual([]);
    pushed.cancel();
    await pushed.ended;
    const nowhere = {
      ...base,
      variants: base.variants.map((each) => ({ ...each, build: { ...each.build, repositories: [] } })),
    };
    const local = start({ releases: [nowhere, needing], scratch: "/scratch" });
    await until(() => local.buildkit.running().length === 2);
    expect(local.buildkit.outputsOf("undefined linux/arm64")).toEqual([
      { type: "oci", dest: "/scratch/base_linux_arm64", attributes: { tar: "false" } },
    ]);
    local.cancel();
    await local.ended;
  });
});

test("no more builds at a time than the plan allows in all, and the longest that are expected first", async () => {
  const world = start({
    releases: [releaseOf("app", ["linux/amd64", "linux/arm64", "linux/arm/v7"])],
    plan: { maxParallelism: 1 },
    expectedStart: ({ platform }) => (platform.architecture === "arm" ? 0 : 10),
  });
  await until(() => world.buildkit.running().length === 1);
  await world.finish("app linux/arm/v7");
  await world.finish("app linux/amd64");
  await world.finish("app linux/arm64");
  await world.ended;
  expect(world.buildkit.begun).toEqual(["app linux/arm/v7", "app linux/amd64", "app linux/arm64"]);
  expect(world.buildkit.most.get("wide")).toBe(1);
});
