import { expect, test } from "vitest";
import { LONGEST_LINE } from "../../../core/buildkit/log-lines.ts";
import { Output } from "../../../core/smoke/output.ts";

function heard(wanted: string | undefined, lines: readonly string[]): Output {
  const output = new Output(wanted);
  for (const line of lines) output.line(line);
  return output;
}

const MANY = Array.from({ length: 5_000 }, (_, at) => `line ${at}`);

test("a text is found wherever it stands, and only the last lines are kept", () => {
  const output = heard("version 1.2", ["this is version 1.2 indeed", ...MANY]);
  expect(output.isFound()).toBe(true);
  expect(output.last()).toEqual(MANY.slice(-20));
});

test("a text may go on in the next line", () => {
  expect(heard("one\ntwo\n", ["zero", "and one", "two", "three"]).isFound()).toBe(true);
  expect(heard("one\ntwo\n", ["one", "two more"]).isFound()).toBe(false);
});

test("a text is found in a line that was cut", () => {
  const filler = "x".repeat(LONGEST_LINE + 1 - 3);
  expect(heard("needle", [`${filler}nee`, "dle"]).isFound()).toBe(true);
  expect(heard("needle", ["nee", "dle"]).isFound()).toBe(false);
});

test("without a wanted text, nothing has to be printed", () => {
  expect(heard(undefined, []).isFound()).toBe(true);
});

test("what is kept for people is bounded", () => {
  const output = heard(
    "no",
    Array.from({ length: 30 }, () => "y".repeat(100_000)),
  );
  expect(output.last().join("").length).toBeLessThanOrEqual(64 * 1024);
});

test("what BuildKit has left out is known", () => {
  expect(heard("x", MANY).isCut()).toBe(false);
  expect(heard("x", ["a", "[output clipped, log limit 2MiB reached]"]).isCut()).toBe(true);
});
