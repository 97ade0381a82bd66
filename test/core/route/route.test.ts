import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Node } from "../../../core/buildkit/buildkit.ts";
import type { Emulation, Variant } from "../../../core/plan/plan.ts";
import {
  makespanOf,
  rerouteVariant,
  routeVariants,
  type Route,
  type RouteOptions,
} from "../../../core/route/route.ts";
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

/** `node execution` of each route. */
function placesOf(
  variants: readonly Variant[],
  nodes: readonly Node[],
  options?: RouteOptions,
): readonly string[] {
  const routed = routeVariants(variants, nodes, options);
  return routed.ok ? routed.value.map(placeOf) : [];
}

function placeOf({ node, execution }: Route): string {
  return `${node.name} ${execution}`;
}

describe("builders that a variant names", () => {
  const cloud = [
    node("cloud/a", ["linux/arm64"], ["linux/s390x"], { builder: "cloud" }),
    node("cloud/b", ["linux/arm64"], ["linux/s390x"], { builder: "cloud" }),
  ];

  test.each([
    ["the first that it names", "linux/arm64", ["cloud", "arm"], "cloud/a native"],
    ["the first that builds it natively", "linux/arm64", ["desktop", "cloud", "arm"], "cloud/a native"],
    [
      "the first that emulates it, where none builds it natively",
      "linux/s390x",
      ["cloud", "desktop"],
      "cloud/a emulated",
    ],
    ["none that it does not name, though it be native", "linux/arm64", ["desktop"], "desktop emulated"],
    ["the first before one whose CPU is nearer", "linux/arm/v7", ["arm", "pi"], "arm native"],
  ])("%s", (_, platform, builders, expected) => {
    expect(placesOf([variant(platform, { builders })], [arm, desktop, pi, ...cloud])).toEqual([expected]);
  });

  test("several nodes of one builder share the work", () => {
    const two = ["one", "two"].map((id) => variant("linux/arm64", { id, builders: ["cloud", "arm"] }));
    expect(placesOf(two, [arm, ...cloud])).toEqual(["cloud/a native", "cloud/b native"]);
  });

  test("nodes that it does not name are refused as that, before anything else is said of them", () => {
    const refused = routeVariants(
      [variant("linux/arm64", { builders: ["desktop", "gone"], emulation: "never" })],
      [arm, desktop],
      { lost: new Set(["arm", "gone", "other"]) },
    );
    expect(refused).toMatchObject({
      ok: false,
      error: [
        {
          considered: [
            { node: "arm", why: "not-permitted" },
            { node: "desktop", why: "would-emulate" },
            { node: "gone", why: "lost" },
            { node: "other", why: "not-permitted" },
          ],
        },
      ],
    });
  });
});

describe("nodes that are lost", () => {
  test("get nothing", () => {
    const wanted = [variant("linux/arm64")];
    expect(placesOf(wanted, [arm, desktop], { lost: new Set(["arm"]) })).toEqual(["desktop emulated"]);
  });

  test("never make a variant be emulated that must not be", () => {
    const wanted = variant("linux/arm64", { emulation: "never" });
    const routed = routeVariants([wanted], [arm, desktop], { lost: new Set(["arm"]) });
    const considered = [
      { node: "arm", why: "lost" },
      { node: "desktop", why: "would-emulate" },
    ];
    expect(routed).toMatchObject({ ok: false, error: [{ variant: wanted, considered }] });
  });
});

