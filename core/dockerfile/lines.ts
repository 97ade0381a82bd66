import type { Range } from "../plan/source.ts";
import { fail, ok, type Result } from "../result.ts";
import type { Comment, Directive, Heredoc } from "./dockerfile.ts";
import { join, type Joined } from "./joined.ts";
import { heredocsOf } from "./heredocs.ts";

/** One instruction, before it is taken apart. */
export interface LogicalLine {
  readonly joined: Joined;
  readonly range: Range;
  readonly heredocs: readonly Heredoc[];
}

/** What a Dockerfile consists of. */
export interface Lines {
  readonly directives: readonly Directive[];
  readonly comments: readonly Comment[];
  readonly lines: readonly LogicalLine[];
  readonly escape: "\\" | "`";
}

/** Why BuildKit would not read a Dockerfile: one sentence, and the place. */
export interface DockerfileProblem {
  readonly message: string;
  readonly range: Range;
  readonly fix?: string;
}

/** BuildKit's scanner gives up at a longer line, in bytes (Go's bufio.MaxScanTokenSize). */
const MAX_LINE_BYTES = 65_535;

const DIRECTIVE_NAME = /^#\s*([a-zA-Z][a-zA-Z0-9]*)\s*=/;

/**
 * Splits a Dockerfile into instructions as BuildKit does: comments and blank lines between the lines of an instruction are
 * passed over, an escape character at the end of a line joins the next one to it unless it is itself escaped, heredocs follow
 * their instruction.
 * @see https://github.com/moby/buildkit/blob/v0.33.1/frontend/dockerfile/parser/parser.go
 */
export function readLines(source: string): Result<Lines, DockerfileProblem> {
  const reader = new LineReader(source);
  const directives = readDirectives(reader);
  if (!directives.ok) return directives;
  const escape = directives.value.find(({ name }) => name === "escape")?.value === "`" ? "`" : "\\";
  const comments: Comment[] = [];
  const lines: LogicalLine[] = [];
  while (reader.more()) {
    const line = readInstruction(reader, escape, comments);
    if (line === undefined) continue;
    if (!line.ok) return line;
    lines.push(line.value);
  }
  const long = reader.tooLong;
  if (long !== undefined) {
    const message = `A line is longer than ${MAX_LINE_BYTES} bytes, which BuildKit does not read`;
    return fail({ message, range: { start: long.start, end: Math.min(long.end, long.start + 80) } });
  }
  return ok({ directives: directives.value, comments, lines, escape });
}

/** A line of the file without its break. */
interface Line extends Range {
  readonly text: string;
}

class LineReader {
  readonly source: string;
  tooLong: Line | undefined;
  #at = 0;

  constructor(source: string) {
    this.source = source;
  }

  more(): boolean {
    return this.#at < this.source.length;
  }

  peek(): Line {
    return this.#line()[0];
  }

  next(): Line {
    const [line, after] = this.#line();
    this.#at = after;
    const mayBeLong = (line.end - line.start) * 3 > MAX_LINE_BYTES;
    if (mayBeLong && Buffer.byteLength(line.text) > MAX_LINE_BYTES) this.tooLong ??= line;
    return line;
  }

  #line(): [Line, number] {
    const found = this.source.indexOf("\n", this.#at);
    const after = found === -1 ? this.source.length : found + 1;
    let end = found === -1 ? after : found;
    while (end > this.#at && this.source[end - 1] === "\r") end -= 1;
    return [{ start: this.#at, end, text: this.source.slice(this.#at, end) }, after];
  }
}

/** Directives end at the first line that is none. */
function readDirectives(reader: LineReader): Result<readonly Directive[], DockerfileProblem> {
  const found: Directive[] = [];
  while (reader.more()) {
    const line = reader.peek();
    const { text, ...range } = withoutIndent(line);
    const matched = DIRECTIVE_NAME.exec(text);
    const name = matched?.[1]?.toLowerCase();
    const value = text.slice(matched?.[0].length ?? 0).trim();
    if (value === "" || (name !== "syntax" && name !== "escape" && name !== "check")) break;
    reader.next();
    if (found.some((earlier) => earlier.name === name))
      return fail({ message: `The directive \`${name}\` is there twice`, range, fix: "Keep one of them." });
    if (name === "escape" && value !== "`" && value !== "\\")
      return fail({ message: `\`${value}\` cannot be an escape character: it is \` or \\`, range });
    found.push({ name, value, range });
  }
  return ok(found);
}

/** The next instruction; undefined where the line is blank or a comment. */
function readInstruction(
  reader: LineReader,
  escape: string,
  comments: Comment[],
): Result<LogicalLine, DockerfileProblem> | undefined {
  const first = withoutIndent(reader.next());
  if (first.text.startsWith("#")) comments.push(comment(first));
  if (first.text === "" || first.text.startsWith("#")) return undefined;
  const pieces: Range[] = [];
  let last = first;
  let [piece, continues] = withoutContinuation(first, escape);
  pieces.push(piece);
  while (continues && reader.more()) {
    last = reader.next();
    const bare = withoutIndent(last);
    if (bare.text.startsWith("#")) comments.push(comment(bare));
    if (bare.text === "" || bare.text.startsWith("#")) continue;
    [piece, continues] = withoutContinuation(last, escape);
    pieces.push(piece);
  }
  const joined = join(reader.source, pieces);
  const start = first.start;
  return readHeredocs(reader, joined, { start, end: Math.max(start, last.end) });
}

function readHeredocs(
  reader: LineReader,
  joined: Joined,
  range: Range,
): Result<LogicalLine, DockerfileProblem> {
  const heredocs: Heredoc[] = [];
  let { end } = range;
  for (const { name, chomp } of heredocsOf(joined.text.trimStart())) {
    const start = reader.more() ? reader.peek().start : end;
    let closing: Line | undefined;
    while (closing === undefined && reader.more()) {
      const line = reader.next();
      if ((chomp ? line.text.replace(/^\t+/, "") : line.text) === name) closing = line;
    }
    if (closing === undefined) {
      const message = `The heredoc \`<<${name}\` has no line \`${name}\` that ends it`;
      return fail({ message, range, fix: `Write \`${name}\` alone on the line after the last one.` });
    }
    heredocs.push({
      name,
      content: reader.source.slice(start, closing.start),
      range: { start, end: closing.start },
    });
    end = closing.end;
  }
  return ok({ joined, range: { start: range.start, end }, heredocs });
}

/** The line without an escape character at its end, and whether it had one. Written without a pattern: it would be slow on many blanks. */
function withoutContinuation(line: Line, escape: string): [Range, boolean] {
  const { text, start } = line;
  let end = text.length;
  while (text[end - 1] === " " || text[end - 1] === "\t") end -= 1;
  const continues = text[end - 1] === escape && text[end - 2] !== escape;
  return [{ start, end: start + (continues ? end - 1 : text.length) }, continues];
}

/** A byte order mark at the beginning of the file counts as a blank, too. */
function withoutIndent(line: Line): Line {
  const text = line.text.trimStart();
  return { text, start: line.end - text.length, end: line.end };
}

function comment({ text, start, end }: Line): Comment {
  return { text: text.slice(1).trim(), range: { start, end } };
}
