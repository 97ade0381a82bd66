import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { chmodSync, lstatSync, mkdirSync, renameSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { utimes } from "node:fs/promises";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, onTestFinished, test } from "vitest";
import { walkContext } from "../../../core/inputs/context-files.ts";
import { hashContext } from "../../../core/inputs/hash-context.ts";
import { hashFiles } from "../../../core/inputs/hash-files.ts";
import { createIgnore, type Ignore } from "../../../core/inputs/ignore.ts";
import { tree, writeLeaf, type Leaf } from "../../support/tree.ts";

function ignore(...patterns: readonly string[]): Ignore {
  const made = createIgnore(patterns);
  if (!made.ok) throw new Error(made.error.pattern);
  return made.value;
}

async function digest(path: string, ...patterns: readonly string[]): Promise<string> {
  const hashed = await hashContext({ path, ignore: ignore(...patterns), name: "" }, { nowMs: () => 0 });
  if (!hashed.ok) throw new Error(hashed.error.reason);
  expect(hashed.value.changing).toEqual([]);
  return hashed.value.digest;
}

async function sent(path: string, ...patterns: readonly string[]): Promise<readonly string[]> {
  const walked = await walkContext(path, ignore(...patterns));
  if (!walked.ok) throw new Error(walked.error.reason);
  return walked.value.map((entry) => `${entry.type} ${entry.path}`);
}

const TREE: Readonly<Record<string, Leaf>> = {
  "a.txt": "a",
  "bin/run": { content: "#!", mode: 0o755 },
  "bin/link": { link: "run" },
  empty: { folder: 0o755 },
  "src/deep/é.ts": "text\r\n",
};

describe("the digest of a context is the same", () => {
  test("wherever the tree lies, whenever and in whatever order it was made", async () => {
    const first = tree(TREE);
    const second = tree(Object.fromEntries(Object.entries(TREE).toReversed()));
    utimesSync(join(second, "a.txt"), 1, 1);
    expect(await digest(first)).toBe(await digest(second));
  });

  test("when what changes is kept out", async () => {
    const path = tree(TREE);
    const before = await digest(path, "*.log", "tmp");
    writeLeaf(path, "x.log", "x");
    writeLeaf(path, "tmp/y", "y");
    expect(await digest(path, "*.log", "tmp")).toBe(before);
    expect(await digest(path)).not.toBe(before);
  });

  test("by whatever patterns the same files are let in", async () => {
    const path = tree({ "a/b/c": "1", "a/d": "1", "e/f": "1", g: "1" });
    const before = await digest(path, "a/d", "g");
    expect(await digest(path, "*", "!a/b/c", "!e")).toBe(before);
    expect(await digest(path, "*", "!**/[cf]")).toBe(before);
  });

  test("when a link's target changes, which is not followed", async () => {
    const outside = tree({ file: "1" });
    const path = tree({
      link: { link: join(outside, "file") },
      up: { link: "../.." },
      self: { link: "self" },
    });
    const before = await digest(path);
    writeFileSync(join(outside, "file"), "2");
    expect(await digest(path)).toBe(before);
  });
});

