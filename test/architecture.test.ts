import { globSync, readFileSync } from "node:fs";
import { posix } from "node:path";
import { describe, expect, test } from "vitest";
import { COMPUTED, readImports } from "./support/imports.ts";

/**
 * The order of the stages: a file imports from its own line and from lines above, types included. The longest path that a
 * file's own path begins with decides; a new folder needs a line.
 */
const LAYERS: readonly (readonly string[])[] = [
  ["platforms/"],
  ["core/result.ts", "core/concurrent.ts"],
  ["core/oci/"],
  ["core/plan/", "core/findings/"],
  ["core/dockerfile/"],
  ["core/buildkit/", "core/host/"],
  ["core/ci/"],
  ["core/init/"],
  ["core/history/"],
  ["core/route/"],
  ["core/registry/"],
  ["core/layout/"],
  ["core/publish/put-patiently.ts", "core/publish/transfer", "core/publish/confirm.ts"],
  ["core/layers/"],
  ["core/verify/", "core/scan/", "core/sign/", "core/smoke/", "core/inputs/"],
  ["core/reproduce/"],
  ["core/staging/"],
  ["core/deliver.ts", "core/taking-over/take-over.ts", "core/rooms.ts"],
  ["core/gate.ts"],
  ["core/event.ts"],
  ["core/publish/"],
  ["core/preflight/"],
  [
    "core/solve.ts",
    "core/attempts.ts",
    "core/needs.ts",
    "core/solve-world.ts",
    "core/step-watch.ts",
    "core/taking-over/",
    "core/taking.ts",
    "core/variants.ts",
    "core/run.ts",
    "core/gates.ts",
    "core/destination.ts",
    "core/reproduce/reproduce.ts",
    "core/reproduce/solve-once.ts",
    "core/images/",
    "core/failure.ts",
  ],
  ["cli/"],
];

/** Where each package may be used. One that is not listed may not be used at all. */
const PACKAGES: Readonly<Record<string, readonly string[]>> = {
  commander: ["cli/"],
  yauzl: ["core/scan/"],
  execa: ["core/buildkit/", "core/registry/credential", "core/plan/git.ts"],
  listr2: ["cli/"],
  undici: ["core/registry/"],
  yaml: ["core/plan/", "core/ci/", "core/init/"],
  "zod/mini": ["core/"],
};

/** The edges: which files touch the world, and by what. Modules of Node that are not listed are for cli alone. */
const NODE_MODULES: Readonly<Record<string, readonly string[]>> = {
  "node:child_process": ["core/buildkit/", "core/host/", "core/plan/git.ts", "core/scan/", "core/sign/"],
  "node:crypto": ["core/"],
  "node:fs": [
    "core/buildkit/",
    "core/host/",
    "core/inputs/context-files.ts",
    "core/inputs/hash-files.ts",
    "core/layout/",
    "core/plan/load.ts",
    "core/init/folder.ts",
    "core/plan/surroundings.ts",
  ],
  "node:fs/promises": [
    "core/init/folder.ts",
    "core/init/write-new.ts",
    "core/buildkit/",
    "core/host/",
    "core/layout/",
    "core/dockerfile/source.ts",
    "core/inputs/context-hashes.ts",
    "core/inputs/hash-files.ts",
    "core/inputs/ignore-source.ts",
    "core/publish/record",
    "core/registry/credential",
    "core/registry/tls",
    "core/scan/",
    "core/sign/",
    "core/smoke/",
  ],
  "node:net": ["core/buildkit/", "core/registry/"],
  "node:os": ["core/buildkit/"],
  "node:path": ["core/"],
  "node:process": ["core/host/processes.ts"],
  "node:events": ["core/buildkit/tool.ts"],
  "node:readline": ["core/buildkit/tool.ts"],
  "node:stream": ["core/"],
  "node:stream/promises": ["core/"],
  "node:string_decoder": ["core/"],
  "node:tls": ["core/registry/tls"],
  "node:timers/promises": ["core/buildkit/", "core/host/", "core/registry/"],
  "node:zlib": ["core/"],
};

/** What only cli may name: everything else gets the world as arguments. */
const CLI_GLOBALS = ["process", "console"];

type Sources = ReadonlyMap<string, string>;

