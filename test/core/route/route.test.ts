import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Node } from "../../../core/buildkit/buildkit.ts";
import type { Emulation, Variant } from "../../../core/plan/plan.ts";
import { routeVariants } from "../../../core/route/route.ts";
import { runsNatively } from "../../../platforms/compatibility.ts";
import { samePlatform } from "../../../platforms/platform.ts";
import { node, variant } from "../../support/make.ts";

const desktop = node("desktop", ["linux/amd64"], ["linux/arm64", "linux/arm/v7", "linux/386", "linux/s390x"]);
const arm = node("arm", ["linux/arm64"], ["linux/arm/v7", "linux/arm/v6", "linux/amd64"]);
const pi = node("pi", ["linux/arm/v7"], ["linux/arm/v6"]);

describe("routeVariants", () => {
  test.each([
    ["a native node before an emulating one that comes first", "linux/arm64", [desktop, arm], "arm native"],
    ["an emulating node where there is no native one", "linux/s390x", [arm, desktop], "desktop emulated"],
    [
      "the first of equally good native nodes",
      "linux/amd64",
      [desktop, { ...desktop, name: "other" }],
      "desktop native",
    ],
    [
      "the first of equally good emulating nodes",
      "linux/386",
      [arm, desktop, { ...desktop, name: "other" }],
      "desktop native",
    ],
    ["a CPU that runs it besides its own, as native", "linux/arm/v7", [desktop, arm], "arm native"],
    ["the nearest CPU, where several run it", "linux/arm/v7", [arm, pi], "pi native"],
    ["the nearer CPU, though neither is its own", "linux/arm/v6", [arm, pi], "pi native"],
    ["a platform written in another way", "linux/aarch64/v8", [desktop, arm], "arm native"],
    [
      "a declared platform of an odd name",
      "linux/beta",
      [desktop, node("beta", ["linux/beta"])],
      "beta native",
    ],
    [
      "an emulator before a CPU whose daemon does not list the platform",
      "linux/arm/v5",
      [arm, node("qemu", ["linux/s390x"], ["linux/arm/v5"])],
      "qemu emulated",
    ],
    [
      "a CPU that runs it though its daemon does not list it, where nothing else does",
      "linux/386",
      [arm, node("engine", ["linux/amd64"])],
      "engine native",
    ],
    [
      "a Windows image on a server that is new enough",
      "windows(10.0.20348)/amd64",
      [node("old", ["windows(10.0.17763)/amd64"]), node("new", ["windows(10.0.26100)/amd64"])],
      "new native",
    ],
  ])("takes %s", (_, platform, nodes, expected) => {
    const routed = routeVariants([variant(platform)], nodes);
    const routes = routed.ok ? routed.value : [];
    expect(routes.map((route) => `${route.node.name} ${route.execution}`)).toEqual([expected]);
  });

  test("emulation: only takes an emulating node although a native one is there", () => {
    const routed = routeVariants([variant("linux/arm64", { emulation: "only" })], [arm, desktop]);
    expect(routed).toMatchObject({ ok: true, value: [{ node: { name: "desktop" }, execution: "emulated" }] });
  });

  test.each([
    ["linux/s390x", "allow", [arm, pi], ["arm unsupported", "pi unsupported"]],
    ["linux/arm64", "never", [desktop, pi], ["desktop would-emulate", "pi unsupported"]],
    ["linux/arm64", "only", [arm, pi], ["arm would-run-natively", "pi unsupported"]],
    ["linux/386", "only", [desktop], ["desktop would-run-natively"]],
    ["linux/amd64", "allow", [], []],
  ] as const)(
    "%s with emulation: %s is refused, with the reason of every node",
    (platform, emulation, nodes, reasons) => {
      const refused = variant(platform, { emulation });
      const routed = routeVariants([refused], nodes);
      const error = routed.ok ? [] : routed.error;
      expect(error.map(({ kind, variant: { id } }) => [kind, id])).toEqual([["route-refused", refused.id]]);
      expect(error.flatMap(({ considered }) => considered.map(({ node, why }) => `${node} ${why}`))).toEqual(
        reasons,
      );
    },
  );

  test("routes keep the order of the variants, and one refusal does not hide another", () => {
    const platforms = ["linux/s390x", "linux/amd64", "linux/arm64"];
    const routed = routeVariants(
      platforms.map((platform) => variant(platform)),
      [desktop, arm],
    );
    expect(routed.ok && routed.value.map((route) => route.variant.id)).toEqual(
      platforms.map((text) => `app ${text}`),
    );
    const refused = routeVariants(
      ["linux/mips", "linux/amd64", "linux/riscv64"].map((text) => variant(text)),
      [arm],
    );
    expect(refused.ok ? [] : refused.error.map((refusal) => refusal.variant.id)).toEqual([
      "app linux/mips",
      "app linux/riscv64",
    ]);
  });
});

