import { spawnSync } from "node:child_process";
import { copyFile, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execPath } from "node:process";
import { describe, expect, onTestFinished, test } from "vitest";

const LOADER = new URL("../bin/load.cjs", import.meta.url).href;
const PART = "part-1a2b.cjs";
const PART_TEXT = "exports.double = (value) => twice(value); function twice(value) { return 2 * value; }";

/** A bundle of an entry and one part, that is loaded by a process of its own. */
async function bundle(files: { readonly entry?: string; readonly part?: string } = {}) {
  const folder = await mkdtemp(join(tmpdir(), "load-test-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const entry = `const part = require("./${PART}"); exports.main = (value) => part.double(value);`;
  await writeFile(join(folder, "main.cjs"), files.entry ?? entry);
  await writeFile(join(folder, PART), files.part ?? PART_TEXT);
  const cache = join(folder, "cache", "nested");
  const run = (
    value: string,
    options: {
      readonly cache?: string;
      readonly before?: string;
      readonly after?: string;
      readonly readText?: string;
    } = {},
  ) => {
    const kept = JSON.stringify(options.cache ?? cache);
    const code = `${options.before ?? ""} const { load } = await import(${JSON.stringify(LOADER)});
      console.log(load(${JSON.stringify(folder)}, "main.cjs", { cache: ${kept}, readText: ${options.readText} }).main(${value})); ${options.after ?? ""}`;
    const { stdout, stderr } = spawnSync(execPath, ["--input-type=module", "-e", code], { encoding: "utf8" });
    return { stdout: stdout.trim(), stderr };
  };
  return { folder, cache, run };
}

/** Names and contents of what is kept. */
async function contents(folder: string): Promise<Map<string, string>> {
  const names = await readdir(folder);
  const files = names.map(async (name) => [name, await readFile(join(folder, name), "base64")] as const);
  return new Map(await Promise.all(files));
}

describe("compiled code", () => {
  test("is kept for all but the entry, for this user alone, with the functions that ran", async () => {
    const { cache, run } = await bundle();
    expect(run("21").stdout).toBe("42");
    expect([...(await contents(cache)).keys()]).toEqual([PART]);
    const { mode } = await stat(join(cache, PART));
    expect([mode & 0o777, (await stat(cache)).mode & 0o777]).toEqual([0o600, 0o700]);
    const lazy = await bundle({ entry: `require("./${PART}"); exports.main = (value) => value;` });
    lazy.run("21");
    const [ran, loaded] = await Promise.all([stat(join(cache, PART)), stat(join(lazy.cache, PART))]);
    expect(ran.size).toBeGreaterThan(loaded.size + 100);
  });

  test("is used by the next run, and not written again", async () => {
    const { cache, run } = await bundle();
    run("21");
    const before = await contents(cache);
    const { mtimeMs } = await stat(join(cache, PART));
    expect(run("4").stdout).toBe("8");
    expect(await contents(cache)).toEqual(before);
    expect((await stat(join(cache, PART))).mtimeMs).toBe(mtimeMs);
  });

  test.each(["", "not what V8 wrote"])("that V8 does not take (%j) is written anew", async (text) => {
    const { cache, run } = await bundle();
    run("1");
    const good = await contents(cache);
    await writeFile(join(cache, PART), text);
    expect(run("21").stdout).toBe("42");
    expect((await contents(cache)).get(PART)).not.toBe(Buffer.from(text).toString("base64"));
    expect((await stat(join(cache, PART))).size).toBeGreaterThan((good.get(PART)?.length ?? 0) / 2);
  });

  test.each(["process.exitCode = 2", "process.exit(130)", "throw new Error()"])(
    "of a run that did not go well (%s) is not kept",
    async (after) => {
      const { folder, run } = await bundle();
      expect(run("21", { after }).stdout).toBe("42");
      expect(await readdir(folder)).not.toContain("cache");
    },
  );

  test("is done without where the folder cannot be made", async () => {
    const { folder, run } = await bundle();
    await writeFile(join(folder, "file"), "");
    expect(run("21", { cache: join(folder, "file", "cache") })).toEqual({ stdout: "42", stderr: "" });
  });

  test("of another user is passed over", async () => {
    const { cache, run } = await bundle();
    const other = await bundle({ part: PART_TEXT.replace("2 * value", "3 * value") });
    for (const each of [run, other.run]) each("1");
    // V8 compares no more than the length of a text.
    await copyFile(join(other.cache, PART), join(cache, PART));
    expect(run("21").stdout).toBe("63");
    expect(run("21", { before: "process.getuid = () => 12345;" }).stdout).toBe("42");
  });
});

test("positions in stacks are those of the file, on its first line too", async () => {
  const { folder, run } = await bundle({ entry: "exports.main = () => { throw new Error('a bug'); };" });
  expect(run("1").stderr).toContain(`at exports.main (${join(folder, "main.cjs")}:1:30)`);
});

test("a file is run once, and sees Node's own modules and its place", async () => {
  const { folder, run } = await bundle({
    entry: `const a = require("./${PART}"); exports.main = () => JSON.stringify([a === require("./${PART}"), a]);`,
    part: "exports.sep = require('node:path').sep; exports.at = __dirname;",
  });
  expect(JSON.parse(run("1").stdout)).toEqual([true, { sep: "/", at: folder }]);
});

test("files that lie elsewhere are read there", async () => {
  const { folder, run } = await bundle();
  const before = `const texts = { "main.cjs": "exports.main = require('./${PART}').double", "${PART}": "exports.double = (value) => value + 2" };`;
  const readText = "(name) => texts[name]";
  expect(run("40", { before, readText }).stdout).toBe("42");
  expect(await readdir(join(folder, "cache", "nested"))).toEqual([PART]);
});
