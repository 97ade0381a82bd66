import type { Range } from "../plan/source.ts";
import type { Instruction } from "./dockerfile.ts";
import { jsonForm } from "./instruction.ts";

/** What a RUN runs: text, and where its parts stand in the file. */
export interface Script {
  /** Of a heredoc without its comment lines, which became blanks. */
  readonly text: string;
  readonly place: (start: number, end: number) => Range;
}

/** The line of a RUN (the JSON form with blanks between its strings, all of which stand in one place), and its heredocs. */
export function scriptsOf(instruction: Instruction): readonly Script[] {
  const { body, heredocs, place } = instruction;
  const json = jsonForm(instruction)?.join(" ");
  const line: Script =
    json === undefined
      ? { text: body.text, place: (start, end) => place(body.at + start, body.at + end) }
      : { text: json, place: () => body.range };
  const documents = heredocs.map(({ content, range }) => ({
    text: withoutComments(content),
    place: (start: number, end: number) => ({ start: range.start + start, end: range.start + end }),
  }));
  return [line, ...documents];
}

/** Comments become blanks, so that offsets stay. */
function withoutComments(script: string): string {
  return script.replace(/^[ \t]*#.*$/gm, (comment) => " ".repeat(comment.length));
}
