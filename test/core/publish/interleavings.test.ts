import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Candidate } from "../../../core/publish/guard.ts";
import { readTags, releaseTags } from "../../../core/publish/release.ts";
import { plannedRelease } from "../../support/release.ts";
import { makeDocument, makeImage, OCI } from "../../support/images.ts";
import { platform, variant } from "../../support/make.ts";
import { memoryRegistry, type MemoryRegistry } from "../../support/memory-registry.ts";
import { inEveryOrder, play, steer, type Scene, type Waiting } from "../../support/steered-registry.ts";

// Runs of the same plan at once, with their requests in every order that there is.

const REPOSITORY = { registry: "one.example", path: "team/app" };

/** What the run of a day's commit releases under these tags. */
function ofDay(day: number, tags: readonly string[], registry: MemoryRegistry): Candidate {
  const where = platform("linux/amd64");
  const image = makeImage({ ...where }, [`day ${day}`]);
  registry.push(REPOSITORY, image);
  const manifest = { ...image.manifest.descriptor, platform: where };
  const annotations = { "org.opencontainers.image.created": `2026-01-0${day}T00:00:00Z` };
  return {
    release: plannedRelease({
      variants: [variant("linux/amd64")],
      tags: tags.map((tag) => ({ ...REPOSITORY, tag })),
      repositories: [REPOSITORY],
      indexAnnotations: annotations,
    }),
    index: makeDocument({ schemaVersion: 2, mediaType: OCI.index, manifests: [manifest], annotations }),
    manifests: [
      { variant: "app linux/amd64", platform: where, manifest, attestations: [], size: 1, layers: [] },
    ],
  };
}

interface Race {
  readonly registry: MemoryRegistry;
  readonly order: readonly Waiting[];
  /** How each day's run ended. */
  readonly ended: ReadonlyMap<string, Awaited<ReturnType<typeof releaseTags>>>;
  /** The day whose index a tag names. */
  readonly dayOf: (tag: string) => string | undefined;
}

/** A run for each of these days, in the order in which they ask first; `stale` makes each look at its tags a second time. */
function race(
  runs: Readonly<Record<string, readonly string[]>>,
  check: (race: Race) => void,
  { stale = false }: { readonly stale?: boolean } = {},
): Scene {
  const registry = memoryRegistry();
  const steering = steer(registry);
  const candidates = new Map(
    Object.entries(runs).map(([day, tags]) => [day, ofDay(Number(day), tags, registry)]),
  );
  const ended = new Map<string, Awaited<ReturnType<typeof releaseTags>>>();
  for (const [day, candidate] of candidates) {
    const signal = new AbortController().signal;
    const seen = steering.actor(day);
    const publishing = { registry: seen, signal, onEvent: () => undefined, now: () => (stale ? 9_999 : 0) };
    const allowed = { shrink: false, downgrade: false };
    const go = async (): Promise<void> => {
      const readings = await readTags([candidate.release], seen, signal);
      ended.set(
        day,
        await releaseTags([candidate], { tagsRead: { readings, atMs: 0 }, allowed }, publishing),
      );
    };
    void go();
  }
  const dayOf = (tag: string): string | undefined => {
    const digest = registry.find(`${REPOSITORY.registry}/${REPOSITORY.path}:${tag}`)?.descriptor.digest;
    return [...candidates].find(([, { index }]) => index.descriptor.digest === digest)?.[0];
  };
  return { steering, check: async (order) => check({ registry, order, ended, dayOf }) };
}

/** Places in the order of a run's requests for a tag. */
function placesOf(order: readonly Waiting[], actor: string, method: string, tag: string): readonly number[] {
  return order.flatMap((each, at) =>
    each.actor === actor && each.request === `${method} ${REPOSITORY.registry}/${REPOSITORY.path}:${tag}`
      ? [at]
      : [],
  );
}

