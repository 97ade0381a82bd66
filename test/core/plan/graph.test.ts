import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { assemblePlan } from "../../../core/plan/assemble.ts";
import type { Plan, PlanFailure, Variant } from "../../../core/plan/plan.ts";
import type { Result } from "../../../core/result.ts";
import { load, loadText, planOf, problemsOf } from "../../support/plan.ts";

const folder = join(import.meta.dirname, "../../../fixtures/plans/valid");

async function graph(): Promise<Plan> {
  return planOf(await load("graph.yaml", folder));
}

function variantsOf(plan: Plan): ReadonlyMap<string, Variant> {
  return new Map(
    plan.releases.flatMap(({ variants }) => variants).map((variant) => [variant.id, variant] as const),
  );
}

describe("a plan of images that need each other", () => {
  test("a variant needs the same platform: what `needs` names first, then what is a context, each once", async () => {
    const variants = variantsOf(await graph());
    const needsOf = (id: string) => variants.get(id)?.needs;
    expect(needsOf("app[node=22,os=alpine] linux/amd64")).toEqual([
      "tools linux/amd64",
      "base[node=22,os=alpine] linux/amd64",
    ]);
    expect(needsOf("app[node=24,os=alpine] linux/amd64")).toEqual([
      "tools linux/amd64",
      "base[node=22,os=alpine] linux/amd64",
      "base[node=24,os=alpine] linux/amd64",
    ]);
    expect(needsOf("app[node=24,os=alpine] linux/arm64")).toEqual([
      "tools linux/arm64",
      "base[node=22,os=alpine] linux/arm64",
    ]);
    expect(needsOf("base[node=22,os=debian] linux/arm/v7")).toEqual(["tools linux/arm/v7"]);
    expect(needsOf("tools linux/amd64")).toEqual(["files linux/amd64"]);
    expect(variants.get("files linux/amd64")).not.toHaveProperty("needs");
  });

  test("an image as a context is the variant; what a platform says for itself replaces it", async () => {
    const variants = variantsOf(await graph());
    const assets = { kind: "local", path: join(folder, "folder") };
    expect(variants.get("app[node=24,os=alpine] linux/arm/v7")?.build.contexts).toEqual({
      assets,
      base: { kind: "variant", variant: "base[node=24,os=alpine] linux/arm/v7" },
    });
    expect(variants.get("app[node=24,os=alpine] linux/arm64")?.build.contexts).toEqual({
      assets,
      base: { kind: "remote", url: "docker-image://registry.example/arm-base:1" },
    });
    expect(variants.get("tools linux/amd64")?.build.contexts).toEqual({});
  });
});

describe("how a plan is carried out", () => {
  test("limits of the whole, and what is taken over", async () => {
    const plan = await graph();
    expect(plan).toMatchObject({ maxParallelism: 6, failFast: true });
    const [app, , , , , , tools] = plan.releases;
    expect(app).toMatchObject({ reuse: "unchanged", unknownInputs: "ignore", staging: false });
    expect(tools?.name).toBe("tools");
    for (const key of ["reuse", "unknownInputs", "staging"]) expect(tools).not.toHaveProperty(key);
  });

  test("builders, stall and retries of a platform are over those of the image", async () => {
    const variants = variantsOf(await graph());
    expect(variants.get("app[node=22,os=alpine] linux/amd64")).toMatchObject({
      builders: ["arm", "cloud"],
      stallMs: 1_800_000,
      retries: 0,
    });
    expect(variants.get("app[node=22,os=alpine] linux/arm64")?.builders).toEqual(["arm"]);
    expect(variants.get("app[node=22,os=alpine] linux/arm/v7")).toMatchObject({
      builders: ["arm", "cloud"],
      stallMs: 3_600_000,
      retries: 3,
    });
    const plain = variants.get("files linux/amd64");
    for (const key of ["builders", "stallMs", "retries"]) expect(plain).not.toHaveProperty(key);
  });

  test("what is not said is not there", async () => {
    const text = `version: 1
fail-fast: false
images:
  app: { platforms: [linux/amd64], tags: [a.example/app:1] }
`;
    const plan = planOf(await loadText(text));
    for (const key of ["maxParallelism", "failFast"]) expect(plan).not.toHaveProperty(key);
  });

  test("the epoch is a build argument, unless the plan passes that itself", async () => {
    const variants = variantsOf(await graph());
    const argumentsOf = (id: string) => variants.get(id)?.build.args;
    expect(argumentsOf("app[node=22,os=alpine] linux/amd64")).toEqual({ SOURCE_DATE_EPOCH: "1735689600" });
    expect(argumentsOf("app[node=22,os=alpine] linux/arm/v7")).toEqual({ SOURCE_DATE_EPOCH: "7" });
    expect(argumentsOf("tools linux/amd64")).toEqual({ SOURCE_DATE_EPOCH: "0" });
    expect(argumentsOf("files linux/amd64")).toEqual({});
  });
});

