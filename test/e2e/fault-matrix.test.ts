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

async function expectSound(scenario: Scenario): Promise<void> {
  const results = await runMatrix(scenario);
  found.push({ scenario, results });
  expect(results.length).toBeGreaterThan(100);
  const unsound = results.filter(({ problems }) => problems.length > 0);
  expect(unsound.map(({ fault, problems, ...where }) => ({ fault: fault.name, ...where, problems }))).toEqual(
    [],
  );
}

test("a release meets every fault at every request, and stays sound", async () => {
  await expectSound(await releaseScenario(registry.host));
});

test("a push of a layout meets every fault at every request, and stays sound", async () => {
  const scenario = await pushScenario(registry.host);
  onTestFinished(scenario.close);
  await expectSound(scenario);
});

test("a copy within a registry meets every fault at every request, and stays sound", async () => {
  await expectSound(await promoteScenario(registry.host));
});

test("a copy between registries meets every fault at every request of its source, and stays sound", async () => {
  await expectSound(await transferScenario(registry.host));
});

test("the documentation says what was found", async () => {
  expect(found).toHaveLength(4);
  await expect(formatMatrix(found)).toMatchFileSnapshot("../../docs/faults.md");
});