test("imports point one way, the world is touched at its edges only, and nothing goes in circles", () => {
  const sources = new Map(
    globSync("{platforms,core,cli}/**/*.ts")
      .map((path) => path.replaceAll("\\", "/"))
      .map((path) => [path, readFileSync(path, "utf8")]),
  );
  expect(sources.size).toBeGreaterThan(30);
  expect(violations(sources)).toEqual([]);
});

describe("what the rules catch", () => {
  const good = {
    "platforms/platform.ts": "export interface Platform {}",
    "core/oci/digest.ts": 'import { createHash } from "node:crypto"; export const a = createHash;',
    "core/run.ts": 'import type { Platform } from "../platforms/platform.ts"; export type P = Platform;',
    "cli/main.ts":
      'import { a } from "../core/oci/digest.ts"; import { Listr } from "listr2"; console.log(a, process, Listr);',
  };

  test("nothing in a good example", () => {
    expect(violations(new Map(Object.entries(good)))).toEqual([]);
  });

  test.each([
    [
      "platforms/x.ts",
      'import "../core/run.ts";',
      "platforms/x.ts imports core/run.ts, which is a later stage",
    ],
    ["cli/x.ts", 'import * as z from "zod/mini";', "cli/x.ts imports zod/mini, which only core/ may"],
    ["core/oci/x.ts", 'import { z } from "zod";', "core/oci/x.ts imports zod, which nobody may"],
    [
      "platforms/x.ts",
      'import "node:path";',
      "platforms/x.ts imports node:path, which only core/ and cli/ may",
    ],
    [
      "core/oci/x.ts",
      'import type { P } from "../run.ts";',
      "core/oci/x.ts imports core/run.ts, which is a later stage",
    ],
    [
      "core/plan/x.ts",
      'export * from "../../cli/main.ts";',
      "core/plan/x.ts imports cli/main.ts, which is a later stage",
    ],
    [
      "core/plan/x.ts",
      'type A = import("../route/y.ts").A;',
      "core/plan/x.ts imports core/route/y.ts, which is not there",
    ],
    [
      "core/plan/x.ts",
      'await import("../run.ts");',
      "core/plan/x.ts imports core/run.ts, which is a later stage",
    ],
    [
      "core/plan/x.ts",
      "await import(`../${name}.ts`);",
      "core/plan/x.ts imports <computed>, which nobody can check",
    ],
    [
      "core/plan/x.ts",
      'import "node:net";',
      "core/plan/x.ts imports node:net, which only core/buildkit/, core/registry/ and cli/ may",
    ],
    ["core/plan/x.ts", 'import "node:module";', "core/plan/x.ts imports node:module, which only cli/ may"],
    [
      "core/route/x.ts",
      'import { execa } from "execa";',
      "core/route/x.ts imports execa, which only core/buildkit/, core/registry/credential, core/plan/git.ts may",
    ],
    [
      "core/buildkit/x.ts",
      'import "undici";',
      "core/buildkit/x.ts imports undici, which only core/registry/ may",
    ],
    ["core/run/x.ts", "export {};", "core/run/x.ts stands in no layer: give its folder a place in the table"],
    ["cli/x.ts", 'import "left-pad";', "cli/x.ts imports left-pad, which nobody may"],
    [
      "cli/x.ts",
      'import "../test/support/make.ts";',
      "cli/x.ts imports test/support/make.ts, which is not there",
    ],
    [
      "core/oci/x.ts",
      'await import("node:crypto");',
      "core/oci/x.ts imports node:crypto late, which the launcher cannot",
    ],
    ["core/oci/x.ts", "export const home = process.env;", "core/oci/x.ts names process, which only cli/ may"],
    [
      "core/oci/x.ts",
      'const log = globalThis["x"] ?? console; log.info();',
      "core/oci/x.ts names console, which only cli/ may",
    ],
  ])("%s: %s", (path, source, message) => {
    expect(violations(new Map(Object.entries({ ...good, [path]: source })))).toEqual([message]);
  });

  test.each([
    "export const pid = (found: { process: { pid: number } }) => ({ console: found.process.pid });",
    "export function end(process: { pid: number }) { return process.pid; }",
    "export const ends = ({ a: [{ process = 1 }, ...console] }: never) => process + console;",
    "const { process, ...console } = await start(); export { process, console };",
    "export class Log { console() { return this.#process; } #process = 1; process = 2 }",
    "interface Daemon { process: number; console(): void }",
  ])("nothing where the name is a member's or the file's own: %s", (source) => {
    expect(violations(new Map([["core/oci/x.ts", source]]))).toEqual([]);
  });

  test("circles, those of types and those of one file included, each one once", () => {
    const circle = {
      "core/plan/a.ts": 'import type { B } from "./b.ts"; export interface A extends B {}',
      "core/plan/b.ts": 'import type { C } from "./c.ts"; export interface B extends C {}',
      "core/plan/c.ts": 'import type { A } from "./a.ts"; export interface C extends A {}',
      "core/plan/d.ts": 'export * from "./d.ts"; import "./a.ts";',
    };
    expect(violations(new Map(Object.entries(circle)))).toEqual([
      "circle: core/plan/a.ts -> core/plan/b.ts -> core/plan/c.ts -> core/plan/a.ts",
      "circle: core/plan/d.ts -> core/plan/d.ts",
    ]);
  });
});

