import { describe, expect, test } from "vitest";
import type { RegistryFailure } from "../../../core/registry/registry-failure.ts";
import type { Store } from "../../../core/registry/store.ts";
import { fail, ok, type Result } from "../../../core/result.ts";
import { seeItStays, stage, stageAlone } from "../../../core/staging/hold.ts";
import { slotOf } from "../../../core/staging/slots.ts";
import type { Slot } from "../../../core/staging/staged.ts";
import { readSlots } from "../../../core/staging/staging.ts";
import { memoryRegistry } from "../../support/memory-registry.ts";
import { NO_TIME, STAGED_TAG, stagedImage, stagingRecord, type StagedImage } from "../../support/staging.ts";

const repository = { registry: "one.example", path: "app" };
const IMAGES = { a: stagedImage("a"), b: stagedImage("b"), c: stagedImage("c") };
const A = slotFor(IMAGES.a, "a");
const B = slotFor(IMAGES.b, "b");
const C = slotFor(IMAGES.c, "c");

/** The slot of the pipeline of a commit. */
function slotFor({ published }: StagedImage, revision: string, stagedAt?: string): Slot {
  return slotOf(published, stagingRecord({ revision, ...(stagedAt === undefined ? {} : { stagedAt }) }));
}

/** A repository that has all images. */
function opened(): Store<RegistryFailure> {
  const registry = memoryRegistry();
  for (const { image, attestation } of Object.values(IMAGES))
    for (const each of [image, attestation]) registry.push(repository, each);
  return registry.store(repository);
}

async function put(store: Store, ...slots: readonly Slot[]): Promise<void> {
  for (const slot of slots.toReversed()) {
    const staged = await stage(store, { tag: STAGED_TAG, slot }, NO_TIME);
    if (!staged.ok) throw new Error(staged.error.kind);
  }
}

async function slotsUnder(store: Store): Promise<readonly Slot[]> {
  const read = await readSlots(store, STAGED_TAG);
  if (!read.ok || read.value.kind !== "slots") throw new Error("there are no slots");
  return read.value.slots;
}

/** The same store, which names what it is asked about the tag, and may answer it in its own way. */
function watched(
  store: Store<RegistryFailure>,
  answer: (request: string, count: number) => RegistryFailure | undefined = () => undefined,
) {
  const asked: string[] = [];
  const ask = (method: string): Result<void, RegistryFailure> => {
    asked.push(method);
    const count = asked.filter((each) => each === method).length;
    const failed = answer(method, count);
    return failed === undefined ? ok(undefined) : fail(failed);
  };
  const seen: Store<RegistryFailure> = {
    ...store,
    manifest: async (reference, signal) => {
      const asking = reference === STAGED_TAG ? ask("GET") : ok(undefined);
      return asking.ok ? await store.manifest(reference, signal) : asking;
    },
    putManifest: async (reference, document, signal) => {
      const asking = ask("PUT");
      return asking.ok ? await store.putManifest(reference, document, signal) : asking;
    },
  };
  return { store: seen, asked };
}

