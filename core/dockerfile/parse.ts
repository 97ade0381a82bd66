import type { SourceFile } from "../plan/source.ts";
import { nearest } from "../plan/nearest.ts";
import { fail, ok, type Result } from "../result.ts";
import type { Dockerfile, Instruction, Stage, Word } from "./dockerfile.ts";
import { flagOf, readInstruction, wordsOf } from "./instruction.ts";
import { readLines, type DockerfileProblem } from "./lines.ts";
import { splitWords } from "./words.ts";

/** Longer files are not read: the longest that people write is a hundredth of it. */
export const MAX_DOCKERFILE_BYTES = 1024 * 1024;

const KEYWORDS = new Set(
  "ADD ARG CMD COPY ENTRYPOINT ENV EXPOSE FROM HEALTHCHECK LABEL MAINTAINER ONBUILD RUN SHELL STOPSIGNAL USER VOLUME WORKDIR".split(
    " ",
  ),
);

const STAGE_NAME = /^[a-z][a-z0-9-_.]*$/;

/**
 * Reads a Dockerfile as BuildKit's frontend does: the first problem that would make it refuse the file, or all stages. Linear in its
 * length, and never throws.
 */
export function parseDockerfile(source: SourceFile): Result<Dockerfile, DockerfileProblem> {
  if (Buffer.byteLength(source.text) > MAX_DOCKERFILE_BYTES)
    return fail({ message: "The Dockerfile is larger than 1 MiB", range: { start: 0, end: 0 } });
  const read = readLines(source.text);
  if (!read.ok) return read;
  const { directives, comments, escape } = read.value;
  const instructions = read.value.lines.map((line) => readInstruction(line, escape));
  const isForeign = isForeignFrontend(directives.find(({ name }) => name === "syntax")?.value);
  const unknown = instructions.find(({ keyword }) => !KEYWORDS.has(keyword));
  if (unknown !== undefined && !isForeign) return fail(unknownInstruction(unknown));
  const unassigned = instructions
    .map((each) => assignmentProblem(each, escape))
    .find((each) => each !== undefined);
  if (unassigned !== undefined && !isForeign) return fail(unassigned);
  const first = instructions.findIndex(({ keyword }) => keyword === "FROM");
  const early = instructions.slice(0, first === -1 ? undefined : first);
  const misplaced = early.find(({ keyword }) => keyword !== "ARG");
  if (misplaced !== undefined) return fail(beforeFrom(misplaced));
  if (first === -1) return fail(noStage(source));
  const stages = readStages(instructions.slice(first));
  return stages.ok
    ? ok({ source, directives, globalArgs: early, stages: stages.value, comments, escape })
    : stages;
}

/**
 * Does `# syntax=` name a frontend other than Docker's own (docker/dockerfile and its mirrors)? Such a file may mean anything.
 */
export function isForeignFrontend(syntax: string | undefined): boolean {
  if (syntax === undefined) return false;
  const [image = ""] = syntax.split(/\s/);
  const name = image
    .replace(/@.*$/, "")
    .replace(/:[^:/]*$/, "")
    .split("/")
    .at(-1);
  return name !== "dockerfile" && name !== "dockerfile-upstream";
}

function readStages(instructions: readonly Instruction[]): Result<readonly Stage[], DockerfileProblem> {
  const stages: { from: Stage["from"]; name: string | undefined; instructions: Instruction[] }[] = [];
  for (const instruction of instructions) {
    if (instruction.keyword !== "FROM") {
      stages.at(-1)?.instructions.push(instruction);
      continue;
    }
    const words = wordsOf(instruction);
    const problem = fromProblem(instruction, words);
    if (problem !== undefined) return fail(problem);
    const [image = instruction.body, , name] = words;
    stages.push({
      from: { image, ...platformOf(instruction), instruction },
      name: name?.text.toLowerCase(),
      instructions: [],
    });
  }
  return ok(
    stages.map(({ from, name, instructions: own }, index) => ({
      index,
      from,
      instructions: own,
      ...(name === undefined ? {} : { name }),
    })),
  );
}

function platformOf(instruction: Instruction): { platform?: Word } {
  const flag = flagOf(instruction, "platform");
  if (flag?.value === undefined || flag.value === "") return {};
  return { platform: { text: flag.value, at: 0, range: flag.valueRange } };
}

function fromProblem(instruction: Instruction, words: readonly Word[]): DockerfileProblem | undefined {
  const { range } = instruction.body;
  const [, as, name] = words;
  if (words.length === 1) return undefined;
  if (words.length !== 3 || as?.text.toUpperCase() !== "AS")
    return {
      message: "FROM takes an image, and after it nothing, or `AS` and a name",
      range: words.length === 0 ? instruction.range : range,
      fix: "Write `FROM image` or `FROM image AS name`.",
    };
  if (name === undefined || STAGE_NAME.test(name.text.toLowerCase())) return undefined;
  return {
    message: `\`${name.text}\` cannot be the name of a stage`,
    range: name.range,
    fix: "Begin it with a letter, and use letters, digits, `-`, `_` and `.` only.",
  };
}

/** ENV and LABEL take pairs; ENV and LABEL with a blank after the name take one. */
function assignmentProblem(instruction: Instruction, escape: string): DockerfileProblem | undefined {
  const { keyword, body, range } = instruction;
  if (keyword !== "ENV" && keyword !== "LABEL") return undefined;
  const [first, ...others] = splitWords(body.text, escape);
  const isOld = first !== undefined && !first.text.includes("=");
  if (first !== undefined && (isOld ? others.length > 0 : others.every(({ text }) => text.includes("="))))
    return undefined;
  return {
    message: `${keyword} takes pairs of a name and a value, joined by \`=\``,
    range: body.text === "" ? range : body.range,
    fix: `Write \`${keyword} name=value\`, with the value in quotes where it has blanks.`,
  };
}

function unknownInstruction({ keyword, range, place }: Instruction): DockerfileProblem {
  const meant = nearest(keyword, KEYWORDS);
  const shown = keyword.length > 40 ? `${keyword.slice(0, 40)}...` : keyword;
  return {
    message: `\`${shown}\` is no instruction of a Dockerfile`,
    range: keyword === "" ? range : place(0, keyword.length),
    ...(meant === undefined ? {} : { fix: `Did you mean ${meant}?` }),
  };
}

function beforeFrom({ keyword, place }: Instruction): DockerfileProblem {
  return {
    message: `${keyword} stands before the first FROM, where only ARG may`,
    range: place(0, keyword.length),
    fix: "Move it below a FROM.",
  };
}

function noStage({ text }: SourceFile): DockerfileProblem {
  return {
    message: "The Dockerfile has no FROM, so there is nothing to build",
    range: { start: 0, end: Math.min(text.length, 1) },
    fix: "Begin it with `FROM` and an image, or `FROM scratch`.",
  };
}
