import { expect, test } from "vitest";
import type { PreflightFailed } from "../../core/preflight/preflight-failed.ts";
import { fail, ok, type Result } from "../../core/result.ts";
import { releaseOf, start, until } from "../support/run-world.ts";

const FAILED: PreflightFailed = { kind: "preflight-failed", findings: [] };

test.each<[string, Result<void, PreflightFailed>, readonly string[]]>([
  ["well", ok(undefined), ["one.example/app:1"]],
  ["with errors", fail(FAILED), []],
])("no tag moves before preflight has ended, and it ends %s", async (_, outcome, tags) => {
  const answer = Promise.withResolvers<Result<void, PreflightFailed>>();
  const world = start({
    releases: [releaseOf("app", ["linux/amd64"])],
    options: { preflight: () => answer.promise },
  });
  const moved = (): readonly string[] => world.registry.writes.filter((name) => name.endsWith(":1"));
  await world.finish("app linux/amd64");
  await until(() => world.events.some(({ kind }) => kind === "release-stitched"));
  for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  expect(moved()).toEqual([]);
  answer.resolve(outcome);
  const report = await world.ended;
  expect(moved()).toEqual(tags);
  expect(report.failure).toEqual(outcome.ok ? undefined : outcome.error);
  expect(report.interrupted).toBe(false);
});
