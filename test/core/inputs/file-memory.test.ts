import { chmodSync, lstatSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { isSettled, openFileMemory, packFiles, unpackFiles } from "../../../core/inputs/file-memory.ts";
import { hashContext, type HashedContext } from "../../../core/inputs/hash-context.ts";
import type { MemoryFiles } from "../../../core/host/memory-files.ts";
import { tree } from "../../support/tree.ts";

const NO_PATTERNS = { patterns: [], hasPlainExceptions: true };

/** A time at which everything that a test has written is old. */
const later = (): number => Date.now() + 60_000;

async function hashed(
  path: string,
  memory: MemoryFiles,
  nowMs: () => number = later,
): Promise<HashedContext["digest"]> {
  const result = await hashContext({ path, ignore: NO_PATTERNS, name: "" }, { nowMs, memory });
  if (!result.ok) throw new Error(result.error.reason);
  return result.value.digest;
}

/** Puts another hash into what is remembered, so that it shows whether that is used. */
async function poison(memory: MemoryFiles & { readonly kept: Map<string, Buffer> }): Promise<void> {
  for (const [name, bytes] of memory.kept) {
    const known = [...unpackFiles(bytes)].map(
      ([path, file]) => [path, { ...file, hex: "0".repeat(64) }] as const,
    );
    await memory.write(name, packFiles(new Map(known)));
  }
}

function inMemory(): MemoryFiles & { readonly kept: Map<string, Buffer> } {
  const kept = new Map<string, Buffer>();
  return {
    kept,
    read: (name) => Promise.resolve(kept.get(name)),
    write: (name, bytes) => Promise.resolve(void kept.set(name, Buffer.from(bytes))),
    remove: (name) => Promise.resolve(void kept.delete(name)),
  };
}

describe("the hash of a file that is remembered", () => {
  test("is used while its stat is the same", async () => {
    const path = tree({ a: "a", "b/c": "c" });
    const memory = inMemory();
    const first = await hashed(path, memory);
    expect(await hashed(path, memory)).toBe(first);
    await poison(memory);
    expect(await hashed(path, memory)).not.toBe(first);
  });

  test.each<[string, (file: string) => void]>([
    ["its content", (file) => writeFileSync(file, "b")],
    [
      "its content, its time put back",
      (file) => {
        const { atime, mtime } = lstatSync(file);
        writeFileSync(file, "b");
        utimesSync(file, atime, mtime);
      },
    ],
    ["its mode", (file) => chmodSync(file, 0o600)],
  ])("is made anew after a change of %s", async (_, change) => {
    const path = tree({ a: "a" });
    const memory = inMemory();
    await hashed(path, memory);
    await poison(memory);
    change(join(path, "a"));
    expect(await hashed(path, memory)).toBe(await hashed(path, inMemory()));
  });

  test("is made anew where the file was written just before", async () => {
    const path = tree({ a: "a" });
    const memory = inMemory();
    const changedMs = lstatSync(join(path, "a")).ctimeMs;
    const first = await hashed(path, memory, () => changedMs + 1999);
    await poison(memory);
    expect(await hashed(path, memory, () => changedMs + 1999)).toBe(first);
    expect([...memory.kept.values()].map((bytes) => unpackFiles(bytes).size)).toEqual([0]);
  });

  test("is forgotten with the file", async () => {
    const path = tree({ a: "a", b: "b" });
    const memory = inMemory();
    await hashed(path, memory);
    const other = tree({});
    await hashed(other, memory);
    expect([...memory.kept.values()].map((bytes) => [...unpackFiles(bytes).keys()])).toEqual([["a", "b"]]);
  });
});

test("a file is settled when both its times are before the granularity of clocks", () => {
  const at = (mtimeMs: number, ctimeMs: number): boolean =>
    isSettled({ size: 1, mtimeMs, ctimeMs, ino: 1, dev: 1 }, 10_000);
  expect([at(7999, 7999), at(8000, 1), at(1, 8000), at(20_000, 1)]).toEqual([true, false, false, false]);
});

describe("what is remembered, as bytes", () => {
  const known = new Map([
    [
      "a\nb",
      { size: 1, mtimeMs: 1_700_000_000_000.25, ctimeMs: 2.5, ino: 2 ** 52, dev: 4, hex: "ab".repeat(32) },
    ],
    ["ü", { size: 0, mtimeMs: -1, ctimeMs: 0, ino: 1, dev: 0, hex: "0f".repeat(32) }],
  ]);

  test("is read back", () => {
    expect(unpackFiles(packFiles(known))).toEqual(known);
    expect(unpackFiles(packFiles(new Map()))).toEqual(new Map());
  });

  test.each([
    ["nothing", undefined],
    ["no line", Buffer.from("x")],
    ["a broken byte", Buffer.concat([packFiles(known).subarray(0, -1), Buffer.from("x")])],
    ["a part of it", packFiles(known).subarray(0, -1)],
  ])("is nothing where there is %s", (_, bytes) => {
    expect(unpackFiles(bytes)).toEqual(new Map());
  });

  test("lies in a folder that may be lost", async () => {
    const path = tree({ a: "a" });
    const folder = join(tree({}), "new", "files");
    const first = await hashed(path, openFileMemory(folder));
    expect(await hashed(path, openFileMemory(folder))).toBe(first);
    expect(await hashed(path, openFileMemory("/proc/none"))).toBe(first);
  });
});
