import type { ArgumentRequest } from "../dockerfile/arguments.ts";
import type { Dockerfile, Instruction, Word } from "../dockerfile/dockerfile.ts";
import { assignmentsOf, flagOf, wordsOf } from "../dockerfile/instruction.ts";
import { expand, type Scope } from "../dockerfile/lex.ts";
import type { StageGraph, StageNode } from "../dockerfile/stages.ts";
import { position } from "../plan/source.ts";
import type { UnknownInput } from "./inputs.ts";
import { isCommit, remoteSource } from "./remote-source.ts";

/** A Dockerfile as one build sees it. */
export interface DockerfileView {
  readonly dockerfile: Dockerfile;
  readonly graph: StageGraph;
  readonly request: ArgumentRequest;
}

/** What `ADD` fetches for the stages that are needed, where nothing says what it has to be: no checksum, no commit. */
export function remoteAdds(view: DockerfileView): readonly UnknownInput[] {
  const { dockerfile, graph } = view;
  const scopes: Scope[] = [];
  return graph.nodes.flatMap((node) => {
    const below = node.base.kind === "stage" ? node.base.index : undefined;
    const scope = new Map(below === undefined ? undefined : scopes[below]);
    scopes.push(scope);
    const triggers = below === undefined ? [] : triggersOf(graph.nodes[below]);
    const found = [...triggers, ...node.stage.instructions].flatMap((instruction) => {
      assign(instruction, scope, view);
      return instruction.keyword === "ADD" ? addsOf(instruction, scope, dockerfile) : [];
    });
    return graph.reached.has(node.stage.index) && !node.isReplaced ? found : [];
  });
}

function triggersOf(node: StageNode | undefined): readonly Instruction[] {
  return node?.stage.instructions.flatMap(({ trigger }) => trigger ?? []) ?? [];
}

function assign(
  instruction: Instruction,
  scope: Map<string, string | undefined>,
  { dockerfile: { escape }, graph, request: { args } }: DockerfileView,
): void {
  const { keyword } = instruction;
  if (keyword !== "ARG" && keyword !== "ENV") return;
  for (const { name, value } of assignmentsOf(instruction, escape)) {
    if (keyword === "ARG" && Object.hasOwn(args, name)) scope.set(name, args[name]);
    else if (value !== undefined) scope.set(name, expandIn(value, scope, escape));
    else if (graph.scope.has(name)) scope.set(name, graph.scope.get(name));
  }
}

/** Variables that nothing sets may come from the base image: what depends on them cannot be told. */
function expandIn(text: string, scope: Scope, escape: string): string | undefined {
  const names = [...text.matchAll(/\$\{?([A-Za-z_]\w*)/g)].map(([, name = ""]) => [name, undefined] as const);
  return expand(text, new Map([...names, ...scope]), escape);
}

function addsOf(instruction: Instruction, scope: Scope, dockerfile: Dockerfile): readonly UnknownInput[] {
  const { escape, source } = dockerfile;
  const { line } = position(source, instruction.range.start);
  const checksum = flagOf(instruction, "checksum")?.value;
  const pin = checksum === undefined ? undefined : expandIn(checksum, scope, escape);
  return wordsOf(instruction)
    .slice(0, -1)
    .flatMap((word): readonly UnknownInput[] => {
      const text = expandIn(word.text, scope, escape);
      if (text === undefined) return mayBeRemote(word) ? [{ kind: "dynamic", name: word.text, line }] : [];
      const remote = remoteSource(text);
      if (remote === undefined) return [];
      const { kind, name, isPinned } = remote;
      if (kind === "http") return pin ? [] : [{ kind: "remote-add", name, line }];
      return isPinned || isCommit(pin ?? "") ? [] : [{ kind: "git-context", name, line }];
    });
}

/** Something with a variable is a path where it begins as one: `dist/$NAME`. */
function mayBeRemote({ text }: Word): boolean {
  const beginning = text.slice(0, text.indexOf("$")).replace(/^["']/, "");
  return beginning === "" || /^(?:https?|git|ssh)\b|@/i.test(beginning);
}
