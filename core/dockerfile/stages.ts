import {
  formatPlatformFull,
  normalizePlatform,
  parsePlatform,
  type Platform,
} from "../../platforms/platform.ts";
import { familiarReference, parseReference } from "../oci/reference.ts";
import { globalScope, type ArgumentRequest } from "./arguments.ts";
import type { Dockerfile, Instruction, Stage, Word } from "./dockerfile.ts";
import { flagOf } from "./instruction.ts";
import { expand, type Scope } from "./lex.ts";

/** What a build says of a Dockerfile. */
export interface BaseRequest extends ArgumentRequest {
  /** Named contexts: their names count, what they hold does not. */
  readonly contexts: Readonly<Record<string, unknown>>;
}

/** A stage as one build sees it. */
export interface StageNode {
  readonly stage: Stage;
  /** A named context of the plan takes its place: nothing of it is built. */
  readonly isReplaced: boolean;
  /** What `FROM` comes to. */
  readonly base: Base;
  /** Where its files come from besides: `COPY --from=` and `RUN --mount=from=`. */
  readonly sources: readonly Source[];
  /** What it runs on, of `--platform` or the target's; undefined where it cannot be told. */
  readonly platform: Platform | undefined;
}

type Base =
  | { readonly kind: "stage"; readonly index: number }
  | { readonly kind: "image"; readonly reference: string | undefined }
  /** `scratch`, or a named context. */
  | { readonly kind: "nothing" };

/** `from` as it stands in the Dockerfile; undefined `reference`: cannot be told. */
export interface Source {
  readonly from: Word;
  readonly use: "copy" | "mount";
  readonly base: Base;
}

/** How the stages hang together for one build. */
export interface StageGraph {
  readonly nodes: readonly StageNode[];
  /** Undefined where the Dockerfile has no such stage. */
  readonly target: StageNode | undefined;
  /** Indexes of all stages that building the target needs. */
  readonly reached: ReadonlySet<number>;
  /** Indexes of the target and the stages that it is `FROM`, of which the image consists. */
  readonly chain: ReadonlySet<number>;
  readonly scope: Scope;
}

/**
 * Works out which stages a build needs, and what they begin with.
 * @see https://github.com/moby/buildkit/blob/v0.33.1/frontend/dockerfile/dockerfile2llb/convert.go
 */
export function stageGraph(dockerfile: Dockerfile, request: BaseRequest): StageGraph {
  const scope = globalScope(dockerfile, request);
  const names = new Map(
    dockerfile.stages.flatMap(({ name, index }) => (name === undefined ? [] : [[name, index]])),
  );
  const finder = { dockerfile, request, scope, names };
  const nodes: StageNode[] = [];
  const earlier = new Map<string, number>();
  for (const stage of dockerfile.stages) {
    nodes.push(nodeOf(stage, nodes, earlier, finder));
    if (stage.name !== undefined) earlier.set(stage.name, stage.index);
  }
  const wanted = request.target === undefined ? nodes.length - 1 : names.get(request.target.toLowerCase());
  const target = wanted === undefined ? undefined : nodes[wanted];
  return { nodes, target, scope, reached: walk(nodes, target, needs), chain: walk(nodes, target, baseStage) };
}

interface Finder {
  readonly dockerfile: Dockerfile;
  readonly request: BaseRequest;
  readonly scope: Scope;
  readonly names: ReadonlyMap<string, number>;
}

function nodeOf(
  stage: Stage,
  nodes: readonly StageNode[],
  earlier: ReadonlyMap<string, number>,
  finder: Finder,
): StageNode {
  const { dockerfile, request, scope } = finder;
  if (stage.name !== undefined && isContext(stage.name, request))
    return { stage, isReplaced: true, base: { kind: "nothing" }, sources: [], platform: request.platform };
  const name = expand(stage.from.image.text, scope, dockerfile.escape);
  const index = name === undefined ? undefined : earlier.get(name);
  const base: Base = index === undefined ? imageBase(name, request) : { kind: "stage", index };
  const below = index === undefined ? undefined : nodes[index];
  const own = stage.from.platform;
  const written = own === undefined ? undefined : readPlatform(own, finder);
  const platform = below?.platform ?? (own === undefined || name === "scratch" ? request.platform : written);
  const triggers = below?.stage.instructions.flatMap(({ trigger }) => trigger ?? []) ?? [];
  const sources = [...stage.instructions, ...triggers].flatMap((each) => sourcesOf(each, finder));
  return { stage, isReplaced: false, base, sources, platform };
}

