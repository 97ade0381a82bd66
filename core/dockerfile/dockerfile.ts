import type { Range, SourceFile } from "../plan/source.ts";

/** A Dockerfile as BuildKit's own frontend reads it, every part with its place in the file. */
export interface Dockerfile {
  readonly source: SourceFile;
  /** `# syntax=`, `# escape=` and `# check=` at the top, names in lowercase. */
  readonly directives: readonly Directive[];
  /** The `ARG`s before the first `FROM`. */
  readonly globalArgs: readonly Instruction[];
  /** In the file's order, never empty. */
  readonly stages: readonly Stage[];
  /** Whole-line comments, directives left out. */
  readonly comments: readonly Comment[];
  readonly escape: "\\" | "`";
}

export interface Directive {
  readonly name: "syntax" | "escape" | "check";
  readonly value: string;
  readonly range: Range;
}

/** A line that begins with `#`, between instructions or between the lines of one. */
export interface Comment {
  /** Without the `#`, trimmed. */
  readonly text: string;
  readonly range: Range;
}

/** Text of an instruction and where it stands: `at` is an offset in {@link Instruction.text}. */
export interface Word {
  readonly text: string;
  readonly at: number;
  readonly range: Range;
}

/** A `FROM` and what follows it. */
export interface Stage {
  readonly index: number;
  /** In lowercase, as BuildKit compares it. */
  readonly name?: string;
  /** What `FROM` names, before variables are replaced. */
  readonly from: { readonly image: Word; readonly platform?: Word; readonly instruction: Instruction };
  readonly instructions: readonly Instruction[];
}

/** One instruction. */
export interface Instruction {
  /** In capitals. */
  readonly keyword: string;
  /** The whole instruction on one line: continuations joined and comments left out, as BuildKit does it, without heredocs. */
  readonly text: string;
  /** From the keyword to the end of its last line, heredocs included. */
  readonly range: Range;
  readonly flags: readonly Flag[];
  /** What follows keyword and flags. */
  readonly body: Word;
  readonly heredocs: readonly Heredoc[];
  /** What `ONBUILD` keeps for later. */
  readonly trigger?: Instruction;
  /** Where a part of `text` (half-open offsets) stands in the file; over a continuation it spans lines. */
  readonly place: (start: number, end: number) => Range;
}

/** `--platform=linux/amd64`: quotes removed, variables not replaced. */
export interface Flag {
  readonly name: string;
  readonly value?: string;
  readonly range: Range;
  /** Where its value stands; the whole flag where it has none. */
  readonly valueRange: Range;
}

export interface Heredoc {
  readonly name: string;
  readonly content: string;
  /** Of the content. */
  readonly range: Range;
}