describe("whatever the variants and nodes", () => {
  test("every variant is routed exactly once, to a node that takes it, or refused with every node named", () => {
    fc.assert(
      fc.property(fc.array(anyVariant()), anyNodes(), (variants, nodes) => {
        const routed = routeVariants(variants, nodes);
        const routes = routed.ok ? routed.value : [];
        const refusals = routed.ok ? [] : routed.error;
        expect(routes.map((route) => route.variant)).toEqual(routed.ok ? variants : []);
        expect(routes.every((route) => offer(route.node, route.variant) !== "none")).toBe(true);
        expect(refusals.length > 0).toBe(!routed.ok);
        const names = nodes.map(({ name }) => name);
        const considered = refusals.map((refusal) => refusal.considered.map(({ node: name }) => name));
        expect(considered).toEqual(refusals.map(() => names));
      }),
    );
  });

  test("nothing is emulated where a native node is there, unless it must be; nor run natively where it must not", () => {
    fc.assert(
      fc.property(anyVariant(), anyNodes(), (wanted, nodes) => {
        const routed = routeVariants([wanted], nodes);
        const execution = routed.ok ? routed.value[0]?.execution : "refused";
        const has = (kind: string): boolean => nodes.some((candidate) => offer(candidate, wanted) === kind);
        const unlisted = has("unlisted") ? "native" : "refused";
        const emulated = has("emulated") ? "emulated" : unlisted;
        const expected: Record<Emulation, string> = {
          never: has("native") ? "native" : unlisted,
          allow: has("native") ? "native" : emulated,
          only: has("emulated") ? "emulated" : "refused",
        };
        expect(execution).toBe(expected[wanted.emulation]);
      }),
    );
  });
});

/** What a node has for a variant. */
function offer(
  { platforms, native }: Node,
  { platform }: Variant,
): "native" | "emulated" | "unlisted" | "none" {
  const isListed = platforms.some((taken) => samePlatform(taken, platform));
  const runs = native.some((cpu) => runsNatively(cpu, platform));
  if (isListed) return runs ? "native" : "emulated";
  return runs ? "unlisted" : "none";
}

const PLATFORMS = [
  "linux/amd64",
  "linux/amd64/v3",
  "linux/386",
  "linux/arm64",
  "linux/arm/v7",
  "linux/arm/v6",
];

function anyVariant(): fc.Arbitrary<Variant> {
  const emulation = fc.constantFrom<Emulation>("never", "allow", "only");
  return fc
    .tuple(fc.constantFrom(...PLATFORMS), emulation)
    .map(([text, how]) => variant(text, { emulation: how }));
}

function anyNodes(): fc.Arbitrary<readonly Node[]> {
  const parts = fc.tuple(fc.constantFrom(...PLATFORMS), fc.subarray(PLATFORMS));
  return fc
    .array(parts, { maxLength: 4 })
    .map((all) => all.map(([native, others], at) => node(`node-${at}`, [native], others)));
}