function imageBase(reference: string | undefined, request: BaseRequest): Base {
  if (reference === "scratch") return { kind: "nothing" };
  if (reference !== undefined && isContext(reference, request)) return { kind: "nothing" };
  return { kind: "image", reference: reference === "" ? undefined : reference };
}

/** Contexts are found under the short form of a reference, without `:latest`, and under that with `::platform`. */
function isContext(name: string, { contexts, platform }: BaseRequest): boolean {
  const parsed = parseReference(name);
  const short = (parsed.ok ? familiarReference(parsed.value) : name).replace(/:latest$/, "");
  if (short === "scratch" || short === "context") return false;
  const full = `${short}::${formatPlatformFull(normalizePlatform(platform))}`;
  return Object.hasOwn(contexts, short) || Object.hasOwn(contexts, full);
}

function readPlatform(word: Word, { dockerfile, request, scope }: Finder): Platform | undefined {
  const text = expand(word.text, scope, dockerfile.escape);
  if (text === undefined) return undefined;
  const { buildPlatform } = request;
  const parsed = parsePlatform(text, buildPlatform === undefined ? {} : { defaults: buildPlatform });
  return parsed.ok ? normalizePlatform(parsed.value) : undefined;
}

function sourcesOf(instruction: Instruction, finder: Finder): readonly Source[] {
  if (instruction.keyword === "RUN") return mountsOf(instruction, finder);
  const flag = instruction.keyword === "COPY" ? flagOf(instruction, "from") : undefined;
  if (flag?.value === undefined || flag.value === "") return [];
  const from = { text: flag.value, at: 0, range: flag.valueRange };
  const index = /^[+-]?\d+$/.test(flag.value) ? Number(flag.value) : undefined;
  if (index === undefined) return [{ from, use: "copy", base: sourceBase(flag.value, finder) }];
  const isThere = index >= 0 && index < finder.dockerfile.stages.length;
  const base: Base = isThere ? { kind: "stage", index } : { kind: "image", reference: undefined };
  return [{ from, use: "copy", base }];
}

/** `--mount=type=bind,from=image,...`: fields of a CSV record. */
function mountsOf(instruction: Instruction, finder: Finder): readonly Source[] {
  return instruction.flags.flatMap(({ name, value, valueRange }) => {
    if (name !== "mount" || value === undefined) return [];
    const field = value.split(",").findLast((each) => /^"?from=/i.test(each));
    const text = field?.replace(/^"?from=/i, "").replace(/"$/, "") ?? "";
    const from = { text, at: 0, range: valueRange };
    return text === "" ? [] : [{ from, use: "mount" as const, base: sourceBase(text, finder) }];
  });
}

/** BuildKit replaces no variables here. */
function sourceBase(text: string, { names, request }: Finder): Base {
  if (text.includes("$")) return { kind: "image", reference: undefined };
  const index = names.get(text.toLowerCase());
  return index === undefined ? imageBase(text, request) : { kind: "stage", index };
}

function walk(
  nodes: readonly StageNode[],
  from: StageNode | undefined,
  next: (node: StageNode) => readonly number[],
): ReadonlySet<number> {
  const reached = new Set<number>();
  const open = from === undefined ? [] : [from];
  for (let node = open.pop(); node !== undefined; node = open.pop()) {
    if (reached.has(node.stage.index)) continue;
    reached.add(node.stage.index);
    open.push(...next(node).flatMap((index) => nodes[index] ?? []));
  }
  return reached;
}

function baseStage({ base }: StageNode): readonly number[] {
  return base.kind === "stage" ? [base.index] : [];
}

function needs(node: StageNode): readonly number[] {
  const others = node.sources.flatMap(({ base }) => (base.kind === "stage" ? [base.index] : []));
  return [...baseStage(node), ...others];
}
