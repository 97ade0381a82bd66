import fc from "fast-check";
import { expect, test } from "vitest";
import type { RunEvent } from "../../core/event.ts";
import { formatReference, formatRepository } from "../../core/oci/reference.ts";
import type { RunReport } from "../../core/run.ts";
import { PLATFORMS, releaseOf, start, withVariant } from "../support/run-world.ts";

function kinds(events: readonly RunEvent[]): readonly string[] {
  return events.map(({ kind }) => kind);
}

function outcomes({ variants }: RunReport): readonly string[] {
  return variants.map(({ outcome }) => outcome.kind);
}

test("stores the indexes of all releases everywhere before the first tag of any moves, but where that tag stores it", async () => {
  const hosts = ["one.example", "two.example"];
  const releases = [releaseOf("app", ["linux/amd64"], hosts), releaseOf("tool", ["linux/amd64"], hosts)];
  const world = start({ releases });
  await world.finish("tool linux/amd64", "app linux/amd64");
  const report = await world.ended;
  const digests = report.released.map(({ index }) => index.descriptor.digest);
  const places = releases.flatMap(({ repositories }, at) =>
    repositories.map((each) => `${formatRepository(each)}@${digests[at]}`),
  );
  expect(world.registry.writes.slice(0, 3).toSorted()).toEqual(places.slice(1).toSorted());
  expect(world.registry.writes.slice(3)).toEqual(releases.flatMap(({ tags }) => tags.map(formatReference)));
});

test("the bytes of the index do not depend on the order in which solves end", async () => {
  const bytesAfter = async (order: readonly string[]): Promise<string> => {
    const world = start({ releases: [releaseOf("app", PLATFORMS)] });
    await world.finish(...order.map((platform) => `app ${platform}`));
    expect(outcomes(await world.ended)).toEqual(PLATFORMS.map(() => "built"));
    return Buffer.from(world.registry.find("one.example/app:1")?.bytes ?? []).toString("utf8");
  };
  const inOrder = await bytesAfter(PLATFORMS);
  expect(inOrder).toContain('"s390x"');
  const anyOrder = fc.shuffledSubarray(PLATFORMS, { minLength: PLATFORMS.length });
  await fc.assert(
    fc.asyncProperty(anyOrder, async (order) => {
      expect(await bytesAfter(order)).toBe(inOrder);
    }),
    { numRuns: 24 },
  );
});

test("a required variant that fails stops no other, and nothing is stitched, stored or tagged", async () => {
  const releases = [releaseOf("app", PLATFORMS), releaseOf("tool", ["linux/amd64"])];
  const world = start({ releases });
  await world.fail("app linux/arm64");
  await world.finish("tool linux/amd64", "app linux/s390x", "app linux/amd64", "app linux/arm/v7");
  const report = await world.ended;
  expect(outcomes(report)).toEqual(["built", "failed", "built", "built", "built"]);
  expect(report).toMatchObject({ released: [], interrupted: false });
  expect(report.failure).toBeUndefined();
  expect(world.registry.writes).toEqual([]);
  expect(kinds(world.events)).not.toContain("release-stitched");
  expect(world.events.at(-1)).toMatchObject({ kind: "run-ended", ok: false });
});

test("an optional variant that fails is left out of the index, and the release goes on", async () => {
  const release = withVariant(releaseOf("app", PLATFORMS), 1, { required: false });
  const world = start({ releases: [release] });
  await world.fail("app linux/arm64");
  await world.finish("app linux/amd64", "app linux/arm/v7", "app linux/s390x");
  const report = await world.ended;
  const index = JSON.parse(Buffer.from(world.registry.find("one.example/app:1")?.bytes ?? []).toString());
  expect(
    index.manifests.map(({ platform }: { platform: { architecture: string } }) => platform.architecture),
  ).toEqual(["amd64", "arm", "s390x"]);
  expect(report.released[0]?.manifests.map(({ variant: id }) => id)).not.toContain("app linux/arm64");
  expect(world.events.at(-1)).toMatchObject({ kind: "run-ended", ok: true });
});

