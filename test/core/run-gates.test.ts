import { expect, test } from "vitest";
import type { Finding } from "../../core/findings/finding.ts";
import type { Gates, VariantToCheck } from "../../core/gate.ts";
import type { SignSettings } from "../../core/plan/plan.ts";
import { fail, ok } from "../../core/result.ts";
import { releaseOf, start } from "../support/run-world.ts";

const WRONG: Finding = { rule: "entrypoint-architecture", severity: "error", message: "it is another's" };
const ODD: Finding = { rule: "program-architecture", severity: "warning", message: "it is odd" };

/** Gates that let everything through, and write down what they were asked. */
function openGates(changes: Partial<Gates> = {}): { readonly gates: Gates; readonly asked: string[] } {
  const asked: string[] = [];
  const gates: Gates = {
    variant: async ({ route, store }) => {
      asked.push(`variant ${route.variant.id} in ${store.name}`);
      return ok({});
    },
    taken: async ({ route, store }) => {
      asked.push(`taken ${route.variant.id} in ${store.name}`);
      return ok(undefined);
    },
    release: async ({ release, manifests }) => {
      asked.push(`release ${release.name} of ${manifests.length}`);
      return ok(undefined);
    },
    sign: async (releases) => {
      asked.push(...releases.map(({ release, images }) => `sign ${release.name} and ${images.length}`));
      return ok(undefined);
    },
    ...changes,
  };
  return { gates, asked };
}

const sign: SignSettings = {
  key: { kind: "keyless" },
  transparencyLog: false,
  location: { file: { path: "buildx-plan.yaml", text: "" }, range: { start: 0, end: 0 } },
};

/** One release over two registries, built in a world with these gates. */
function build(gates: Gates, signed = false) {
  const release = releaseOf("app", ["linux/amd64", "linux/arm64"], ["one.example", "two.example"]);
  return start({ releases: [signed ? { ...release, sign } : release], options: { gates } });
}

async function finishAll(world: ReturnType<typeof start>) {
  await world.finish("app linux/amd64", "app linux/arm64");
  return await world.ended;
}

test("each variant is looked into where it was read back, then the release, and nothing is signed that the plan does not ask for", async () => {
  const { gates, asked } = openGates();
  const report = await finishAll(build(gates));
  expect(report.released).toHaveLength(1);
  expect(asked).toEqual([
    "variant app linux/amd64 in one.example/app",
    "variant app linux/arm64 in one.example/app",
    "release app of 2",
  ]);
});

test("an error in one variant fails it, moves no tag, and stops no other variant", async () => {
  const { gates, asked } = openGates();
  const variant = async (checked: VariantToCheck) => {
    await gates.variant(checked);
    if (checked.route.variant.platform.architecture !== "arm64") return ok({});
    checked.onFinding(WRONG);
    return fail({ kind: "verification-failed", of: "app linux/arm64", findings: [WRONG] } as const);
  };
  const world = build({ ...gates, variant });
  const report = await finishAll(world);
  expect(report.variants.map(({ outcome }) => outcome.kind)).toEqual(["built", "failed"]);
  expect(report.released).toEqual([]);
  expect(asked).not.toContain("release app of 2");
  expect(world.registry.writes.filter((name) => name.endsWith(":1"))).toEqual([]);
  expect(world.events).toContainEqual(
    expect.objectContaining({ kind: "variant-finding", variant: "app linux/arm64", finding: WRONG }),
  );
});

test("a warning is told and stops nothing", async () => {
  const { gates } = openGates({
    release: async ({ onFinding }) => {
      onFinding(ODD);
      return ok(undefined);
    },
  });
  const world = build(gates);
  const report = await finishAll(world);
  expect(report.released).toHaveLength(1);
  expect(world.events).toContainEqual(
    expect.objectContaining({ kind: "release-finding", release: "app", finding: ODD }),
  );
});

test("what is wrong with a release as a whole moves no tag and stores no index", async () => {
  const failure = { kind: "verification-failed", of: "app", findings: [WRONG] } as const;
  const { gates } = openGates({ release: async () => fail(failure) });
  const world = build(gates);
  const report = await finishAll(world);
  expect(report.failure).toEqual(failure);
  expect(report.released).toEqual([]);
  expect(world.events.map(({ kind }) => kind)).not.toContain("index-put");
});

test("signing comes when every repository holds the index, and before any tag names it", async () => {
  const { gates } = openGates();
  const signed = build(
    {
      ...gates,
      sign: async (releases) => {
        const stored = signed.registry.writes.filter((name) =>
          releases.some(({ index }) => name.endsWith(index)),
        );
        expect(stored).toHaveLength(2);
        expect(signed.registry.writes.filter((name) => name.endsWith(":1"))).toEqual([]);
        for (const { onLine } of releases) onLine("sign in here");
        return await gates.sign(releases, new AbortController().signal);
      },
    },
    true,
  );
  const report = await finishAll(signed);
  expect(report.released[0]?.tags.map(({ state }) => state)).toEqual(["moved", "moved"]);
  expect(signed.events).toContainEqual(
    expect.objectContaining({ kind: "sign-line", release: "app", line: "sign in here" }),
  );
  const kinds = signed.events.map(({ kind }) => kind);
  expect(kinds.indexOf("release-signed")).toBeLessThan(kinds.indexOf("tag-moved"));
  expect(kinds.lastIndexOf("index-put")).toBeLessThan(kinds.indexOf("release-signed"));
});

test("a signature that fails moves no tag", async () => {
  const failure = { kind: "verification-failed", of: "app", findings: [WRONG] } as const;
  const { gates } = openGates({ sign: async () => fail(failure) });
  const world = build(gates, true);
  const report = await finishAll(world);
  expect(report.failure).toEqual(failure);
  expect(world.registry.writes.filter((name) => name.endsWith(":1"))).toEqual([]);
});
