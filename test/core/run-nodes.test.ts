import fc from "fast-check";
import { expect, test } from "vitest";
import type { Node } from "../../core/buildkit/buildkit.ts";
import type { Variant } from "../../core/plan/plan.ts";
import { node } from "../support/make.ts";
import { PLATFORMS, releaseOf, start, until } from "../support/run-world.ts";

test("cancelled while solves run: they end, those that wait never begin", async () => {
  const narrow = node("narrow", PLATFORMS, [], { maxParallelism: 2 });
  const world = start({ releases: [releaseOf("app", PLATFORMS)], nodes: [narrow] });
  await until(() => world.buildkit.running().length === 2);
  world.cancel();
  const report = await world.ended;
  expect(report.variants.map(({ outcome }) => outcome.kind)).toEqual(PLATFORMS.map(() => "cancelled"));
  expect(report.interrupted).toBe(true);
  expect(world.buildkit.begun).toEqual(["app linux/amd64", "app linux/arm64"]);
  expect(world.events.filter(({ kind }) => kind === "variant-started")).toHaveLength(2);
});

test("no node gets more solves at once than it takes, whatever the order of their ends", async () => {
  const names = PLATFORMS.flatMap((platform) => ["app", "tool", "base"].map((name) => `${name} ${platform}`));
  await fc.assert(
    fc.asyncProperty(fc.infiniteStream(fc.nat()), fc.integer({ min: 1, max: 4 }), async (choices, room) => {
      const nodes = [
        node("a", PLATFORMS, [], { maxParallelism: room }),
        node("b", PLATFORMS, [], { maxParallelism: 2 }),
      ];
      const releases = ["app", "tool", "base"].map((name) => releaseOf(name, PLATFORMS));
      const place = ({ platform }: Variant): Node | undefined =>
        nodes[platform.architecture === "s390x" ? 1 : 0];
      const { buildkit, ended } = start({ releases, nodes, place });
      for (let done = 0; done < names.length; done += 1) {
        await until(() => buildkit.running().length > 0);
        const running = buildkit.running();
        buildkit.finish(running[(choices.next().value ?? 0) % running.length] ?? "");
      }
      await ended;
      expect(buildkit.begun.toSorted()).toEqual(names.toSorted());
      expect(Object.fromEntries(buildkit.most)).toEqual({ a: room, b: 2 });
    }),
    { numRuns: 20 },
  );
});

test("a node that is full holds nothing up on another, and gives each free slot to who waited longest", async () => {
  const nodes = [
    node("slow", PLATFORMS, [], { maxParallelism: 1 }),
    node("free", PLATFORMS, [], { maxParallelism: 1 }),
  ];
  const place = ({ platform }: Variant): Node | undefined => nodes[platform.architecture === "s390x" ? 1 : 0];
  const world = start({ releases: [releaseOf("app", PLATFORMS)], nodes, place });
  await until(() => world.buildkit.running().length === 2);
  expect(world.buildkit.running()).toEqual(["app linux/amd64", "app linux/s390x"]);
  await world.finish("app linux/s390x");
  // A failure gives its slot back too.
  await world.fail("app linux/amd64");
  await world.finish("app linux/arm64", "app linux/arm/v7");
  await world.ended;
  expect(world.buildkit.begun).toEqual([
    "app linux/amd64",
    "app linux/s390x",
    "app linux/arm64",
    "app linux/arm/v7",
  ]);
});
