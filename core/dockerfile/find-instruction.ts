import type { Location, SourceFile } from "../plan/source.ts";
import type { Instruction } from "./dockerfile.ts";
import { flagOf, jsonForm, wordsOf } from "./instruction.ts";
import { parseDockerfile } from "./parse.ts";
import { stageGraph, type BaseRequest } from "./stages.ts";

/** A history line is compared up to this length: the scripts of heredocs are the longest. */
const MAX_HISTORY = 256 * 1024;

const NO_REQUEST: BaseRequest = { platform: { os: "linux", architecture: "amd64" }, args: {}, contexts: {} };

/**
 * Finds the line of a Dockerfile that made a line of an image's history: `COPY server /server # buildkit`,
 * `RUN |1 TARGETARCH=arm64 /bin/sh -c make # buildkit`, or `/bin/sh -c #(nop) COPY file:... in /server ` of the older builder. Only the
 * stages that the image consists of are looked at. The longest agreement wins, among equals the last; undefined where none agrees, as
 * with the lines of the base image. What is known of the build (`request`) decides the target and stages that variables name.
 */
export function findInstruction(
  source: SourceFile,
  createdBy: string,
  request: BaseRequest = NO_REQUEST,
): Location | undefined {
  const parsed = parseDockerfile(source);
  if (!parsed.ok) return undefined;
  const made = readHistory(createdBy.slice(0, MAX_HISTORY));
  const { nodes, chain } = stageGraph(parsed.value, request);
  let best: { readonly instruction: Instruction; readonly score: number } | undefined;
  for (const node of nodes) {
    if (!chain.has(node.stage.index)) continue;
    const below = node.base.kind === "stage" ? (nodes[node.base.index]?.stage.instructions ?? []) : [];
    const triggers = below.flatMap(({ trigger }) => trigger ?? []);
    for (const instruction of [...triggers, ...node.stage.instructions]) {
      const score = agreement(instruction, made);
      if (score > 0 && score >= (best?.score ?? 0)) best = { instruction, score };
    }
  }
  return best && { file: source, range: best.instruction.range };
}

/** What a history line says, blanks made one. */
interface Made {
  readonly keyword: string;
  readonly text: string;
  /** The older builder names files by their checksum: only the destination can be compared. */
  readonly isClassic: boolean;
}

const CLASSIC = /^\/bin\/sh -c #\(nop\) +([A-Z]+) (.*)$/;

function readHistory(createdBy: string): Made {
  const line = oneBlank(createdBy.replace(/ # buildkit$/, ""));
  const [, word = "", rest = ""] = CLASSIC.exec(line) ?? [];
  if (word !== "") return { keyword: word, text: rest, isClassic: true };
  const keyword = /^[A-Z]+(?= )/.exec(line)?.[0];
  if (keyword === undefined) return { keyword: "RUN", text: line, isClassic: true };
  return { keyword, text: line.slice(keyword.length + 1), isClassic: false };
}

/** How many characters agree; 0 where the instruction did not make this. */
function agreement(instruction: Instruction, made: Made): number {
  if (instruction.keyword !== made.keyword) return 0;
  switch (instruction.keyword) {
    case "RUN":
      return scriptsOf(instruction).reduce((most, script) => Math.max(most, ending(made.text, script)), 0);
    case "COPY":
    case "ADD":
      return copied(instruction, made);
    case "WORKDIR":
      return made.text === instruction.body.text
        ? made.text.length
        : ending(made.text, instruction.body.text, "/");
    default:
      return matches(made.text, oneBlank(instruction.body.text)) ? made.text.length : 0;
  }
}

/** What BuildKit runs: the line, the strings of the JSON form, or a heredoc, which stands for the line that is nothing else. */
function scriptsOf(instruction: Instruction): readonly string[] {
  const json = jsonForm(instruction);
  if (json !== undefined) return [oneBlank(json.join(" "))];
  const contents = instruction.heredocs.map(({ content, name }) =>
    content.startsWith("#!") ? `/dev/pipes/${name}` : content,
  );
  const whole = [
    instruction.body.text,
    ...instruction.heredocs.map(({ content, name }) => `${content}${name}`),
  ];
  return [...contents, whole.join("\n")].map(oneBlank);
}

/** Shell and arguments come before the script. */
function ending(text: string, script: string, before = " "): number {
  return script !== "" && (text === script || text.endsWith(before + script)) ? script.length : 0;
}

function copied(instruction: Instruction, { text, isClassic }: Made): number {
  const words = wordsOf(instruction).map((word) => unquoted(word.text));
  const destination = words.at(-1) ?? "";
  if (isClassic) return matches(/ in (.*)$/.exec(text)?.[1]?.trim() ?? "", destination) ? 1 : 0;
  const owners = ["chown", "chmod"].flatMap((name) => {
    const value = flagOf(instruction, name)?.value;
    return value === undefined ? [] : [`--${name}=${value}`];
  });
  const parents = instruction.flags.some(({ name }) => name === "parents") ? ["--parents"] : [];
  const wanted = [...parents, ...owners, ...words];
  const found = text.split(" ");
  if (found.length !== wanted.length || !wanted.every((word, at) => matches(found[at] ?? "", word))) return 0;
  return text.length;
}

function unquoted(word: string): string {
  return /^(["']).*\1$/.test(word) ? word.slice(1, -1) : word;
}

/** Is this the text, whatever its variables stand for? */
function matches(text: string, pattern: string): boolean {
  const [first = "", ...literals] = pattern.split(/\$(?:\{[^}]*\}|\w+)/);
  if (literals.length === 0) return text === pattern;
  const last = literals.pop() ?? "";
  if (!text.startsWith(first) || text.length < first.length + last.length || !text.endsWith(last))
    return false;
  let at = first.length;
  for (const literal of literals) {
    const found = text.indexOf(literal, at);
    if (found === -1) return false;
    at = found + literal.length;
  }
  return at <= text.length - last.length;
}

function oneBlank(text: string): string {
  return text.replace(/\s+/g, " ").trim();
}
