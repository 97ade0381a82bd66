import { describe, expect, test } from "vitest";
import { editDistance, hintFor, nearest } from "../../../core/plan/nearest.ts";
import { position } from "../../../core/plan/source.ts";
import { parseDuration } from "../../../core/plan/duration.ts";

describe("position", () => {
  const file = { path: "plan.yaml", text: "one\r\ntwo\n\n😀four" };
  test.each([
    [0, 1, 1, "one"],
    [3, 1, 4, "one"],
    [5, 2, 1, "two"],
    [8, 2, 4, "two"],
    [9, 3, 1, ""],
    [10, 4, 1, "😀four"],
    [12, 4, 3, "😀four"],
    [16, 4, 7, "😀four"],
    [99, 4, 7, "😀four"],
    [-1, 1, 1, "one"],
  ])("offset %i", (offset, line, column, lineText) => {
    expect(position(file, offset)).toEqual({ line, column, lineText });
  });

  test("an empty file has one line", () => {
    expect(position({ path: "", text: "" }, 0)).toEqual({ line: 1, column: 1, lineText: "" });
  });
});

describe("nearest", () => {
  const keys = ["context", "contexts", "platforms", "tags", "cache-from", "args"];
  test.each([
    ["platfroms", "platforms"],
    ["plattforms", "platforms"],
    ["contxt", "context"],
    ["cache_from", "cache-from"],
    ["Tags", "tags"],
    ["tag", "tags"],
    ["colour", undefined],
    ["", undefined],
    ["tags", undefined],
  ])("%s", (word, expected) => {
    expect(nearest(word, keys)).toBe(expected);
  });

  test.each([
    ["", "abc", 3],
    ["kitten", "sitting", 3],
    ["ab", "ba", 1],
    ["same", "same", 0],
  ])("%s and %s are %i edits apart", (from, to, distance) => {
    expect(editDistance(from, to)).toBe(distance);
    expect(editDistance(to, from)).toBe(distance);
  });

  test("a hint names the meant word, or all", () => {
    expect(hintFor("tgas", keys)).toBe("Did you mean `tags`?");
    expect(hintFor("zzz", ["a", "b"])).toBe("Known: a, b");
  });
});

test.each([
  ["90s", 90_000],
  ["1h30m", 5_400_000],
  ["250ms", 250],
  ["1.5h", undefined],
  ["45", undefined],
  ["", undefined],
  ["m45", undefined],
])("duration %s", (text, expected) => {
  expect(parseDuration(text)).toBe(expected);
});
