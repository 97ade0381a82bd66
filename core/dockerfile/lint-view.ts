import { formatPlatform, type Platform } from "../../platforms/platform.ts";
import type { Finding } from "../findings/finding.ts";
import { ruleOf, type RuleId, type Severity } from "../findings/rules.ts";
import type { Location, Range, SourceFile } from "../plan/source.ts";
import type { Dockerfile } from "./dockerfile.ts";
import { stageGraph, type StageGraph, type StageNode } from "./stages.ts";

/** What the plan builds with a Dockerfile. */
export interface LintContext {
  /** Stage to build; the last one where absent. */
  readonly target?: string;
  /** One for each platform. */
  readonly variants: readonly LintVariant[];
}

/** One platform that a Dockerfile is built for; a variant of the plan has all of it. */
export interface LintVariant {
  readonly platform: Platform;
  readonly args: Readonly<Record<string, string>>;
  /** Named contexts: their names count. */
  readonly contexts: Readonly<Record<string, unknown>>;
  /** Will it be built under emulation? Absent where that is not known yet. */
  readonly emulated?: boolean;
  /** Its place in the plan. */
  readonly location?: Location;
}

/** A Dockerfile as it is built for one platform, on a builder of which nothing is known. */
export interface View {
  readonly dockerfile: Dockerfile;
  readonly variant: LintVariant;
  readonly graph: StageGraph;
}

/** Stands for the builder's platform: what depends on it shows this name. */
const BUILDER: Platform = { os: "builder-os", architecture: "builder-architecture" };

/** The Dockerfile as it is built for each platform; without those that have no such target. */
export function viewsOf(dockerfile: Dockerfile, { target, variants }: LintContext): readonly View[] {
  return variants.flatMap((variant) => {
    const { platform, args, contexts } = variant;
    const named = target === undefined ? {} : { target };
    const graph = stageGraph(dockerfile, { platform, args, contexts, buildPlatform: BUILDER, ...named });
    return graph.target === undefined ? [] : [{ dockerfile, variant, graph }];
  });
}

/** Does the builder decide this platform? */
export function isBuilders({ os, architecture }: Platform): boolean {
  return os === BUILDER.os || architecture === BUILDER.architecture;
}

/** A stage as all the platforms see it that need it. */
export interface SharedStage {
  readonly index: number;
  readonly uses: readonly { readonly view: View; readonly node: StageNode; readonly inChain: boolean }[];
}

/** The stages that are needed for at least one platform, in the file's order; without those that a named context replaces. */
export function neededStages(views: readonly View[]): readonly SharedStage[] {
  const stages = views[0]?.dockerfile.stages ?? [];
  return stages.flatMap(({ index }) => {
    const uses = views.flatMap((view) => {
      const node = view.graph.nodes[index];
      if (node === undefined || node.isReplaced || !view.graph.reached.has(index)) return [];
      return [{ view, node, inChain: view.graph.chain.has(index) }];
    });
    return uses.length === 0 ? [] : [{ index, uses }];
  });
}

/** What a finding says besides rule and place. */
export interface Said {
  readonly message: string;
  readonly fix?: string;
  readonly facts?: readonly string[];
  /** Where it is not the rule's own. */
  readonly severity?: Severity;
}

/** A finding in a file. */
export function findingIn(file: SourceFile, rule: RuleId, range: Range, said: Said): Finding {
  return findingAt({ file, range }, rule, said);
}

/** A finding, with a place where one is known. */
export function findingAt(location: Location | undefined, rule: RuleId, said: Said): Finding {
  const { severity = ruleOf(rule).severity, ...words } = said;
  return { rule, severity, ...words, ...(location === undefined ? {} : { location }) };
}

/** `linux/arm64 and linux/arm/v7`; more than four are counted. */
export function platformList(platforms: readonly Platform[]): string {
  const names = [...new Set(platforms.map(formatPlatform))];
  const shown = names.length > 4 ? [...names.slice(0, 3), `${names.length - 3} more`] : names;
  const last = shown.at(-1) ?? "";
  return shown.length < 2 ? last : `${shown.slice(0, -1).join(", ")} and ${last}`;
}

/** Text of a Dockerfile in a message: on one line, and not endless. */
export function quoted(text: string): string {
  const line = text.replace(/\s+/g, " ");
  return `\`${line.length > 60 ? `${line.slice(0, 57)}...` : line}\``;
}
