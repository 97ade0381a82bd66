/*
 * What a text with `${...}` says.
 *
 *   template   = { literal | "$$" | expression }
 *   expression = "${" name [ operator operand ] "}"
 *   name       = letter-or-_ { letter | digit | "_" | "-" | "." }
 *   operator   = ":-" | "-"    the operand where the name has no value (":": or an empty one)
 *              | ":+" | "+"    the operand where it has one, else nothing
 *              | ":?" | "?"    the operand as error message where it has none
 *   operand    = template without a bare "}"
 *
 * The operators are Compose's (and the shell's). Names may hold `-`, as git.short-sha does, so `${a-b}` is read as the
 * longest name that exists, and only then as `a` with a default.
 */

export type Part = Literal | Expression;

export interface Literal {
  readonly kind: "literal";
  readonly text: string;
}

export interface Expression {
  readonly kind: "expression";
  readonly name: string;
  /** Offsets of the name in the text. */
  readonly start: number;
  readonly end: number;
  readonly operation?: Operation;
}

export interface Operation {
  readonly kind: "default" | "alternative" | "required";
  /** With a colon an empty value counts as none. */
  readonly emptyIsNone: boolean;
  readonly operand: readonly Part[];
}

/** What is not a template, and the offsets of it. */
export interface TemplateError {
  readonly message: string;
  readonly hint: string;
  readonly start: number;
  readonly end: number;
}

export type Template =
  | { readonly ok: true; readonly parts: readonly Part[] }
  | { readonly ok: false; readonly error: TemplateError };

// Nobody nests defaults deeper; the limit keeps a hostile text from exhausting the stack.
const MAX_NESTING = 16;
const DOLLAR_HINT = "Write `$$` for a dollar sign that is meant as such";

/** Reads a template. `isName` tells which names exist, see the grammar. Never throws; takes time linear in the text. */
export function parseTemplate(text: string, isName: (name: string) => boolean): Template {
  const parser: Parser = { text, isName, at: 0, error: undefined };
  const parts = parseParts(parser, 0);
  return parser.error === undefined ? { ok: true, parts } : { ok: false, error: parser.error };
}

interface Parser {
  readonly text: string;
  readonly isName: (name: string) => boolean;
  at: number;
  /** The first problem; once it is there, `at` is the end of the text, so that everything stops. */
  error: TemplateError | undefined;
}

/** Reads up to the end, or within an operand (`depth` > 0) up to its `}`, which is left to the caller. */
function parseParts(parser: Parser, depth: number): readonly Part[] {
  const parts: Part[] = [];
  const stop = depth === 0 ? /\$[${]/g : /\$[${]|\}/g;
  for (;;) {
    stop.lastIndex = parser.at;
    const found = stop.exec(parser.text);
    const end = found?.index ?? parser.text.length;
    if (end > parser.at) parts.push({ kind: "literal", text: parser.text.slice(parser.at, end) });
    parser.at = end;
    if (found === null || found[0] === "}") return parts;
    parser.at += 2;
    if (found[0] === "$$") parts.push({ kind: "literal", text: "$" });
    else parts.push(parseExpression(parser, depth));
  }
}

function parseExpression(parser: Parser, depth: number): Part {
  const open = parser.at - 2;
  const start = parser.at;
  const name = readName(parser);
  const end = parser.at;
  if (depth >= MAX_NESTING) return stopAt(parser, open, "`${...}` is nested too deeply");
  if (name === undefined) return stopUnreadable(parser, open);
  const operation = readOperation(parser, depth);
  if (parser.text[parser.at] !== "}") return stopUnreadable(parser, open);
  parser.at++;
  return { kind: "expression", name, start, end, ...(operation && { operation }) };
}

function stopUnreadable(parser: Parser, open: number): Literal {
  const close = parser.text.indexOf("}", open);
  if (close === -1 || parser.at >= parser.text.length) return stopAt(parser, open, "`${` is not closed");
  return stopAt(parser, open, "`${...}` cannot be read", { end: close + 1, hint: EXPRESSION_HINT });
}

function stopAt(
  parser: Parser,
  start: number,
  message: string,
  { end = start + 2, hint = DOLLAR_HINT }: { readonly end?: number; readonly hint?: string } = {},
): Literal {
  parser.error ??= { message, hint, start, end };
  parser.at = parser.text.length;
  return { kind: "literal", text: "" };
}

const EXPRESSION_HINT =
  "Write `${name}`, `${name:-default}`, `${name:+text}` or `${name:?message}`; `$$` for a dollar sign";

function readName(parser: Parser): string | undefined {
  const pattern = /[A-Za-z_][A-Za-z0-9_.-]*/y;
  pattern.lastIndex = parser.at;
  const longest = pattern.exec(parser.text)?.[0];
  if (longest === undefined) return undefined;
  const name = chooseName(longest, parser);
  parser.at += name.length;
  return name;
}

/**
 * The longest existing name. Where none exists: all of it where it is `namespace.some-thing` and nothing else, else
 * what stands before the first `-`.
 */
function chooseName(longest: string, { text, at, isName }: Parser): string {
  const first = longest.indexOf("-");
  if (first === -1) return longest;
  for (let end = longest.length; end >= first; end = longest.lastIndexOf("-", end - 1)) {
    if (isName(longest.slice(0, end))) return longest.slice(0, end);
  }
  const whole = text[at + longest.length] === "}" && longest.includes(".") && !longest.endsWith("-");
  return whole ? longest : longest.slice(0, first);
}

const OPERATIONS = { "-": "default", "+": "alternative", "?": "required" } as const;

function readOperation(parser: Parser, depth: number): Operation | undefined {
  const pattern = /(:?)([-+?])/y;
  pattern.lastIndex = parser.at;
  const [all = "", colon, sign] = pattern.exec(parser.text) ?? [];
  if (sign !== "-" && sign !== "+" && sign !== "?") return undefined;
  parser.at += all.length;
  return { kind: OPERATIONS[sign], emptyIsNone: colon === ":", operand: parseParts(parser, depth + 1) };
}
