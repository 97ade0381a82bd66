import fc from "fast-check";
import { expect, test } from "vitest";
import { baseScore, severityOfScore } from "../../../core/scan/cvss.ts";

// Vectors of well-known vulnerabilities with their scores in the NVD, and some whose scores follow from the equations.
test.each([
  ["CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:C/C:H/I:H/A:H", 10],
  ["CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", 9.8],
  ["CVSS:3.0/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:N/A:N", 7.5],
  ["CVSS:3.1/AV:L/AC:L/PR:L/UI:N/S:U/C:H/I:H/A:H", 7.8],
  ["CVSS:3.0/AV:N/AC:L/PR:N/UI:R/S:C/C:L/I:L/A:N", 6.1],
  ["CVSS:3.1/AV:N/AC:L/PR:L/UI:R/S:C/C:L/I:L/A:N", 5.4],
  ["CVSS:3.0/AV:L/AC:H/PR:L/UI:N/S:C/C:H/I:N/A:N", 5.6],
  ["CVSS:3.1/AV:N/AC:H/PR:N/UI:R/S:U/C:L/I:N/A:N", 3.1],
  ["CVSS:3.1/AV:P/AC:L/PR:N/UI:N/S:U/C:N/I:H/A:N", 4.6],
  ["CVSS:3.1/AV:A/AC:H/PR:H/UI:R/S:C/C:H/I:H/A:H", 7.3],
  ["CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:N", 0],
  ["CVSS:3.1/A:H/I:H/C:H/S:U/UI:N/PR:N/AC:L/AV:N/E:P/RL:O", 9.8],
  ["AV:N/AC:L/Au:N/C:C/I:C/A:C", 10],
  ["AV:N/AC:L/Au:N/C:P/I:P/A:P", 7.5],
  ["AV:N/AC:L/Au:N/C:P/I:N/A:N", 5],
  ["AV:L/AC:H/Au:N/C:C/I:C/A:C", 6.2],
  ["AV:L/AC:M/Au:N/C:C/I:C/A:C", 6.9],
  ["AV:N/AC:L/Au:N/C:N/I:N/A:N", 0],
])("%s is %d", (vector, score) => {
  expect(baseScore(vector)).toBe(score);
});

test.each([
  "",
  "7.5",
  "CVSS:3.1",
  "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H",
  "CVSS:3.1/AV:X/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H",
  "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:constructor/I:H/A:H",
  "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:__proto__/C:H/I:H/A:H",
  "CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N",
  "AV:N/AC:L/Au:N/C:P/I:P",
  `CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H${"/E:P".repeat(200)}`,
])("cannot tell the score of %s", (vector) => {
  expect(baseScore(vector)).toBeUndefined();
});

test("scores are between 0 and 10, with one decimal", () => {
  const of = (values: string) => fc.constantFrom(...values.split(""));
  const metrics = fc.tuple(
    of("NALP"),
    of("LH"),
    of("NLH"),
    of("NR"),
    of("UC"),
    of("HLN"),
    of("HLN"),
    of("HLN"),
  );
  fc.assert(
    fc.property(metrics, (values) => {
      const names = ["AV", "AC", "PR", "UI", "S", "C", "I", "A"];
      const score = baseScore(`CVSS:3.1/${names.map((name, at) => `${name}:${values[at]}`).join("/")}`);
      expect(score).toBeGreaterThanOrEqual(0);
      expect(score).toBeLessThanOrEqual(10);
      expect(score).toBe(Number(score?.toFixed(1)));
    }),
  );
});

test("calls scores as the specification does", () => {
  const words = [10, 9, 8.9, 7, 6.9, 4, 3.9, 0.1, 0].map((score) => `${score} ${severityOfScore(score)}`);
  expect(words.join(", ")).toBe(
    "10 critical, 9 critical, 8.9 high, 7 high, 6.9 medium, 4 medium, 3.9 low, 0.1 low, 0 unknown",
  );
});