describe("the digest of a context changes with", () => {
  test.each<[string, (path: string) => void]>([
    ["content of the same length", (path) => writeFileSync(join(path, "a.txt"), "b")],
    ["line ends", (path) => writeFileSync(join(path, "src/deep/é.ts"), "text\n")],
    ["a name", (path) => renameSync(join(path, "a.txt"), join(path, "b.txt"))],
    ["an x-bit", (path) => chmodSync(join(path, "a.txt"), 0o755)],
    ["a bit of the group", (path) => chmodSync(join(path, "a.txt"), 0o664)],
    ["the mode of a folder", (path) => chmodSync(join(path, "empty"), 0o1755)],
    ["setuid", (path) => chmodSync(join(path, "bin/run"), 0o4755)],
    ["an empty folder", (path) => mkdirSync(join(path, "new"))],
    ["a folder that goes", (path) => rmSync(join(path, "empty"), { recursive: true })],
    [
      "what a link says",
      (path) => {
        rmSync(join(path, "bin/link"));
        writeLeaf(path, "bin/link", { link: "./run" });
      },
    ],
    [
      "a file in place of a link",
      (path) => {
        rmSync(join(path, "bin/link"));
        writeLeaf(path, "bin/link", "run");
      },
    ],
    [
      "a file that moves into another folder",
      (path) => renameSync(join(path, "a.txt"), join(path, "empty/a.txt")),
    ],
  ])("%s", async (_, change) => {
    const path = tree(TREE);
    const before = await digest(path);
    change(path);
    expect(await digest(path)).not.toBe(before);
  });

  test("any difference between two trees, and nothing else", async () => {
    const name = fc.constantFrom("a", "b", "a/b", "b/a", "c/d/e", "\u{1f600}", "\uffee");
    const leaf: fc.Arbitrary<Leaf> = fc.oneof(
      fc.constantFrom("", "1", "2"),
      fc.record({ content: fc.constantFrom("", "1"), mode: fc.constantFrom(0o600, 0o644, 0o755) }),
      fc.record({ folder: fc.constantFrom(0o700, 0o755) }),
      fc.record({ link: fc.constantFrom("a", "../b") }),
    );
    // A file that would have to be a folder as well is left out.
    const leaves = fc
      .uniqueArray(fc.tuple(name, leaf), { selector: ([path]) => path.split("/")[0], maxLength: 4 })
      .map((entries) => Object.fromEntries(entries));
    await fc.assert(
      fc.asyncProperty(leaves, leaves, async (one, other) => {
        const [left, right] = [tree(one), tree(other)];
        expect((await digest(left)) === (await digest(right))).toBe(
          describeTree(one) === describeTree(other),
        );
      }),
      { numRuns: 60 },
    );
  });
});

/** A tree as text, equal for equal trees. */
function describeTree(leaves: Readonly<Record<string, Leaf>>): string {
  const whole = Object.entries(leaves).map(([path, leaf]) =>
    JSON.stringify([path, typeof leaf === "string" ? { content: leaf, mode: 0o644 } : leaf]),
  );
  return whole.toSorted().join();
}

describe("what is sent", () => {
  test("is all, folder by folder, without what is kept out", async () => {
    const path = tree({ "a/x": "", "a/y.log": "", "b/z": "", c: "" });
    expect(await sent(path, "**/*.log", "b")).toEqual(["folder a", "file c", "file a/x"]);
  });

  test("has the folders above an exception, and no others of those kept out", async () => {
    const path = tree({ "a/b/c": "", "a/b/d": "", "a/e/f": "", "g/h": "" });
    expect(await sent(path, "*", "!a/b/c")).toEqual(["folder a", "folder a/b", "file a/b/c"]);
    expect(await sent(path, "*", "!**/c")).toEqual(["folder a", "folder a/b", "file a/b/c"]);
  });

  test("may be pipes and sockets, which are not opened", async () => {
    const path = tree({ file: "" });
    execFileSync("mkfifo", [join(path, "pipe")]);
    const server = createServer().listen(join(path, "socket"));
    onTestFinished(() => void server.close());
    await new Promise((resolve) => server.once("listening", resolve));
    expect(await sent(path)).toEqual(["file file", "pipe pipe", "socket socket"]);
    expect(await digest(path)).not.toBe(await digest(tree({ file: "" })));
  });

  test("may have many entries", async () => {
    const names = Array.from({ length: 600 }, (_, index) => `d/f${index}`);
    const path = tree(Object.fromEntries(names.map((name) => [name, name])));
    expect(await sent(path)).toHaveLength(601);
    expect(await digest(path)).toMatch(/^sha256:/);
  });
});