test("a release of which nothing is left is not released, and others are", async () => {
  const optional = withVariant(releaseOf("app", ["linux/amd64"]), 0, { required: false });
  const world = start({ releases: [optional, releaseOf("tool", ["linux/amd64"])] });
  await world.fail("app linux/amd64");
  await world.finish("tool linux/amd64");
  expect((await world.ended).released.map(({ release }) => release.name)).toEqual(["tool"]);
  expect(world.registry.writes.at(-1)).toBe("one.example/tool:1");
});

test("a part of a release is pushed, and neither stitched nor tagged", async () => {
  const world = start({ releases: [{ ...releaseOf("app", ["linux/amd64"]), omitted: ["app linux/arm64"] }] });
  await world.finish("app linux/amd64");
  const report = await world.ended;
  expect(outcomes(report)).toEqual(["built"]);
  expect(report.released).toEqual([]);
  expect(world.registry.writes).toEqual([]);
});

test("an index that one registry does not take keeps all tags where they are", async () => {
  const release = releaseOf("app", ["linux/amd64"], ["one.example", "two.example"]);
  const twin = start({ releases: [release] });
  await twin.finish("app linux/amd64");
  const digest = (await twin.ended).released[0]?.index.descriptor.digest;
  const world = start({
    releases: [release],
    prepare: (registry) => registry.refuse(`two.example/app@${digest}`),
  });
  await world.finish("app linux/amd64");
  const report = await world.ended;
  expect(report.failure).toMatchObject({ kind: "index-not-stored", repository: { registry: "two.example" } });
  expect(report.released).toEqual([]);
  expect(world.registry.writes).toEqual([]);
});

test("cancelled when everything is built and nothing released: no index is stored, no tag moves", async () => {
  let left = 2;
  const world = start({
    releases: [releaseOf("app", PLATFORMS.slice(0, 2))],
    onEvent: ({ kind }, cancel) => {
      if (kind === "variant-done" && (left -= 1) === 0) cancel();
    },
  });
  await world.finish("app linux/amd64", "app linux/arm64");
  const report = await world.ended;
  expect(outcomes(report)).toEqual(["built", "built"]);
  expect(report).toMatchObject({ released: [], interrupted: true });
  expect(report.failure).toBeUndefined();
  expect(kinds(world.events)).not.toContain("release-stitched");
  expect(world.registry.writes).toEqual([]);
});

test("cancelled between two tags: says which one has moved, and moves no more", async () => {
  const world = start({
    releases: [releaseOf("app", ["linux/amd64"], ["one.example", "two.example"])],
    onEvent: ({ kind }, cancel) => {
      if (kind === "tag-moved") cancel();
    },
  });
  await world.finish("app linux/amd64");
  const report = await world.ended;
  expect(report).toMatchObject({
    interrupted: true,
    released: [],
    failure: {
      kind: "release-failed",
      moved: [{ registry: "one.example" }],
      failedTag: { registry: "two.example" },
      cause: { kind: "registry-cancelled" },
    },
  });
  expect(world.registry.find("two.example/app:1")).toBeUndefined();
});

test("cancelled when the last tag has moved: the release is out, and is not called interrupted", async () => {
  const world = start({
    releases: [releaseOf("app", ["linux/amd64"])],
    onEvent: ({ kind }, cancel) => {
      if (kind === "tag-moved") cancel();
    },
  });
  await world.finish("app linux/amd64");
  expect(await world.ended).toMatchObject({ interrupted: false, released: [{ release: { name: "app" } }] });
});

test("events come in the order in which things happen", async () => {
  const world = start({
    releases: [releaseOf("app", PLATFORMS.slice(0, 2), ["one.example", "two.example"])],
  });
  await world.finish("app linux/arm64", "app linux/amd64");
  await world.ended;
  const ofVariant = (id: string): readonly string[] =>
    kinds(world.events.filter((event) => "variant" in event && event.variant === id));
  for (const id of ["app linux/amd64", "app linux/arm64"])
    expect(ofVariant(id)).toEqual(["variant-started", "variant-pushed", "variant-done"]);
  const all = kinds(world.events);
  expect(all[0]).toBe("run-started");
  expect(all.slice(all.lastIndexOf("variant-done") + 1)).toEqual([
    "release-stitched",
    "index-put",
    "tag-moved",
    "tag-moved",
    "run-ended",
  ]);
});
