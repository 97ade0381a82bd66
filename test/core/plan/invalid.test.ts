import { readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { load, problemsOf } from "../../support/plan.ts";

const folder = join(import.meta.dirname, "../../../fixtures/plans/invalid");
const rules = readdirSync(folder)
  .filter((name) => name.endsWith(".yaml"))
  .map((name) => name.slice(0, -".yaml".length));

describe("every invalid plan says exactly what is wrong", () => {
  test.each(rules)("%s", async (rule) => {
    const result = await load(`${rule}.yaml`, folder);
    expect(result.ok).toBe(false);
    const text = problemsOf(result).replaceAll(folder, "<folder>");
    await expect(text).toMatchFileSnapshot(join(folder, `${rule}.txt`));
  });

  test.each(rules)("%s: every range lies in the file", async (rule) => {
    const result = await load(`${rule}.yaml`, folder);
    const diagnostics = !result.ok && result.error.kind === "plan-invalid" ? result.error.diagnostics : [];
    expect(diagnostics.length).toBeGreaterThan(0);
    for (const { location, related = [] } of diagnostics) {
      for (const { file, range } of [location, ...related.map((other) => other.location)]) {
        expect(range.start).toBeLessThanOrEqual(range.end);
        expect(range.start).toBeGreaterThanOrEqual(0);
        expect(range.end).toBeLessThanOrEqual(file.text.length);
      }
    }
  });

  test("a secret's value is in no message", async () => {
    const results = await Promise.all(rules.map((rule) => load(`${rule}.yaml`, folder)));
    expect(results.map(problemsOf).join("")).not.toContain("hunter2");
  });
});
