import { expect, test } from "vitest";
import { valuesToMask, readVariables } from "../../action/environment.ts";

test.each<readonly [string, string, ReturnType<typeof readVariables>]>([
  ["nothing", "\n  \n", []],
  ["a value with what is a sign elsewhere", 'TOKEN=a=b "c" #d<<e\r\n', [["TOKEN", 'a=b "c" #d<<e']]],
  [
    "an empty value: a fork sees no secret",
    "TOKEN=\nOTHER=x",
    [
      ["TOKEN", ""],
      ["OTHER", "x"],
    ],
  ],
  [
    "several lines",
    "KEY<<END\n-----BEGIN\nabc=\nEND\nA=1\n",
    [
      ["KEY", "-----BEGIN\nabc="],
      ["A", "1"],
    ],
  ],
  ["an indented line, as YAML may leave it", "  A=1", [["A", "1"]]],
])("variables: %s", (_, text, expected) => {
  expect(readVariables(text)).toEqual(expected);
});

test.each([
  ["A=1\nhunter2\n", 2],
  ["A B=1", 1],
  ["=x", 1],
  ["1A=x", 1],
  ["KEY<<END\nabc\n", 1],
])("what is no variable is told by its line alone: %j", (text, line) => {
  expect(readVariables(text)).toEqual({ line });
});

test("every value is masked, of several lines each line, and an empty one never: it would mask all", () => {
  expect(
    valuesToMask([
      ["A", "first\n second\n"],
      ["B", ""],
      ["C", "x"],
      ["D", "x"],
    ]),
  ).toEqual(["first\n second", "first", "second", "x"]);
});