/** From text to plan without any disk. */
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

const image = (name: string, settings: string) =>
  `  ${name}: { platforms: [linux/amd64], tags: ["registry.example/${name}:1"], ${settings} }\n`;
const planOfImages = (images: readonly string[]) => `version: 1\nimages:\n${images.join("")}`;

describe("what a mistake elsewhere breaks is no mistake of its own", () => {
  test("a platform of the needed image that cannot be read", async () => {
    const base = image("base", "").replace("amd64", "*");
    expect(problemsOf(await assemble(planOfImages([image("app", "needs: [base]"), base])))).toBe(
      "4:23 `linux/*` is no platform: each platform has to be named | Write os/architecture or os/architecture/variant, for instance linux/arm64\n",
    );
  });

  test("a matrix of the needed image that has no cell", async () => {
    const base = image("base", "matrix: { os: [alpine], exclude: [{ os: alpine }] }");
    expect(problemsOf(await assemble(planOfImages([image("app", "needs: [base]"), base])))).toBe(
      "4:72 The matrix of image `base` has no cell | Give it a key with values, or exclude less\n",
    );
  });
});

describe("graphs of any size", () => {
  const names = (count: number) => Array.from({ length: count }, (_, n) => `i${n}`);

  test("a chain of thousands of images is a plan", async () => {
    const all = names(5000);
    const chain = all.map((name, n) => image(name, `needs: [${all.slice(n + 1, n + 2).join("")}]`));
    const variants = variantsOf(planOf(await assemble(planOfImages(chain))));
    expect(variants.get("i4998 linux/amd64")?.needs).toEqual(["i4999 linux/amd64"]);
  });

  test("a circle of thousands is one problem, and its way is cut", async () => {
    const all = names(5000);
    const circle = all.map((name, n) => image(name, `needs: [i${(n + 1) % 5000}]`));
    const [first = "", ...others] = problemsOf(await assemble(planOfImages(circle)))
      .trim()
      .split("\n");
    expect(first).toMatch(/^3:\d+ `i0` needs itself: i0 -> i1 -> .* -> \.\.\. -> i0 \| Break the circle$/);
    expect(others).toHaveLength(12);
    expect(others.every((line) => line.startsWith("    "))).toBe(true);
  });

  test("cells that could all be meant are one problem, and not all are listed", async () => {
    const matrix = `matrix: { KEY: [${names(256).join(", ")}] }`;
    const app = image("app", `needs: [base], ${matrix.replace("KEY", "one")}`).replace(
      ":1",
      ":${matrix.one}",
    );
    const base = image("base", matrix.replace("KEY", "two")).replace(":1", ":${matrix.two}");
    const problems = problemsOf(await assemble(planOfImages([app, base])));
    expect(problems.trim().split("\n")).toHaveLength(1);
    expect(problems).toMatch(
      /names several cells for `app.*` \| Name one of them: base\[two=i0\], .*, \.\.\.\n$/,
    );
  });
});

test("a key of a matrix may be called like what every object has", async () => {
  const base = image("base", "matrix: { constructor: [a, b] }").replace(":1", ":${matrix.constructor}");
  const app = image("app", 'needs: ["base[constructor=b]"]');
  const other = image("other", "needs: [base], matrix: { toString: [a] }").replace(
    ":1",
    ":${matrix.toString}",
  );
  const problems = problemsOf(await assemble(planOfImages([app, base, other])));
  expect(problems).toBe(
    "5:99 `base` names several cells for `other[toString=a]` | Name one of them: base[constructor=a], base[constructor=b]\n",
  );
});

