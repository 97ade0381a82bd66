import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import * as z from "zod/mini";
import { readIgnoreFile } from "../../../core/inputs/ignore-file.ts";
import { createIgnore, judge, mayHoldExceptions, type Judged } from "../../../core/inputs/ignore.ts";

const vectors = z
  .object({
    matches: z.array(
      z.object({
        patterns: z.array(z.string()),
        path: z.string(),
        ignored: z.optional(z.boolean()),
        refused: z.optional(z.literal(true)),
      }),
    ),
    files: z.array(z.object({ file: z.string(), patterns: z.array(z.string()) })),
    recorded: z.array(
      z.object({
        file: z.string(),
        refused: z.optional(z.literal(true)),
        ignored: z.optional(z.array(z.string())),
        sent: z.optional(z.array(z.string())),
      }),
    ),
  })
  .parse(JSON.parse(readFileSync("fixtures/dockerignore/patternmatcher.json", "utf8")));

/** Walks down to a path, as a context is walked; undefined where a pattern is refused. */
function isIgnored(patterns: readonly string[], path: string): boolean | undefined {
  const ignore = createIgnore(patterns);
  if (!ignore.ok) return undefined;
  const parts = path.split("/");
  let judged: Judged | undefined;
  for (const depth of parts.keys()) judged = judge(ignore.value, parts.slice(0, depth + 1).join("/"), judged);
  return judged?.isIgnored;
}

describe("what BuildKit's matcher says", () => {
  test.each(vectors.matches)("$patterns, $path", ({ patterns, path, ignored }) => {
    expect(isIgnored(patterns, path)).toBe(ignored);
  });

  test.each(vectors.files)("of the file $file", ({ file, patterns }) => {
    expect(readIgnoreFile(file)).toEqual(patterns);
  });

  test.each(vectors.recorded)("of patterns at random: $file", ({ file, refused, ignored, sent }) => {
    const patterns = readIgnoreFile(file);
    const answers = [...(ignored ?? []), ...(sent ?? [])].map((path) => [path, isIgnored(patterns, path)]);
    const wanted = [
      ...(ignored ?? []).map((path) => [path, true]),
      ...(sent ?? []).map((path) => [path, false]),
    ];
    expect(answers).toEqual(wanted);
    expect(createIgnore(patterns).ok).toBe(refused !== true);
  });
});

describe("the lines of an ignore file", () => {
  test.each([
    ["a byte order mark, and CRLF", "\ufeffa\r\nb\r\n", ["a", "b"]],
    ["a comment, but no indented one", "# a\n # b", ["# b"]],
    ["blanks as Go counts them", "\u0085a\u00a0\n\ufeffb", ["a", "\ufeffb"]],
    ["paths in their shortest form", "./a//b/../c/\n/\n!./d/", ["a/c", "/", "!d"]],
  ])("%s", (_, text, patterns) => {
    expect(readIgnoreFile(text)).toEqual(patterns);
  });
});

test("an exception that changes nothing at a folder says nothing of what is in it", () => {
  expect([isIgnored(["a/b", "!a"], "a/b"), isIgnored(["a", "!a/b"], "a/b")]).toEqual([true, false]);
});

describe("a folder that is kept out is walked", () => {
  test.each([
    ["for no exception at all", ["a"], "a", false],
    ["for an exception in it", ["a", "!a/b/c"], "a", true],
    ["not for one elsewhere", ["a", "!b/c"], "a", false],
    ["not for one whose name only begins so", ["a", "!ab"], "a", false],
    ["for all below an exception", ["*", "!a/**"], "a", true],
    ["for any with a wildcard", ["a", "!**/c"], "a", true],
  ])("%s", (_, patterns, folder, walked) => {
    const ignore = createIgnore(patterns);
    if (!ignore.ok) throw new Error("refused");
    expect(mayHoldExceptions(ignore.value, folder)).toBe(walked);
  });
});

test("no pattern throws, and none takes long", () => {
  const pattern = fc.string({ unit: fc.constantFrom(..."ab/*?[]^-\\!.{}2,|:é".split("")), maxLength: 30 });
  fc.assert(
    fc.property(fc.array(pattern, { maxLength: 4 }), fc.string(), (patterns, path) => {
      isIgnored(patterns, path);
    }),
  );
  // With backtracking this would be tried in more ways than there are atoms.
  const hostile = `${"**/a?".repeat(30)}z`;
  expect(isIgnored([hostile], "ab/".repeat(200))).toBe(false);
});
