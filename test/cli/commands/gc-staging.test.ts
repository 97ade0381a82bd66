import { expect, test } from "vitest";
import { parseAge } from "../../../cli/commands/gc-staging.ts";

test.each([
  ["7d", 604_800_000],
  ["1d12h", 129_600_000],
  ["12h", 43_200_000],
  ["0d", 0],
  ["90s", 90_000],
  ["", undefined],
  ["7", undefined],
  ["d", undefined],
  ["1w", undefined],
  ["12h1d", undefined],
  ["-1d", undefined],
  ["1d\n", undefined],
])("%j", (text, ms) => {
  expect(parseAge(text)).toBe(ms);
});