describe("what is expected", () => {
  const other = { ...desktop, name: "other" };
  const of = (...ids: readonly string[]): readonly Variant[] =>
    ids.map((id) => variant("linux/amd64", { id }));

  function expectedOf(variants: readonly Variant[], nodes: readonly Node[], options: RouteOptions): unknown {
    const routed = routeVariants(variants, nodes, options);
    if (!routed.ok) throw new Error("refused");
    return routed.value.map(({ node: { name }, expected }) => [
      name,
      expected?.startMs,
      expected?.durationMs,
      expected?.isKnown,
    ]);
  }

  test("is what past runs took; the longest begins first", () => {
    const times: Record<string, number> = { short: 10, long: 30, middle: 20 };
    const durations: RouteOptions["durations"] = ({ id }) => times[id];
    const nodes = [
      { ...desktop, maxParallelism: 1 },
      { ...other, maxParallelism: 1 },
    ];
    expect(expectedOf(of("short", "long", "middle"), nodes, { durations })).toEqual([
      ["other", 20, 10, true],
      ["desktop", 0, 30, true],
      ["other", 0, 20, true],
    ]);
  });

  test("a node that is known to be faster is taken, and one of which nothing is known counts as like the others", () => {
    const durations: RouteOptions["durations"] = (_, { name }) => ({ desktop: 30, other: 10 })[name];
    expect(expectedOf(of("a"), [desktop, other, { ...desktop, name: "new" }], { durations })).toEqual([
      ["other", 0, 10, true],
    ]);
    const nodes = [{ ...desktop, name: "new" }, desktop].map((each) => ({ ...each, maxParallelism: 1 }));
    expect(expectedOf(of("a", "b"), nodes, { durations })).toEqual([
      ["new", 0, 30, false],
      ["desktop", 0, 30, true],
    ]);
  });

  test("where nothing is known, a variant is like the others of the plan, several times that if emulated", () => {
    const durations: RouteOptions["durations"] = ({ id }) => (id === "known" ? 7000 : undefined);
    const variants = [...of("known", "new"), variant("linux/s390x")];
    expect(expectedOf(variants, [desktop], { durations })).toEqual([
      ["desktop", 0, 7000, true],
      ["desktop", 0, 7000, false],
      ["desktop", 0, 35_000, false],
    ]);
    expect(expectedOf(variants, [desktop], {})).toEqual([
      ["desktop", 0, 60_000, false],
      ["desktop", 0, 60_000, false],
      ["desktop", 0, 300_000, false],
    ]);
  });

  test.each([Number.NaN, -1, Infinity])("a duration of %s is none", (ms) => {
    expect(expectedOf(of("a"), [desktop], { durations: () => ms })).toEqual([["desktop", 0, 60_000, false]]);
  });

  test("a variant waits for those that it needs, as far as they are built in this run", () => {
    const durations: RouteOptions["durations"] = () => 10;
    const variants = [
      variant("linux/amd64", { id: "app", needs: ["base", "left out"] }),
      variant("linux/amd64", { id: "base" }),
    ];
    expect(expectedOf(variants, [desktop], { durations })).toEqual([
      ["desktop", 10, 10, true],
      ["desktop", 0, 10, true],
    ]);
  });

  test("no more at a time than the plan allows", () => {
    const durations: RouteOptions["durations"] = () => 10;
    expect(expectedOf(of("a", "b"), [desktop, other], { durations, maxParallelism: 1 })).toEqual([
      ["desktop", 0, 10, true],
      ["desktop", 10, 10, true],
    ]);
  });

  test("the whole takes as long as until the last one ends", () => {
    const route: Route = { variant: variant("linux/amd64"), node: desktop, execution: "native" };
    const at = (startMs: number, durationMs: number): Route => ({
      ...route,
      expected: { startMs, durationMs, isKnown: true },
    });
    expect(makespanOf([at(0, 10), at(5, 7), route])).toBe(12);
    expect(makespanOf([])).toBe(0);
  });
});

describe("rerouteVariant", () => {
  const other = { ...desktop, name: "other" };
  const lost = new Set(["arm"]);

  test.each([
    ["the best that is left", {}, "arm native"],
    ["none that is lost", { lost }, "desktop emulated"],
    ["one where it was not tried, though that be emulated", { tried: new Set(["arm"]) }, "desktop emulated"],
    [
      "the one with the least to do",
      { lost, load: ({ name }: Node) => (name === "other" ? 1 : 2) },
      "other emulated",
    ],
    [
      "one where it was tried, if there is no other",
      { lost, tried: new Set(["desktop", "other"]) },
      "desktop emulated",
    ],
  ])("takes %s", (_, options, expected) => {
    const route = rerouteVariant(variant("linux/arm64"), [desktop, arm, other], options);
    expect(route && placeOf(route)).toBe(expected);
  });

  test.each([
    ["emulation: never", { emulation: "never" }],
    ["other builders", { builders: ["arm", "pi"] }],
  ] as const)("takes none against %s", (_, changes) => {
    expect(rerouteVariant(variant("linux/arm64", changes), [desktop, arm, pi], { lost })).toBeUndefined();
    const kept = rerouteVariant(variant("linux/arm64", changes), [desktop, arm, pi], { tried: lost });
    expect(kept?.node.name).toBe("arm");
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