/** Everything that is wrong with these files, one sentence each. */
function violations(sources: Sources): readonly string[] {
  const graph = new Map<string, readonly string[]>();
  const problems: string[] = [];
  for (const [path, source] of sources) {
    const { specifiers, late, globals } = readImports(source, CLI_GLOBALS);
    const builtins = late.filter((specifier) => specifier.startsWith("node:"));
    problems.push(...builtins.map((name) => `${path} imports ${name} late, which the launcher cannot`));
    const targets = specifiers.map((specifier) => resolve(path, specifier));
    graph.set(
      path,
      targets.filter((target) => sources.has(target)),
    );
    if (layerOf(path) === undefined)
      problems.push(`${path} stands in no layer: give its folder a place in the table`);
    const named = path.startsWith("cli/") ? [] : globals;
    problems.push(...named.map((name) => `${path} names ${name}, which only cli/ may`));
    problems.push(
      ...targets.flatMap((target) => {
        const problem = importProblem(path, target, sources);
        return problem === undefined ? [] : [`${path} imports ${target}, ${problem}`];
      }),
    );
  }
  return [...problems, ...circles(graph)];
}

function importProblem(path: string, target: string, sources: Sources): string | undefined {
  if (target === COMPUTED) return "which nobody can check";
  if (target.startsWith("node:")) {
    const allowed = NODE_MODULES[target] ?? [];
    return isUnder(path, [...allowed, "cli/"])
      ? undefined
      : `which only ${[...allowed, "cli/"].join(", ").replace(/, cli\/$/, " and cli/")} may`;
  }
  if (!/^[^/]+\//.test(target) || target.startsWith("@") || Object.hasOwn(PACKAGES, target)) {
    const allowed = PACKAGES[target];
    if (allowed === undefined) return "which nobody may";
    return isUnder(path, allowed) ? undefined : `which only ${allowed.join(", ")} may`;
  }
  if (!sources.has(target)) return "which is not there";
  return (layerOf(target) ?? 0) > (layerOf(path) ?? Infinity) ? "which is a later stage" : undefined;
}

/** A relative import as a path from the root; a package or a module of Node as it is. */
function resolve(path: string, specifier: string): string {
  return specifier.startsWith(".") ? posix.join(posix.dirname(path), specifier) : specifier;
}

function isUnder(path: string, prefixes: readonly string[]): boolean {
  return prefixes.some((prefix) => path.startsWith(prefix));
}

function layerOf(path: string): number | undefined {
  const places = LAYERS.flatMap((prefixes, layer) => prefixes.map((prefix) => ({ prefix, layer })));
  const own = places.filter(({ prefix }) => path.startsWith(prefix));
  return own.toSorted((one, other) => other.prefix.length - one.prefix.length)[0]?.layer;
}

function circles(graph: ReadonlyMap<string, readonly string[]>): readonly string[] {
  const done = new Set<string>();
  const found: string[] = [];
  const visit = (path: string, trail: readonly string[]): void => {
    const from = trail.indexOf(path);
    if (from !== -1) found.push(`circle: ${[...trail.slice(from), path].join(" -> ")}`);
    if (from !== -1 || done.has(path)) return;
    for (const target of graph.get(path) ?? []) visit(target, [...trail, path]);
    done.add(path);
  };
  for (const path of graph.keys()) visit(path, []);
  return found;
}