describe("staging", () => {
  test("puts a slot before those of others; it is alone where there are none", async () => {
    const store = opened();
    const first = await stage(store, { tag: STAGED_TAG, slot: A }, NO_TIME);
    expect(first).toMatchObject({ ok: true, value: { held: { tag: STAGED_TAG, slot: A } } });
    expect(first.ok && first.value.held.alone).toBe(first.ok && first.value.index.digest);
    const second = await stage(store, { tag: STAGED_TAG, slot: B }, NO_TIME);
    expect(second).toEqual(
      ok({
        held: { tag: STAGED_TAG, slot: B },
        index: { digest: expect.any(String), slots: [B, A], atMs: 0, tookMs: 0 },
      }),
    );
    expect(await slotsUnder(store)).toEqual([B, A]);
  });

  test("a registry that sees the images late is asked again, and each time what is there now", async () => {
    const store = opened();
    await put(store, B);
    const { store: late, asked } = watched(store, (method, count) =>
      method === "PUT" && count <= 2 ? failure("manifest-unknown", 404) : undefined,
    );
    // Another pipeline comes by while this one waits.
    const sleep = async (): Promise<void> => await put(store, C);
    const staged = await stage(late, { tag: STAGED_TAG, slot: A }, { ...NO_TIME, timing: { sleep } });
    expect(staged).toMatchObject({ ok: true });
    expect(asked).toEqual(["GET", "PUT", "GET", "PUT", "GET", "PUT"]);
    expect(await slotsUnder(store)).toEqual([A, C, B]);
  });

  test("an image of another pipeline that is gone is left out, and that one alone", async () => {
    const store = opened();
    await put(store, B, C);
    await store.delete(IMAGES.b.attestation.manifest.descriptor.digest);
    await put(store, A);
    expect(await slotsUnder(store)).toEqual([A, C]);
  });

  test("what a registry refuses for a reason that nobody can tell is written without the others", async () => {
    const store = opened();
    await put(store, B, C);
    const { store: picky, asked } = watched(store, (method, count) =>
      method === "PUT" && count === 1 ? failure("registry-rejected", 400) : undefined,
    );
    await put(picky, A);
    expect(asked).toEqual(["GET", "PUT", "GET", "PUT"]);
    expect(await slotsUnder(store)).toEqual([A]);
  });

  test.each<readonly [string, RegistryFailure, readonly string[]]>([
    ["that it refuses", failure("registry-rejected", 400), ["GET", "PUT", "GET", "PUT"]],
    ["that may not be made", failure("registry-denied", 403), ["GET", "PUT"]],
    ["that fails", failure("registry-rejected", 500), ["GET", "PUT"]],
  ])("a write %s in the end is a failure, and the others stay", async (_, error, requests) => {
    const store = opened();
    await put(store, B);
    const { store: refusing, asked } = watched(store, (method) => (method === "PUT" ? error : undefined));
    expect(await stage(refusing, { tag: STAGED_TAG, slot: A }, NO_TIME)).toEqual(fail(error));
    expect(asked).toEqual(requests);
    expect(await slotsUnder(store)).toEqual([B]);
  });

  test("an image of one's own that is not there throws nobody out", async () => {
    const store = opened();
    await put(store, B);
    await store.delete(IMAGES.a.image.manifest.descriptor.digest);
    expect(await stage(store, { tag: STAGED_TAG, slot: A }, NO_TIME)).toMatchObject({ ok: false });
    expect(await slotsUnder(store)).toEqual([B]);
  });

  test("nor does one that is not seen yet, though another pipeline has the same", async () => {
    const store = opened();
    const same = slotFor(IMAGES.a, "b");
    await put(store, same);
    const { store: late, asked } = watched(store, (method, count) =>
      method === "PUT" && count === 1 ? failure("manifest-unknown", 404) : undefined,
    );
    const blind: Store = {
      ...late,
      resolve: async (reference, signal) =>
        asked.length <= 2 ? ok(undefined) : await late.resolve(reference, signal),
    };
    await put(blind, A);
    expect(await slotsUnder(store)).toEqual([A, same]);
  });

  test("nothing is written where nobody can tell what is there", async () => {
    const error = failure("registry-rejected", 500);
    const { store, asked } = watched(opened(), (method) => (method === "GET" ? error : undefined));
    expect(await stage(store, { tag: STAGED_TAG, slot: A }, NO_TIME)).toEqual(fail(error));
    expect(asked).toEqual(["GET"]);
  });

  test("a tag of one's own is written without a question", async () => {
    const { store, asked } = watched(opened());
    const held = await stageAlone(store, { tag: STAGED_TAG, slot: A }, NO_TIME);
    expect(held).toMatchObject({ ok: true, value: { slot: A, alone: expect.any(String) } });
    expect(asked).toEqual(["PUT"]);
  });
});

/** Stages a slot and sees that it stays; `meanwhile` is what others do in each wait, the first one first. */
async function seen(
  store: Store,
  meanwhile: readonly (() => Promise<void>)[] = [],
  now: () => number = () => 0,
) {
  const waits: number[] = [];
  const sleep = async (ms: number): Promise<void> => {
    await meanwhile[waits.length]?.();
    waits.push(ms);
  };
  const world = { now, timing: { sleep } };
  const staged = await stage(store, { tag: STAGED_TAG, slot: A }, world);
  if (!staged.ok) throw new Error(staged.error.kind);
  return { stays: await seeItStays(store, staged.value, world), waits };
}

