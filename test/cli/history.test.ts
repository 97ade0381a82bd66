import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { keepDurations, readDurations } from "../../cli/history.ts";
import type { VariantOutcome } from "../../core/event.ts";
import type { Plan } from "../../core/plan/plan.ts";
import type { VariantReport } from "../../core/run.ts";
import { node } from "../support/make.ts";
import { loadText, planOf } from "../support/plan.ts";

const PLAN = `version: 1
images:
  app: { context: ., platforms: [linux/amd64, linux/arm64], tags: ["r.example/app:1", "s.example/app:1"] }
`;
const arm = node("arm", ["linux/arm64"]);

async function home(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "history-test-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

function reports(plan: Plan, outcome: VariantOutcome): readonly VariantReport[] {
  const variants = plan.releases.flatMap((release) => release.variants);
  return variants.map((variant) => ({ route: { variant, node: arm, execution: "native" }, outcome }));
}

async function durationsOf(plan: Plan, folder: string): Promise<readonly (number | undefined)[]> {
  const durations = await readDurations(plan, { env: {}, home: folder });
  return plan.releases.flatMap(({ variants }) => variants.map((each) => durations(each, arm, "native")));
}

const built = (cached: number) =>
  ({ kind: "built", cache: { steps: 3, cached }, durationMs: 1234 }) satisfies VariantOutcome;

test("what a run's builds took is known to the next one, wherever its result goes, and to no other project", async () => {
  const folder = await home();
  const plan = planOf(await loadText(PLAN));
  expect(await durationsOf(plan, folder)).toEqual([undefined, undefined]);
  await keepDurations(plan, reports(plan, built(2)), { env: {}, home: folder });
  expect(await durationsOf(plan, folder)).toEqual([1234, 1234]);
  const [first] = plan.releases;
  if (first === undefined) throw new Error("the plan has a release");
  const unpushed = { ...plan, releases: [{ ...first, repositories: [] }] };
  expect(await durationsOf(unpushed, folder)).toEqual([1234, 1234]);
  const other = planOf(await loadText(PLAN.replaceAll("example/app", "example/other")));
  expect(await durationsOf(other, folder)).toEqual([undefined, undefined]);
});

test.each<[string, VariantOutcome]>([
  ["failed", { kind: "failed", failure: { kind: "solve-cancelled" }, durationMs: 1 }],
  ["was cancelled", { kind: "cancelled", durationMs: 1 }],
  ["came from the cache as a whole", built(3)],
  ["was taken over", { ...built(0), takenFrom: "staging" }],
])("a build that %s tells nothing", async (_, outcome) => {
  const folder = await home();
  const plan = planOf(await loadText(PLAN));
  await keepDurations(plan, reports(plan, outcome), { env: {}, home: folder });
  expect(await durationsOf(plan, folder)).toEqual([undefined, undefined]);
});
