import type { Finding } from "../findings/finding.ts";
import type { Location, Range } from "../plan/source.ts";
import { platformArguments } from "./arguments.ts";
import type { Dockerfile, Instruction } from "./dockerfile.ts";
import { assignmentsOf } from "./instruction.ts";
import { expand, type Scope } from "./lex.ts";
import { findingAt, findingIn, platformList, quoted, type LintVariant, type View } from "./lint-view.ts";

/** What BuildKit sets for each platform. (TARGETSTAGE names no platform.) */
const PLATFORM_ARGUMENT = /^(?:TARGET|BUILD)(?:PLATFORM|OS|OSVERSION|ARCH|VARIANT)$/;

/** A default that takes the place of BuildKit's own value, and where it does so. */
interface Shadow {
  readonly name: string;
  readonly keyword: string;
  readonly written: string;
  /** What it comes to. */
  readonly value: string;
  readonly range: Range;
  readonly variants: readonly LintVariant[];
}

/**
 * `ARG TARGETARCH=amd64`: a default takes the place of the value that BuildKit would set, so all platforms get the same one. So does
 * `ENV TARGETARCH=amd64`, and a value that the plan passes. What is compared is the value, for every platform of the plan: a default that
 * comes to the right value is none.
 */
export function lintArguments(views: readonly View[]): readonly Finding[] {
  const shadows = new Map<number, Shadow>();
  for (const view of views) {
    for (const shadow of shadowsOf(view)) {
      const known = shadows.get(shadow.range.start);
      const variants = [...(known?.variants ?? []), ...shadow.variants];
      shadows.set(shadow.range.start, { ...shadow, variants });
    }
  }
  const [first] = views;
  if (first === undefined) return [];
  const { source } = first.dockerfile;
  return [
    ...[...shadows.values()].map((shadow) =>
      findingIn(source, "platform-arg-default", shadow.range, shadowWords(shadow)),
    ),
    ...passedByPlan(views),
  ];
}

/** Assignments that come to another value than BuildKit's own for this platform. */
function shadowsOf({ dockerfile, variant, graph }: View): readonly Shadow[] {
  const own = builtIn(variant);
  const found: Shadow[] = [];
  const global = new Map(own);
  for (const each of dockerfile.globalArgs) found.push(...assign(each, global, own, variant, dockerfile));
  const scopes: Scope[] = [];
  for (const node of graph.nodes) {
    const below = node.base.kind === "stage" ? scopes[node.base.index] : undefined;
    const scope = new Map(below);
    scopes.push(scope);
    if (!graph.reached.has(node.stage.index) || node.isReplaced) continue;
    for (const each of node.stage.instructions) {
      for (const { name, value } of each.keyword === "ARG" ? assignmentsOf(each, dockerfile.escape) : [])
        if (value === undefined && own.has(name)) scope.set(name, own.get(name));
      found.push(...assign(each, scope, own, variant, dockerfile));
    }
  }
  return found;
}

/** BuildKit's own values. Those of the builder are the name that stands for it. */
function builtIn({ platform }: LintVariant): Scope {
  const own = platformArguments({ platform });
  return new Map([...own].map(([name, value]) => [name, value ?? `<${name}>`]));
}

/** Takes the assignments of ARG or ENV into `scope`, and answers those that shadow. */
function assign(
  instruction: Instruction,
  scope: Map<string, string | undefined>,
  own: Scope,
  variant: LintVariant,
  { escape }: Dockerfile,
): readonly Shadow[] {
  const { keyword } = instruction;
  if (keyword !== "ARG" && keyword !== "ENV") return [];
  return assignmentsOf(instruction, escape).flatMap(({ name, value, range }) => {
    if (value === undefined || !PLATFORM_ARGUMENT.test(name)) return [];
    // What the plan passes wins over a default, and is looked at by itself.
    if (keyword === "ARG" && Object.hasOwn(variant.args, name)) return [];
    const actual = expand(value, withUnknown(value, scope, own), escape);
    scope.set(name, actual);
    if (actual === undefined || actual === own.get(name)) return [];
    return [{ name, keyword, written: value, value: actual, range, variants: [variant] }];
  });
}

/** Other variables may come from the base image: what depends on them cannot be told. */
function withUnknown(text: string, scope: Scope, own: Scope): Scope {
  const others = [...text.matchAll(/\$\{?([A-Za-z_]\w*)/g)].map(([, name = ""]) => name);
  const unknown = others.filter((name) => !own.has(name)).map((name) => [name, undefined] as const);
  return new Map([...unknown, ...scope]);
}

function shadowWords({
  name,
  keyword,
  written,
  variants,
  ...shadow
}: Shadow): Parameters<typeof findingAt>[2] {
  const platforms = platformList(variants.map(({ platform }) => platform));
  const value = quoted(shadow.value);
  const fix =
    keyword === "ENV"
      ? `Remove it: after \`ARG ${name}\`, commands see BuildKit's own value.`
      : `Write \`ARG ${name}\` without ${quoted(`=${written}`)}.`;
  if (name.startsWith("BUILD"))
    return {
      message: `${name} is ${value} whatever machine builds: the default takes the place of what BuildKit knows of it`,
      fix,
      severity: "warning",
    };
  return {
    message: `${name} is ${value} here, even where the image is built for ${platforms}: it takes the place of the value that BuildKit sets for each platform`,
    fix,
  };
}

/** The plan's own `args` take the place of BuildKit's values too. */
function passedByPlan(views: readonly View[]): readonly Finding[] {
  const wrong = views.flatMap(({ variant }) =>
    [...platformArguments({ platform: variant.platform })].flatMap(([name, own]) => {
      if (!PLATFORM_ARGUMENT.test(name) || !Object.hasOwn(variant.args, name)) return [];
      const passed = variant.args[name] ?? "";
      return passed === own || own === undefined ? [] : [{ name, passed, variant }];
    }),
  );
  return [...new Set(wrong.map(({ name }) => name))].map((name) => {
    const all = wrong.filter((each) => each.name === name);
    const platforms = platformList(all.map(({ variant }) => variant.platform));
    const values = [...new Set(all.map(({ passed }) => quoted(passed)))].join(" and ");
    return findingAt(placeOf(all.map(({ variant }) => variant)), "platform-arg-default", {
      message: `The plan passes ${name} as ${values} to the build for ${platforms}, in place of the value that BuildKit sets for each platform`,
      fix: `Remove ${name} from \`args\`.`,
    });
  });
}

function placeOf(variants: readonly LintVariant[]): Location | undefined {
  return variants.find(({ location }) => location !== undefined)?.location;
}
