import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { cwd } from "node:process";
import { describe, expect, onTestFinished, test } from "vitest";
import { diskSpace, findTool, isAtLeast, parseVersion, toolVersion } from "../../../core/host/tools.ts";

async function folderWith(name: string, script: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "tools-test-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  await writeFile(join(folder, name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  return folder;
}

describe("findTool", () => {
  test("takes the first folder that has it, and passes over a file that may not be run", async () => {
    const [first, second, third] = [
      await folderWith("tool", ""),
      await folderWith("tool", ""),
      await folderWith("tool", ""),
    ];
    await chmod(join(first, "tool"), 0o644);
    expect(findTool("tool", { PATH: [first, second, third].join(":") })).toBe(join(second, "tool"));
  });

  test.each([undefined, "", ".:bin", "/nonexistent"])("finds nothing on PATH=%j", async (path) => {
    expect(findTool("sh", { PATH: path })).toBeUndefined();
  });
});

describe("a relative folder of the PATH", () => {
  test("does not count, for it means another one in each working folder", async () => {
    const folder = relative(cwd(), await folderWith("tool", ""));
    expect(findTool("tool", { PATH: folder })).toBeUndefined();
  });
});

describe("parseVersion", () => {
  test.each([
    ["buildctl github.com/moby/buildkit v0.33.1 abc123", [0, 33, 1]],
    ["github.com/docker/buildx v0.37.2 9b0e6a4", [0, 37, 2]],
    ["runc version 1.1.5+ds1", [1, 1, 5]],
    ["go version go1.26.8 linux/amd64", [1, 26, 8]],
    ["go version go1.21 linux/amd64", [1, 21, 0]],
    ["buildctl github.com/moby/buildkit 0.0.0+unknown", undefined],
    ["no version", undefined],
  ])("of %j", (text, version) => {
    expect(parseVersion(text)).toEqual(version);
  });
});

test.each([
  [[0, 33, 1], [0, 33, 1], true],
  [[0, 34, 0], [0, 33, 1], true],
  [[1, 0, 0], [0, 33, 1], true],
  [[0, 33, 0], [0, 33, 1], false],
  [[0, 9, 9], [0, 13, 0], false],
] as const)("isAtLeast(%j, %j) is %s", (version, wanted, expected) => {
  expect(isAtLeast(version, wanted)).toBe(expected);
});

describe("toolVersion", () => {
  const ask = async (script: string): Promise<unknown> => {
    const folder = await folderWith("tool", script);
    const signal = new AbortController().signal;
    return await toolVersion({ path: join(folder, "tool"), argv: ["--version"], env: {}, signal });
  };

  test("asks the program", async () => {
    await expect(ask('[ "$1" = --version ] && echo tool 2.3.4')).resolves.toEqual([2, 3, 4]);
  });

  test("believes none that fails", async () => {
    await expect(ask("echo 2.3.4; exit 1")).resolves.toBeUndefined();
  });
});

test("diskSpace answers for a folder that does not exist yet", async () => {
  const space = await diskSpace(join(tmpdir(), "not", "there", "yet"));
  expect(space?.totalBytes).toBeGreaterThan(0);
  expect(space?.freeBytes).toBeLessThanOrEqual(space?.totalBytes ?? 0);
});
