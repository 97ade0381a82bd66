import { execFileSync } from "node:child_process";
import { link, mkdir, mkdtemp, open, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { TarEntry } from "../../../core/layers/tar-entry.ts";
import { TarStream } from "../../../core/layers/tar-stream.ts";

const DEEP = `${"long-folder-name/".repeat(9)}with-a-long-file-name-at-its-end-${"x".repeat(60)}`;

let folder = "";

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "layers-tar-"));
  const file = async (name: string, content: string | Buffer): Promise<void> => {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), content, { mode: 0o755 });
  };
  await file("empty", "");
  await file("block", Buffer.alloc(512, "b"));
  await file("usr/bin/tool", Buffer.alloc(70_000, "t"));
  await file("usr/übersicht", "ü");
  await symlink("../usr/bin/tool", join(folder, "usr/link"));
  await link(join(folder, "usr/bin/tool"), join(folder, "usr/bin/twin"));
});

afterAll(async () => {
  await rm(folder, { recursive: true });
});

const LETTERS: Readonly<Record<string, TarEntry["kind"]>> = {
  "-": "file",
  d: "folder",
  l: "symlink",
  h: "hardlink",
};

/** What `tar -tv` lists: kind, size and name, and what links point to. */
function listed(tar: Buffer): readonly Partial<TarEntry>[] {
  const list = execFileSync("tar", ["-tvf", "-", "--quoting-style=literal"], {
    input: tar,
    encoding: "utf8",
  });
  return list
    .trim()
    .split("\n")
    .map((line) => {
      const [, letter = "", size = "", rest = ""] = /^(.)\S+ \S+ +(\d+) \S+ \S+ (.*)$/.exec(line) ?? [];
      const [name = "", linkName = ""] = rest.split(/ -> | link to /);
      return { kind: LETTERS[letter] ?? "unknown", name, linkName, size: Number(size) };
    });
}

function read(tar: Buffer): { readonly entries: readonly Partial<TarEntry>[]; readonly end: unknown } {
  const entries: Partial<TarEntry>[] = [];
  const stream = new TarStream(
    ({ kind, name, linkName, size }) => {
      entries.push({ kind, name, linkName, size });
      return undefined;
    },
    { maxEntries: 1000 },
  );
  stream.take(tar);
  return { entries, end: stream.end() };
}

test.each([
  ["v7", []],
  ["ustar", []],
  ["oldgnu", ["deep"]],
  ["gnu", ["deep"]],
  ["posix", ["deep"]],
  ["gnu", ["deep", "holes"]],
  ["posix", ["deep", "holes"]],
  ["posix", ["deep", "holes", "--sparse-version=0.0"]],
  ["posix", ["deep", "holes", "--sparse-version=0.1"]],
])("what the system's tar writes as %s, %j, is read as it lists it", async (format, features) => {
  const options = features.flatMap((feature) => (feature.startsWith("--") ? [feature] : []));
  if (features.includes("deep")) {
    await mkdir(dirname(join(folder, DEEP)), { recursive: true });
    await writeFile(join(folder, DEEP), "deep");
    await symlink(`/${DEEP}`, join(folder, "deep-link")).catch(() => undefined);
  }
  if (features.includes("holes")) {
    const file = await open(join(folder, "holes"), "w");
    for (let part = 1; part < 12; part += 1) await file.write("part", part * 100_000);
    await file.truncate(50_000_000);
    await file.close();
    options.push("--sparse");
  }
  const tar = execFileSync("tar", ["-c", `--format=${format}`, ...options, "-C", folder, "."]);
  const expected = listed(tar);
  expect(read(tar)).toEqual({
    entries: expected,
    end: { kind: "ended", entries: expected.length, hasDataAfterEnd: false },
  });
  expect(expected.some(({ size }) => size === 50_000_000)).toBe(features.includes("holes"));
  await rm(join(folder, "holes"), { force: true });
});
