import { expect, test } from "vitest";
import { count, formatAge, formatBytes, formatDuration, shortDigest } from "../../../cli/text/units.ts";

test.each([
  [0, "0B"],
  [999, "999B"],
  [1000, "1kB"],
  [999_499, "999kB"],
  [999_500, "1MB"],
  [3_424_000, "3.42MB"],
  [12_000_000_000, "12GB"],
])("%i bytes are %s", (bytes, text) => {
  expect(formatBytes(bytes)).toBe(text);
});

test.each([
  [-5, "0.0s"],
  [449, "0.4s"],
  [12_399, "12.3s"],
  [59_999, "59.9s"],
  [60_000, "1m00s"],
  [184_900, "3m04s"],
  [3_599_999, "59m59s"],
  [3_720_000, "1h02m"],
])("%i ms are %s", (ms, text) => {
  expect(formatDuration(ms)).toBe(text);
});

test.each([
  [-5, "less than a minute"],
  [60_000, "1 minute"],
  [3_599_999, "59 minutes"],
  [3_600_000, "1 hour"],
  [172_799_999, "47 hours"],
  [172_800_000, "2 days"],
  [864_000_000, "10 days"],
])("%i ms ago is %s ago", (ms, text) => {
  expect(formatAge(ms)).toBe(text);
});

test("words follow their number", () => {
  expect([count(0, "error"), count(1, "error"), count(2, "error")]).toEqual([
    "0 errors",
    "1 error",
    "2 errors",
  ]);
});

test("a digest is shortened to twelve digits, other text is left alone", () => {
  expect(shortDigest(`sha256:${"0123456789abcdef".repeat(4)}`)).toBe("sha256:0123456789ab");
  expect(shortDigest("failed")).toBe("failed");
});
