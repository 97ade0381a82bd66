import type { Finding } from "../findings/finding.ts";
import type { Range } from "../plan/source.ts";
import { architecturesIn } from "./architectures.ts";
import type { Instruction } from "./dockerfile.ts";
import {
  findingIn,
  isBuilders,
  neededStages,
  platformList,
  quoted,
  type SharedStage,
  type View,
} from "./lint-view.ts";
import { findLiterals, literalsOfGlobal, type Literal } from "./literals.ts";

/**
 * Architectures that are written out where each platform needs its own: in addresses to download from, in what a compiler is told, in names of
 * files that are copied. Not where the script has asked for the architecture before, nor in stages that are only needed for that very
 * architecture, nor where one instruction names several.
 */
export function lintLiterals(views: readonly View[]): readonly Finding[] {
  const [first] = views;
  if (first === undefined) return [];
  const { dockerfile } = first;
  const everywhere = views.map((view) => ({ view, isBuilders: false, isConstant: false }));
  const global = dockerfile.globalArgs.flatMap((each) =>
    judge(literalsOfGlobal(each, dockerfile.escape), everywhere),
  );
  return [...global, ...neededStages(views).flatMap((stage) => stageFindings(stage, views))];
}

/** A platform that needs an instruction, and what the stage runs on there. */
interface Use {
  readonly view: View;
  readonly isBuilders: boolean;
  readonly isConstant: boolean;
}

function stageFindings(stage: SharedStage, [first]: readonly View[]): readonly Finding[] {
  const [own] = stage.uses;
  if (first === undefined || own === undefined) return [];
  const uses = stage.uses.map(({ view, node }) => ({
    view,
    isBuilders: node.platform !== undefined && isBuilders(node.platform),
    isConstant: node.platform?.architecture !== view.variant.platform.architecture,
  }));
  // A stage that has an architecture in its name is meant to be for it, unless the image is made of the stage.
  const inChain = stage.uses.some((use) => use.inChain);
  const meant = inChain
    ? []
    : architecturesIn(own.node.stage.name ?? "").map(({ architecture }) => architecture);
  return own.node.stage.instructions.flatMap((each: Instruction) => {
    const literals = findLiterals(each, first.dockerfile.escape);
    return judge(
      literals.filter(({ architecture }) => !meant.includes(architecture)),
      uses,
    );
  });
}

function judge(literals: readonly Literal[], uses: readonly Use[]): readonly Finding[] {
  const kinds = [...new Set(literals.map(({ kind }) => kind))];
  return kinds.flatMap((kind) => {
    const all = literals.filter((literal) => literal.kind === kind);
    // An instruction that names several serves them all, or chooses.
    if (new Set(all.map(({ architecture }) => architecture)).size > 1) return [];
    const literal = all.find(({ isConditional }) => !isConditional);
    return literal === undefined ? [] : findingOf(literal, uses);
  });
}

function findingOf(literal: Literal, uses: readonly Use[]): readonly Finding[] {
  const wrong = uses.filter(({ view, isConstant, isBuilders: onBuilder }) => {
    const { platform, args } = view.variant;
    if (platform.architecture === literal.architecture) return false;
    // A stage of another platform than the image's is a finding of its own.
    if (isConstant && !onBuilder) return false;
    return literal.argument === undefined || !Object.hasOwn(args, literal.argument);
  });
  const [first] = wrong;
  if (first === undefined) return [];
  const { source } = first.view.dockerfile;
  const platforms = platformList(wrong.map(({ view }) => view.variant.platform));
  const onlyTool = first.isBuilders && (literal.kind === "download" || literal.kind === "copy");
  return [finding(literal, platforms, onlyTool)].map(({ range, ...said }) =>
    findingIn(source, "literal-architecture", range, said),
  );
}

function finding(
  literal: Literal,
  platforms: string,
  onlyTool: boolean,
): { range: Range; message: string; fix: string; severity?: "note" } {
  const { range, kind } = literal;
  const text = quoted(literal.text);
  if (onlyTool)
    return {
      range,
      message: `${text} is for ${literal.architecture}, whatever machine this stage runs on`,
      fix: "Use `$BUILDARCH` (after `ARG BUILDARCH`) if builders of other architectures shall do, too.",
      severity: "note",
    };
  const messages = {
    download: `${text} is for ${literal.architecture}, but it is fetched for ${platforms}, too`,
    compiler: `${text} makes programs for ${literal.architecture}, but it is used for ${platforms}, too`,
    packages: `${text} takes packages for ${literal.architecture}, but it is used for ${platforms}, too`,
    copy: `${text} is for ${literal.architecture}, but it is copied into the image for ${platforms}, too`,
    value: `${text} names ${literal.architecture}, but it is used for ${platforms}, too`,
  };
  return { range, message: messages[kind], fix: literal.isGo ? GO : FIXES[kind] };
}

const GO = "Write `GOARCH=$TARGETARCH` (after `ARG TARGETARCH`).";

const FIXES = {
  download:
    'Put `$TARGETARCH` (after `ARG TARGETARCH`) into the address, or choose it with `case "$TARGETARCH" in amd64) ...` where it names architectures otherwise.',
  compiler: 'Choose it with `case "$TARGETARCH" in amd64) ...` (after `ARG TARGETARCH`).',
  packages: "Write `$(dpkg --print-architecture)` instead.",
  copy: "Put `$TARGETARCH` (after `ARG TARGETARCH`) into the path, or copy from one that is the same for all platforms.",
  value:
    "Derive it from `$TARGETARCH` (after `ARG TARGETARCH`), or pass it for each platform with `args` in the plan.",
} as const;