describe("what cannot be read says so", () => {
  test("a context that is not there, or no folder", async () => {
    const path = tree({ file: "" });
    expect(await walkContext(join(path, "none"), ignore())).toEqual({
      ok: false,
      error: { path: join(path, "none"), reason: "it is not there" },
    });
    expect(await walkContext(join(path, "file"), ignore())).toMatchObject({
      error: { reason: "it is no folder" },
    });
  });

  test("a name that is not UTF-8, unless it is kept out", async () => {
    const path = tree({ file: "" });
    writeFileSync(Buffer.concat([Buffer.from(`${path}/bad-`), Buffer.of(0xff)]), "");
    expect(await walkContext(path, ignore())).toEqual({
      ok: false,
      error: { path: join(path, "bad-\ufffd"), reason: "its name is not UTF-8" },
    });
    expect(await sent(path, "bad-*")).toEqual(["file file"]);
    expect(await sent(path, "bad-*", "!x*")).toEqual(["file file"]);
  });

  test("a tree deeper than a path may be long", async () => {
    const path = tree({});
    const half = Array.from({ length: 10 }, () => "d".repeat(250)).join("/");
    mkdirSync(join(path, "upper", half), { recursive: true });
    mkdirSync(join(path, "lower", half), { recursive: true });
    // Only from the inside can it be made, and taken away.
    renameSync(join(path, "lower"), join(path, "upper", half, "lower"));
    onTestFinished(() => void execFileSync("rm", ["-rf", path]));
    const walked = await walkContext(path, ignore());
    expect(walked).toMatchObject({ ok: false, error: { reason: "its path is too long" } });
  });

  test("a file that the system fails to read", async () => {
    const path = "/proc/self/mem";
    const hashed = await hashFiles([{ path, stamp: lstatSync(path) }]);
    expect(hashed).toMatchObject({ ok: false, error: { path, reason: expect.stringContaining("EIO") } });
  });
});

describe("the hash of a file", () => {
  test.each([0, 1, 1024 * 1024 - 1, 1024 * 1024, 3 * 1024 * 1024 + 17])("of %i bytes", async (size) => {
    const content = Buffer.alloc(size, "buildx-plan");
    const path = join(tree({}), "file");
    writeFileSync(path, content);
    const stamp = lstatSync(path);
    const hex = createHash("sha256").update(content).digest("hex");
    expect(await hashFiles([{ path, stamp }])).toMatchObject({ ok: true, value: [{ kind: "hashed", hex }] });
  });

  test("that was written to since it was seen is that of now", async () => {
    const path = join(tree({ file: "old" }), "file");
    const stamp = lstatSync(path);
    writeFileSync(path, "longer");
    const hex = createHash("sha256").update("longer").digest("hex");
    const hashed = await hashFiles([{ path, stamp }]);
    expect(hashed).toMatchObject({ ok: true, value: [{ hex, stamp: { size: 6 } }] });
  });

  test("that is written to again and again cannot be told", async () => {
    const path = tree({ other: "" });
    writeFileSync(join(path, "file"), Buffer.alloc(64 * 1024 * 1024));
    const hashing = { isDone: false };
    const hashed = hashContext({ path, ignore: ignore(), name: "" }, { nowMs: () => 0 });
    void hashed.finally(() => (hashing.isDone = true));
    for (let time = 1; !hashing.isDone; time += 1) await utimes(join(path, "file"), time, time);
    expect(await hashed).toMatchObject({ ok: true, value: { changing: ["file"] } });
  });

  test.each<[string, (path: string) => void]>([
    ["is gone", (path) => rmSync(path)],
    [
      "became a link",
      (path) => {
        rmSync(path);
        writeLeaf(path, ".", { link: "elsewhere" });
      },
    ],
    [
      "became a pipe",
      (path) => {
        rmSync(path);
        execFileSync("mkfifo", [path]);
      },
    ],
    [
      "became a folder",
      (path) => {
        rmSync(path);
        mkdirSync(path);
      },
    ],
  ])("that %s since it was seen cannot be told", async (_, change) => {
    const path = join(tree({ file: "old" }), "file");
    const stamp = lstatSync(path);
    change(path);
    expect(await hashFiles([{ path, stamp }])).toEqual({ ok: true, value: [{ kind: "changing" }] });
  });
});
