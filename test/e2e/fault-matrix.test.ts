import { beforeAll, expect, onTestFinished, test } from "vitest";
import { promoteScenario, pushScenario, transferScenario } from "../support/fault-matrix-copy.ts";
import { releaseScenario } from "../support/fault-matrix-release.ts";
import { formatMatrix } from "../support/fault-matrix-table.ts";
import { runMatrix, type CaseResult, type Scenario } from "../support/fault-matrix.ts";
import { startRealRegistry, type RealRegistry } from "../support/real-registry.ts";

// Every fault at every request. What it finds is docs/faults.md: after a change that is meant, write that file anew with `-u`.

let registry: RealRegistry;
beforeAll(async () => {
  registry = await startRealRegistry({ inMemory: true });
  return () => registry.close();
});

const found: { readonly scenario: Scenario; readonly results: readonly CaseResult[] }[] = [];

/** Runs all cases of a scenario, and answers those in which something did not hold that must. */
async function unsound(scenario: Scenario): Promise<readonly object[]> {
  const results = await runMatrix(scenario);
  found.push({ scenario, results });
  if (results.length < 100) throw new Error(`only ${results.length} cases`);
  return results
    .filter(({ problems }) => problems.length > 0)
    .map(({ fault, ...where }) => ({ fault: fault.name, ...where }));
}

test("a release meets every fault at every request, and stays sound", async () => {
  expect(await unsound(await releaseScenario(registry.host))).toEqual([]);
});

test("a push of a layout meets every fault at every request, and stays sound", async () => {
  const scenario = await pushScenario(registry.host);
  onTestFinished(scenario.close);
  expect(await unsound(scenario)).toEqual([]);
});

test("a copy within a registry meets every fault at every request, and stays sound", async () => {
  expect(await unsound(await promoteScenario(registry.host))).toEqual([]);
});

test("a copy between registries meets every fault at every request of its source, and stays sound", async () => {
  expect(await unsound(await transferScenario(registry.host))).toEqual([]);
});

test("the documentation says what was found", async () => {
  expect(found).toHaveLength(4);
  await expect(formatMatrix(found)).toMatchFileSnapshot("../../docs/faults.md");
});
