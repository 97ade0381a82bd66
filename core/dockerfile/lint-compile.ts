import type { Finding } from "../findings/finding.ts";
import { samePlatform } from "../../platforms/platform.ts";
import type { Range } from "../plan/source.ts";
import { findingIn, neededStages, platformList, type SharedStage, type View } from "./lint-view.ts";
import { scriptsOf } from "./scripts.ts";

/** A compiler, and how its work is done on the machine's own CPU. */
interface Compiler {
  readonly pattern: RegExp;
  readonly fix: string;
  /** Cross-compiling takes so much setting up that it is only worth a word where the stage is there for building alone. */
  readonly hard?: boolean;
}

const START = "Begin the stage with `FROM --platform=$BUILDPLATFORM`";

const SAME_EVERYWHERE = `${START}: what this makes is the same for all platforms and can be copied out.`;

/** A command begins at the start of a script, or after what separates commands; variables may be set before it. */
const before = "(?<=^|[\\n;&|(]|\\bthen|\\bdo|\\bexec)[ \\t]*(?:env[ \\t]+)?(?:\\w+=[^\\s;&|(]*[ \\t]+)*";

const COMPILERS: readonly Compiler[] = [
  {
    pattern: new RegExp(`${before}(go (?:build|install))\\b`, "g"),
    fix: `${START}, and compile with \`GOOS=$TARGETOS GOARCH=$TARGETARCH\` (after \`ARG TARGETOS TARGETARCH\`).`,
  },
  {
    pattern: new RegExp(`${before}(cargo (?:build|install|chef cook))\\b`, "g"),
    fix: `${START}, and compile with \`--target\` for the target's platform.`,
  },
  {
    pattern: new RegExp(`${before}(dotnet (?:publish|build))\\b`, "g"),
    fix: `${START}, and publish with \`-a $TARGETARCH\` (after \`ARG TARGETARCH\`).`,
  },
  {
    pattern: new RegExp(`${before}((?:npm|pnpm|yarn|bun) run build|(?:pnpm|yarn) build)\\b`, "g"),
    fix: SAME_EVERYWHERE,
  },
  { pattern: new RegExp(`${before}((?:\\./)?(?:mvnw?|gradlew?))(?=\\s)`, "g"), fix: SAME_EVERYWHERE },
  {
    pattern: new RegExp(
      `${before}(make|ninja|cmake --build|gcc|g\\+\\+|cc|c\\+\\+|clang(?:\\+\\+)?)(?=\\s|$|;)`,
      "g",
    ),
    fix: `${START}, and cross-compile; or build this platform on a machine that has its CPU.`,
    hard: true,
  },
];

/**
 * Compilers that run on the target's CPU, where the builder's would do: under emulation they take many times as long. One for each stage,
 * and none where no platform of the plan is emulated, or all have the same CPU.
 */
export function lintCompilers(views: readonly View[]): readonly Finding[] {
  const known = views.some(({ variant }) => variant.emulated !== undefined);
  const cpus = new Set(views.map(({ variant }) => variant.platform.architecture));
  if (!known && cpus.size < 2) return [];
  return neededStages(views).flatMap((stage) => {
    const [first] = stage.uses;
    const emulated = stage.uses.filter(
      ({ view, node }) =>
        view.variant.emulated !== false &&
        node.stage.from.platform?.text.includes("BUILD") !== true &&
        node.platform !== undefined &&
        samePlatform(node.platform, view.variant.platform),
    );
    const found = emulated.length === 0 ? undefined : firstCompiler(stage);
    if (first === undefined || found === undefined) return [];
    const platforms = platformList(emulated.map(({ view }) => view.variant.platform));
    const isSure = emulated.every(({ view }) => view.variant.emulated === true);
    return [
      findingIn(first.view.dockerfile.source, "emulated-compile", found.range, {
        message: isSure
          ? `\`${found.name}\` runs under emulation for ${platforms}, where compiling takes many times as long`
          : `\`${found.name}\` runs on the CPU of ${platforms}: where the builder has another, it is emulated and takes many times as long`,
        fix: found.fix,
      }),
    ];
  });
}

function firstCompiler({ uses }: SharedStage): { name: string; range: Range; fix: string } | undefined {
  const inChain = uses.some((use) => use.inChain);
  for (const instruction of uses[0]?.node.stage.instructions ?? []) {
    if (instruction.keyword !== "RUN") continue;
    for (const { text, place } of scriptsOf(instruction)) {
      for (const { pattern, fix, hard = false } of COMPILERS) {
        if (hard && inChain) continue;
        const [matched] = text.matchAll(pattern);
        const name = matched?.[1];
        if (matched === undefined || name === undefined) continue;
        const end = matched.index + matched[0].length;
        return { name, fix, range: place(end - name.length, end) };
      }
    }
  }
  return undefined;
}