describe("graphs of any form", () => {
  const NAMES = ["a", "b", "c", "d", "e", "f"] as const;
  const PLATFORMS = ["linux/amd64", "linux/arm64", "linux/arm/v7"] as const;

  const settings = fc.record({
    platforms: fc.subarray([...PLATFORMS], { minLength: 1 }),
    optional: fc.subarray(PLATFORMS.slice(1)),
    needs: fc.array(fc.constantFrom(...NAMES, "b[x=1]", "a[x=2]", "zz"), { maxLength: 2 }),
    contexts: fc.array(fc.constantFrom(...NAMES, "c[x=2]"), { maxLength: 2 }),
    only: fc.constantFrom(...PLATFORMS, undefined),
    cells: fc.constantFrom("", "", "matrix: { x: ['1', '2'] }", "matrix: { x: ['1'], y: [p, q] }"),
    tagged: fc.boolean(),
  });
  type Settings = typeof settings extends fc.Arbitrary<infer S> ? S : never;

  interface Place {
    readonly name: string;
    readonly index: number;
    readonly form: "wild" | "ordered" | "sound";
  }

  /** An image as it comes; `ordered`: it names those after it only, and has all platforms; `sound`: and nothing else is wrong with it. */
  function write(given: Settings, { name, index, form }: Place): string {
    const wild = form === "wild";
    const allowed = (each: string) =>
      wild || (NAMES.findIndex((other) => other === each.at(0)) > index && each.length === 1);
    const contexts = given.contexts.filter(allowed).map((each, n) => `n${n}: "image:${each}"`);
    const needs = given.needs.filter(allowed).map((each) => `"${each}"`);
    const platforms = (wild ? given.platforms : PLATFORMS).map((each) => {
      const own = each === given.only ? `, contexts: { ${contexts.join(", ")} }` : "";
      return `{ platform: ${each}, required: ${(form === "sound" && index > 0) || !given.optional.some((other) => other === each)}${own} }`;
    });
    const lines = [
      `needs: [${needs.join(", ")}]`,
      ...(given.only === undefined ? [`contexts: { ${contexts.join(", ")} }`] : []),
      `platforms: [${platforms.join(", ")}]`,
      ...(given.cells === "" ? [] : [given.cells]),
      given.tagged || form === "sound"
        ? `tags: ["registry.example/${name}:1-\${matrix.x:-}-\${matrix.y:-}"]`
        : `output: ["type=local,dest=out-${name}"]`,
    ];
    const tag = given.cells === "" ? lines.map((line) => line.replace(/-\$\{matrix.*?\}/g, "")) : lines;
    return `  ${name}:\n${tag.map((line) => `    ${line}\n`).join("")}`;
  }

  const graphs = fc.record({
    images: fc.tuple(settings, settings, settings, settings, settings, settings),
    form: fc.constantFrom("wild", "ordered", "sound"),
  });

  /** The variants that never get their turn when each waits for what it needs. */
  function neverBuilt(variants: ReadonlyMap<string, Variant>): readonly string[] {
    const done = new Set<string>();
    for (let before = -1; before < done.size;) {
      before = done.size;
      for (const { id, needs = [] } of variants.values())
        if (needs.every((need) => done.has(need))) done.add(id);
    }
    return [...variants.keys()].filter((id) => !done.has(id));
  }

  /** What a variant must not need. */
  function wrongNeeds(variant: Variant, variants: ReadonlyMap<string, Variant>): readonly string[] {
    const { needs = [], build, platform, required } = variant;
    const images = Object.values(build.contexts).flatMap((context) =>
      context.kind === "variant" ? [context.variant] : [],
    );
    return [
      ...needs.filter((need, index) => needs.indexOf(need) !== index),
      ...needs.filter((need) => variants.get(need)?.platform.architecture !== platform.architecture),
      ...needs.filter((need) => required && variants.get(need)?.required !== true),
      ...images.filter((id) => !needs.includes(id)),
      ...images.filter((id) => variants.get(id)?.build.repositories.length !== 1),
    ];
  }

  test("a plan that is taken has needs that exist and can be met, one after the other; all others say why", async () => {
    const seen = { taken: 0, refused: 0, circles: 0, linked: 0 };
    await fc.assert(
      fc.asyncProperty(graphs, async ({ images, form }) => {
        const cells = form === "wild" ? {} : { cells: images[0].cells };
        const text = planOfImages(
          images.map((each, index) =>
            write({ ...each, ...cells }, { name: NAMES[index] ?? "", index, form }),
          ),
        );
        const result = await assemble(text);
        const problems = problemsOf(result);
        const variants = result.ok ? variantsOf(result.value) : new Map<string, Variant>();
        const all = [...variants.values()];
        seen[result.ok ? "taken" : "refused"]++;
        seen.circles += Number(problems.includes("Break the circle"));
        seen.linked += Number(all.some(({ needs }) => needs !== undefined));
        expect(problems).not.toMatch(/undefined|\[object/);
        expect(neverBuilt(variants)).toEqual([]);
        expect(all.flatMap((variant) => wrongNeeds(variant, variants))).toEqual([]);
      }),
      { numRuns: 600 },
    );
    // Else the graphs are not of all forms.
    expect(Object.entries(seen).filter(([, count]) => count < 5)).toEqual([]);
  });
});
