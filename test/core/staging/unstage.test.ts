import { describe, expect, test } from "vitest";
import type { RegistryFailure } from "../../../core/registry/registry-failure.ts";
import type { Store } from "../../../core/registry/store.ts";
import { fail, ok } from "../../../core/result.ts";
import { stage, type Held } from "../../../core/staging/hold.ts";
import { slotOf } from "../../../core/staging/slots.ts";
import type { StagingRecord } from "../../../core/staging/staged.ts";
import { readSlots } from "../../../core/staging/staging.ts";
import { unstage } from "../../../core/staging/unstage.ts";
import { memoryRegistry } from "../../support/memory-registry.ts";
import { NO_TIME, STAGED_TAG, stagedImage, stagingRecord } from "../../support/staging.ts";

const repository = { registry: "one.example", path: "app" };
const NAME = "one.example/app";
const STAGED = stagedImage();
const IMAGE = STAGED.published.manifest.digest;
const REMOVED = ok({ kind: "removed" });

function opened() {
  const registry = memoryRegistry();
  for (const each of [STAGED.image, STAGED.attestation]) registry.push(repository, each);
  return { registry, store: registry.store(repository) };
}

async function put(store: Store, changes: Partial<StagingRecord> = {}): Promise<Held> {
  const slot = slotOf(STAGED.published, stagingRecord(changes));
  const staged = await stage(store, { tag: STAGED_TAG, slot }, NO_TIME);
  if (!staged.ok) throw new Error(staged.error.kind);
  return staged.value.held;
}

/** What identifies the slots under the tag, the newest first. */
async function revisionsUnder(store: Store): Promise<readonly (string | undefined)[]> {
  const read = await readSlots(store, STAGED_TAG);
  if (!read.ok || read.value.kind === "unusable") throw new Error("the tag cannot be read");
  const slots = read.value.kind === "slots" ? read.value.slots : [];
  return slots.map(([image]) => image.annotations?.["dev.buildx-plan.staging.revision"]);
}

test("the last slot goes with its tag; what it names stays, and going twice is going", async () => {
  const { registry, store } = opened();
  const held = await put(store);
  expect(await unstage(store, held, NO_TIME)).toEqual(REMOVED);
  expect(await revisionsUnder(store)).toEqual([]);
  expect(registry.find(`${NAME}:${STAGED_TAG}`)).toBeUndefined();
  expect(registry.find(`${NAME}@${IMAGE}`)).toBeDefined();
  expect(await unstage(store, held, NO_TIME)).toEqual(REMOVED);
});

test("those of others stay, whoever came first, and the last to go takes the tag along", async () => {
  for (const isFirstGone of [true, false]) {
    const { registry, store } = opened();
    const held = [await put(store, { revision: "a" }), await put(store, { revision: "b" })];
    const [going, staying] = isFirstGone ? held : held.toReversed();
    if (going === undefined || staying === undefined) throw new Error("nothing is held");
    expect(await unstage(store, going, NO_TIME)).toEqual(REMOVED);
    expect(await revisionsUnder(store)).toEqual([isFirstGone ? "b" : "a"]);
    expect(await unstage(store, staying, NO_TIME)).toEqual(REMOVED);
    expect(registry.find(`${NAME}:${STAGED_TAG}`)).toBeUndefined();
  }
});

test("another attempt of the same pipeline keeps its slot, and nothing is written", async () => {
  const { registry, store } = opened();
  const held = await put(store);
  await put(store, { stagedAt: "2026-11-29T11:00:00.000Z" });
  const before = registry.writes.length;
  expect(await unstage(store, held, NO_TIME)).toEqual(REMOVED);
  expect(registry.writes).toHaveLength(before);
  expect(await revisionsUnder(store)).toEqual([stagingRecord().revision]);
});

test("others whose images are gone do not keep it: the tag goes", async () => {
  const { registry, store } = opened();
  const other = stagedImage("other");
  for (const each of [other.image, other.attestation]) registry.push(repository, each);
  await stage(
    store,
    { tag: STAGED_TAG, slot: slotOf(other.published, stagingRecord({ revision: "b" })) },
    NO_TIME,
  );
  const held = await put(store);
  await store.delete(other.published.manifest.digest);
  expect(await unstage(store, held, NO_TIME)).toEqual(REMOVED);
  expect(registry.find(`${NAME}:${STAGED_TAG}`)).toBeUndefined();
});

describe("a registry that removes nothing", () => {
  const refusing = (store: Store<RegistryFailure>, error: RegistryFailure): Store<RegistryFailure> => ({
    ...store,
    delete: async () => fail(error),
  });

  test.each([
    ["registry-rejected", 405],
    ["registry-denied", 403],
    ["registry-denied", 401],
    ["registry-rejected", 400],
    ["registry-rejected", 501],
  ] as const)("%s %i is told as a fact, of the last slot", async (kind, status) => {
    const { store } = opened();
    const held = await put(store);
    expect(await unstage(refusing(store, failure(kind, status)), held, NO_TIME)).toEqual(
      ok({ kind: "refused", status, codes: [] }),
    );
    expect(await revisionsUnder(store)).toEqual([stagingRecord().revision]);
  });

  test("a slot beside others goes all the same, whether it was there first or not", async () => {
    const { store } = opened();
    const closed = refusing(store, failure("registry-rejected", 405));
    const first = await put(store, { revision: "a" });
    const second = await put(store, { revision: "b" });
    expect(await unstage(closed, first, NO_TIME)).toEqual(REMOVED);
    expect(await revisionsUnder(store)).toEqual(["b"]);
    await put(store, { revision: "c" });
    expect(await unstage(closed, second, NO_TIME)).toEqual(REMOVED);
    expect(await revisionsUnder(store)).toEqual(["c"]);
  });

  test.each([
    ["registry-rejected", 429],
    ["registry-rejected", 408],
    ["registry-rejected", 503],
  ] as const)("%s %i is a failure", async (kind, status) => {
    const { store } = opened();
    const held = await put(store);
    const error = failure(kind, status);
    expect(await unstage(refusing(store, error), held, NO_TIME)).toEqual(fail(error));
  });
});

test("where the tag cannot be read, what could be removed counts; what could not is a failure", async () => {
  const { store } = opened();
  const error = failure("registry-rejected", 503);
  const unreadable: Store = { ...store, manifest: async () => fail(error) };
  const [alone, beside] = [await put(store, { revision: "a" }), await put(store, { revision: "b" })];
  expect(await unstage(unreadable, alone, NO_TIME)).toEqual(REMOVED);
  expect(await unstage(unreadable, beside, NO_TIME)).toEqual(fail(error));
});

function failure(kind: "registry-rejected" | "registry-denied", status: number): RegistryFailure {
  const request = { method: "DELETE", url: "memory:", attempts: 1 };
  return { kind, registry: repository.registry, status, codes: [], request };
}
