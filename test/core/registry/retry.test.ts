import * as fc from "fast-check";
import { expect, test } from "vitest";
import { isTransientStatus, nextDelayMs, parseRetryAfter } from "../../../core/registry/retry.ts";

const patience = { attempts: 5, budgetMs: 60_000 };

function delay(attempt: number, attempts = 99): number | undefined {
  return nextDelayMs({ attempt, spentMs: 0, retryAfterMs: undefined }, { ...patience, attempts }, () => 1);
}

test("waits longer each time, up to a cap, and gives up after the last attempt", () => {
  const delays = [1, 2, 3, 4, 5, 6, 7].map((attempt) => delay(attempt));
  expect(delays).toEqual([250, 500, 1000, 2000, 4000, 8000, 8000]);
  expect([delay(4, 5), delay(5, 5)]).toEqual([2000, undefined]);
});

test("never waits beyond its budget, never less than Retry-After, and gives up for no other reason", () => {
  const number = fc.integer({ min: 0, max: 120_000 });
  const chance = fc.double({ min: 0, max: 1, noNaN: true });
  fc.assert(
    fc.property(number, number, chance, (spentMs, retryAfterMs, random) => {
      const found = nextDelayMs({ attempt: 1, spentMs, retryAfterMs }, patience, () => random);
      const waits = found !== undefined && found >= retryAfterMs && spentMs + found <= patience.budgetMs;
      const gaveUp = found === undefined && spentMs + retryAfterMs + 250 > patience.budgetMs;
      expect(waits || gaveUp).toBe(true);
    }),
  );
});

test.for([
  [undefined, undefined],
  ["3", 3_000],
  [" 0 ", 0],
  ["Thu, 01 Jan 1970 00:00:09 GMT", 4_000],
  ["Thu, 01 Jan 1970 00:00:01 GMT", 0],
  ["soon", undefined],
  ["-1", undefined],
  ["99999999999999999999", undefined],
] as const)("reads Retry-After %s as %s", ([value, expected]) => {
  expect(parseRetryAfter(value, 5_000)).toBe(expected);
});

test("takes these statuses for passing, and no others", () => {
  const all = Array.from({ length: 500 }, (_, at) => at + 100);
  const passing = all.filter((status) => isTransientStatus(status) && status < 510);
  expect(passing).toEqual([408, 429, 500, 502, 503, 504, 506, 507, 508, 509]);
});