/**
 * What nobody can mend where a registry has no compare-and-swap: a newer run writes a tag and looks at it for the last time, all between an
 * older run's look at it and its write.
 */
function isUnmendable(
  { order }: Race,
  { older, newer, tag }: { readonly older: string; readonly newer: string; readonly tag: string },
): boolean {
  const looks = [...placesOf(order, older, "GET", tag), ...placesOf(order, older, "HEAD", tag)];
  const written = placesOf(order, newer, "PUT", tag).at(-1) ?? -1;
  const lastLook = placesOf(order, newer, "HEAD", tag).at(-1) ?? Infinity;
  return placesOf(order, older, "PUT", tag).some((write) => {
    const look = Math.max(-1, ...looks.filter((place) => place < write));
    return look < written && lastLook < write;
  });
}

const LATEST = ["latest"];

/** What must hold of runs of these days that all move `latest`, whatever the order; answers whether an older day was left there. */
function judge(race: Race, days: readonly string[]): boolean {
  const newest = days.toSorted().at(-1) ?? "";
  expect(race.ended.size).toBe(days.length);
  expect(race.ended.get(newest)).toMatchObject({ ok: true });
  const isLost = race.dayOf("latest") !== newest;
  const olders = days.filter((day) => day !== newest);
  const isExcused = olders.some((older) => isUnmendable(race, { older, newer: newest, tag: "latest" }));
  expect(isExcused || !isLost).toBe(true);
  return isLost;
}

/** In how many orders, of how many, an older run is left there. */
async function tally(options: { readonly stale?: boolean } = {}) {
  let lost = 0;
  const check = (each: Race): void => void (lost += judge(each, ["1", "2"]) ? 1 : 0);
  const orders = await inEveryOrder(() => race({ 1: LATEST, 2: LATEST }, check, options), 1_000);
  return { orders, lost };
}

/** Plays a scene in many orders by chance. */
async function inSomeOrders(open: () => Scene, numRuns: number): Promise<void> {
  await fc.assert(
    fc.asyncProperty(fc.infiniteStream(fc.nat(1_000)), async (stream) => {
      await play(open(), (_, of) => (stream.next().value ?? 0) % of);
    }),
    { numRuns },
  );
}

describe("runs of several commits that move one tag", () => {
  test("two: the newer one has it, unless it has come and gone between the older one's look and write", async () => {
    expect(await tally()).toEqual({ orders: 29, lost: 2 });
  });

  test("two that look twice before they write", async () => {
    expect(await tally({ stale: true })).toEqual({ orders: 95, lost: 6 });
  });

  test("three", async () => {
    let lost = 0;
    const check = (each: Race): void => void (lost += judge(each, ["1", "2", "3"]) ? 1 : 0);
    await inSomeOrders(() => race({ 1: LATEST, 2: LATEST, 3: LATEST }, check), 2_000);
    expect(lost).toBeLessThan(500);
  });

  test("an older run that has not looked yet is refused, and says why", async () => {
    const scene = race({ 1: LATEST, 2: LATEST }, ({ ended, dayOf }) => {
      expect(ended.get("1")).toMatchObject({ error: { kind: "tags-refused", refusals: [{ why: "older" }] } });
      expect(dayOf("latest")).toBe("2");
    });
    await play(scene, () =>
      Math.max(
        0,
        scene.steering.waiting().findIndex(({ actor }) => actor === "2"),
      ),
    );
  });
});

test("several tags: each names the newest that had it", async () => {
  const check = (each: Race): void => {
    for (const tag of ["2", "latest", "next"]) {
      const isExcused = isUnmendable(each, { older: "1", newer: "2", tag });
      expect(each.dayOf(tag)).toBe(isExcused ? "1" : "2");
    }
    expect(each.ended.get("2")).toMatchObject({ ok: true });
  };
  await inSomeOrders(() => race({ 1: ["latest", "next"], 2: ["2", "latest", "next"] }, check), 2_000);
});