/** Another pipeline that had read the tag before, and knows only what was there then. */
async function overwrite(store: Store, slot: Slot): Promise<void> {
  await stageAlone(store, { tag: STAGED_TAG, slot }, NO_TIME);
}

describe("seeing that it stays", () => {
  test("costs one look where nobody else writes", async () => {
    const { store, asked } = watched(opened());
    expect(await seen(store)).toEqual({ stays: ok(undefined), waits: [500] });
    expect(asked).toEqual(["GET", "PUT", "GET"]);
  });

  test("a slow registry is given the time that it takes others, too, less what has passed since", async () => {
    let atMs = 0;
    const now = (): number => (atMs += 400);
    const { waits } = await seen(opened(), [], now);
    // Twice 400 ms from question to write, as the clock was asked; 400 more have passed since.
    expect(waits).toEqual([3 * 800 - 800]);
  });

  test("what others have overwritten is written anew, beside theirs", async () => {
    const store = opened();
    const { stays, waits } = await seen(store, [() => overwrite(store, B)]);
    expect(stays).toEqual(ok(undefined));
    expect(await slotsUnder(store)).toEqual([A, B]);
    // Those who lost theirs at the same time are not to meet again.
    expect(waits).toEqual([500, expect.any(Number)]);
    expect(waits[1]).toBeGreaterThanOrEqual(1_000);
    expect(waits[1]).toBeLessThanOrEqual(2_000);
  });

  test("a tag that names another index by now is looked at until it stays the same", async () => {
    const store = opened();
    const { store: counted, asked } = watched(store);
    const comeBy = [() => put(store, B), () => put(store, C)];
    expect(await seen(counted, comeBy)).toEqual({ stays: ok(undefined), waits: [500, 500, 500] });
    expect(asked).toEqual(["GET", "PUT", "GET", "GET", "GET"]);
    expect(await slotsUnder(store)).toEqual([C, B, A]);
  });

  test("another attempt of the same pipeline that came later has its place", async () => {
    const store = opened();
    const later = slotFor(IMAGES.c, "a", "2026-11-29T12:00:00.000Z");
    expect(await seen(store, [() => put(store, later)])).toMatchObject({ stays: ok(undefined) });
    expect(await slotsUnder(store)).toEqual([later]);
  });

  test("one that came earlier, and is there again, has not", async () => {
    const store = opened();
    const earlier = slotFor(IMAGES.c, "a", "2026-11-29T09:00:00.000Z");
    await seen(store, [() => overwrite(store, earlier)]);
    expect(await slotsUnder(store)).toEqual([A]);
  });

  test("a look that nobody answers says nothing", async () => {
    const error = failure("registry-rejected", 500);
    const { store } = watched(opened(), (method, count) =>
      method === "GET" && count > 1 ? error : undefined,
    );
    expect(await seen(store)).toMatchObject({ stays: ok(undefined) });
  });

  test("a slot that is lost again and again is given up, and that is told", async () => {
    const store = opened();
    const { store: counted, asked } = watched(store);
    const always = Array.from({ length: 20 }, () => () => overwrite(store, B));
    const { stays, waits } = await seen(counted, always);
    expect(stays).toEqual(fail({ kind: "staging-contended", attempts: 10 }));
    expect(waits).toHaveLength(10);
    expect(Math.max(...waits)).toBe(10_000);
    expect(asked.filter((method) => method === "PUT")).toHaveLength(10);
  });

  test("that it cannot be written anew is the registry's own failure", async () => {
    const store = opened();
    const error = failure("registry-denied", 403);
    const { store: closed } = watched(store, (method, count) =>
      method === "PUT" && count > 1 ? error : undefined,
    );
    expect(await seen(closed, [() => overwrite(store, B)])).toMatchObject({ stays: fail(error) });
  });
});

function failure(
  kind: "manifest-unknown" | "registry-rejected" | "registry-denied",
  status: number,
): RegistryFailure {
  const request = { method: "PUT", url: "memory:", attempts: 1 };
  return { kind, registry: repository.registry, status, codes: [], request };
}
