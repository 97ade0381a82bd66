import { readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { assemblePlan } from "../../../core/plan/assemble.ts";
import type { Plan, PlanFailure } from "../../../core/plan/plan.ts";
import type { Diagnostic } from "../../../core/plan/source.ts";
import type { Result } from "../../../core/result.ts";
import { problemsOf } from "../../support/plan.ts";

/** From text to plan without any disk: all files are there, and git knows nothing. */
async function assemble(text: string): Promise<Result<Plan, PlanFailure>> {
  return await assemblePlan({
    file: { path: "plan.yaml", text },
    directory: "/plan",
    options: { env: {}, set: [], images: [], only: [], run: {} },
    git: Promise.resolve({ values: new Map(), why: "there is no git" }),
    ci: undefined,
    labelsOf: () => new Set(),
    checkPaths: () => {},
  });
}

function diagnosticsOf(result: Result<Plan, PlanFailure>): readonly Diagnostic[] {
  if (result.ok) return result.value.warnings;
  return result.error.kind === "plan-invalid" ? result.error.diagnostics : [];
}

function plan(image: string, before = ""): string {
  return `version: 1\n${before}images:\n  app:\n    platforms: [linux/amd64]\n    tags: [registry.example/app:1]\n${image}`;
}

function many(count: number, line: (n: number) => string): string {
  return Array.from({ length: count }, (_, n) => line(n)).join("\n");
}

describe("a plan of the largest size is refused with a message, whatever it does", () => {
  test.each([
    ["unknown keys", plan(many(40_000, (n) => `    key${n}: 1`)), "Unknown key `key0`"],
    [
      "unknown variables",
      plan(`    args:\n${many(20_000, (n) => `      a${n}: \${x${n}}`)}`),
      "Unknown variable `x0`",
    ],
    [
      "one text with many expressions",
      plan(`    args: { a: "${"${x}".repeat(200_000)}" }`),
      "Unknown variable `x`",
    ],
    [
      "platforms",
      plan("").replace("linux/amd64", many(20_000, (n) => `linux/x${n}/v/w,`).replaceAll("\n", " ")),
      "too many parts",
    ],
    [
      "variables that double each other",
      plan(
        "    args: { a: '${v0}' }\n",
        `vars:\n  v40: xxxxxxxx\n${many(40, (n) => `  v${n}: "\${v${n + 1}}\${v${n + 1}}"`)}\n`,
      ),
      "longer than 64 KiB",
    ],
    [
      "variables that are defined by each other in a long row",
      plan(
        "    args: { a: '${v0}' }\n",
        `vars:\n  v9999: x\n${many(9999, (n) => `  v${n}: "\${v${n + 1}}"`)}\n`,
      ),
      "Too many variables",
    ],
    [
      "a matrix of more cells than there are atoms",
      plan(`    matrix:\n${many(60, (n) => `      k${n}: [${'"x",'.repeat(50)}]`)}\n`),
      "is the limit",
    ],
    ["nested defaults", plan(`    args: { a: "${"${x:-".repeat(50_000)}" }`), "nested too deeply"],
    [
      "a number for JavaScript to choke on",
      "version: 123456789012345678901234567890\nimages: {}\n",
      "version 1, not 123",
    ],
  ])("%s", async (_, text, message) => {
    const result = await assemble(text);
    expect(result.ok).toBe(false);
    expect(problemsOf(result)).toContain(message);
    expect(diagnosticsOf(result).length).toBeLessThanOrEqual(2000);
  });

  test("errors after a thousand warnings still count", async () => {
    const text = plan("", `vars:\n${many(1500, (n) => `  unused${n}: x`)}\n`).replace(
      "app:1",
      "app:${missing}",
    );
    const result = await assemble(
      text.replace("[registry.example/app:${missing}]", '["registry.example/app:${missing}"]'),
    );
    expect(result.ok).toBe(false);
  });
});

test("a thousand variants are a plan", async () => {
  const image = (n: number) => `  app${n}:
    args: { SLUG: "\${platform.slug}", RELEASE: "\${release}" }
    platforms: [linux/amd64, linux/arm64, linux/arm/v7, linux/s390x]
    tags: ["registry.example/app${n}:\${release}"]`;
  const result = await assemble(`version: 1\nvars: { release: "1" }\nimages:\n${many(250, image)}\n`);
  const variants = result.ok ? result.value.releases.flatMap((release) => release.variants) : [];
  expect(new Set(variants.map(({ id }) => id)).size).toBe(1000);
  expect(variants.at(-1)?.build.args).toEqual({ SLUG: "linux_s390x", RELEASE: "1" });
});

const fixture = (name: string) =>
  readFileSync(join(import.meta.dirname, "../../../fixtures/plans/valid", `${name}.yaml`), "utf8");
const texts = [fixture("design"), fixture("forms"), fixture("interpolation")];

test("a valid plan with anything cut out of it, or put into it, never throws", async () => {
  const edit = fc.record({
    at: fc.nat(2000),
    remove: fc.nat(12),
    insert: fc.oneof(
      fc.constantFrom(
        "",
        "${",
        "}",
        "[",
        "{",
        ":",
        "- ",
        "\n",
        "*all",
        "<<: ",
        '"',
        "~",
        "1.10",
        "\t",
        "=",
        ",",
      ),
      fc.string(),
    ),
  });
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...texts),
      fc.array(edit, { minLength: 1, maxLength: 4 }),
      async (original, edits) => {
        const text = edits.reduce((all, { at, remove, insert }) => {
          const start = at % (all.length + 1);
          return all.slice(0, start) + insert + all.slice(start + remove);
        }, original);
        const result = await assemble(text);
        const diagnostics = diagnosticsOf(result);
        expect(diagnostics.some(({ severity }) => severity === "error")).toBe(!result.ok);
        for (const { location, message } of diagnostics) {
          expect(location.range.end).toBeLessThanOrEqual(text.length);
          expect(message).not.toMatch(/undefined|\[object|NaN|function /);
        }
      },
    ),
    { numRuns: 400 },
  );
});

test("the order of problems is that of the file, and none is there twice", async () => {
  const text = plan(
    "    colour: red\n    args: { A: '${b}', B: 1.10 }\n    colour2: ${b}\n",
    "vars: { unused: x }\n",
  );
  const lines = problemsOf(await assemble(text))
    .trim()
    .split("\n");
  const places = lines.map((line) => Number(line.split(":", 1)[0]));
  expect(places).toEqual(places.toSorted((a, b) => a - b));
  expect(new Set(lines).size).toBe(lines.length);
  expect(lines.map((line) => line.replace(/ \|.*/, ""))).toEqual([
    "2:9 (warning) Nothing uses the variable `unused`",
    "7:5 Unknown key `colour` in image `app`",
    "8:19 Unknown variable `b`",
    "8:27 `args.B` must be text, but YAML reads 1.10 as a number",
    "9:5 Unknown key `colour2` in image `app`",
  ]);
});
