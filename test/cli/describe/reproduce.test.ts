import { expect, test } from "vitest";
import { exitCodeOfReproduced, reproducedJson, reproducedLine } from "../../../cli/describe/reproduce.ts";
import type { Reproduced, ReproduceOutcome } from "../../../core/reproduce/reproduce.ts";
import { node, variant } from "../../support/make.ts";

const [ONE, OTHER] = [`sha256:${"1".repeat(64)}`, `sha256:${"2".repeat(64)}`] as const;
const SAME = { kind: "same", digest: ONE } as const;
const DIFFERENT: ReproduceOutcome = {
  kind: "different",
  digests: [ONE, OTHER],
  difference: { config: [], manifest: [], layers: [{ kind: "count", counts: [1, 2] }] },
  findings: [],
};
const FAILED: ReproduceOutcome = {
  kind: "failed",
  failure: { kind: "step-failed", step: "RUN make", message: "no", log: [] },
};
const CANCELLED: ReproduceOutcome = { kind: "cancelled" };
const SKIPPED: ReproduceOutcome = { kind: "cancelled", because: "base linux/amd64" };

function reproduced(outcome: ReproduceOutcome, required = true): Reproduced {
  const route = {
    variant: variant("linux/amd64", { required }),
    node: node("one", ["linux/amd64"]),
    execution: "native",
  } as const;
  return { route, outcome };
}

test.each<[ReproduceOutcome, string]>([
  [SAME, `reproducible, ${ONE}`],
  [DIFFERENT, `not reproducible, ${ONE}, then ${OTHER}`],
  [FAILED, "failed"],
  [CANCELLED, "cancelled"],
  [SKIPPED, "not built, as it is built from base linux/amd64, which is not there"],
])("in one line", (outcome, expected) => {
  expect(reproducedLine(reproduced(outcome))).toBe(`app linux/amd64: ${expected}`);
});

test("for machines", () => {
  const about = {
    id: "app linux/amd64",
    platform: "linux/amd64",
    required: true,
    node: "one",
    execution: "native",
  };
  expect(
    [SAME, DIFFERENT, FAILED, SKIPPED].map((outcome) => reproducedJson(reproduced(outcome))),
  ).toMatchObject([
    { ...about, outcome: "same", digest: ONE },
    { ...about, outcome: "different", digests: [ONE, OTHER], difference: { layers: [{ kind: "count" }] } },
    { ...about, outcome: "failed", failure: { kind: "step-failed" } },
    { ...about, outcome: "cancelled", because: "base linux/amd64" },
  ]);
});

test.each<[string, readonly Reproduced[], number]>([
  ["all are the same", [reproduced(SAME), reproduced(SAME)], 0],
  ["one is not", [reproduced(SAME), reproduced(DIFFERENT)], 4],
  ["one is not, and may be missing", [reproduced(SAME), reproduced(DIFFERENT, false)], 4],
  ["a build failed", [reproduced(DIFFERENT), reproduced(FAILED)], 1],
  ["a build failed that may be missing", [reproduced(SAME), reproduced(FAILED, false)], 0],
  ["what one is built from is not there", [reproduced(SAME), reproduced(SKIPPED)], 1],
])("the exit code where %s", (_, all, expected) => {
  expect(exitCodeOfReproduced(all, { isInterrupted: false })).toBe(expected);
});

test("an interruption has its own, unless it came too late", () => {
  expect(exitCodeOfReproduced([reproduced(SAME), reproduced(CANCELLED)], { isInterrupted: true })).toBe(130);
  expect(exitCodeOfReproduced([reproduced(DIFFERENT)], { isInterrupted: true })).toBe(4);
});
