import type { ProblemDetails, Problems } from "./problems.ts";
import type { Range } from "./source.ts";

/** What a YAML parser says of a place: its error code, its own words, and the offsets. */
export interface YamlError {
  readonly code: string;
  readonly message: string;
  readonly pos: readonly [number, number];
}

/**
 * Notes a YAML syntax error in words that help to mend it. The parser's own words are kept where they are good;
 * where they speak of its inner workings, the usual cause is named instead. `openQuote` is where the quoted text begins
 * that the error ends in, if it does.
 */
export function reportSyntaxError(
  error: YamlError,
  text: string,
  problems: Problems,
  openQuote?: number,
): void {
  const start = Math.min(error.pos[0], text.length);
  const range = { start, end: Math.max(start, Math.min(error.pos[1], text.length)) };
  if (error.message.startsWith("Missing closing") && openQuote !== undefined) {
    return problems.error({ start: openQuote, end: openQuote + 1 }, "This quote is not closed", {
      hint: QUOTE_HINT,
    });
  }
  const dollar = unquotedExpression(text, start);
  if (dollar !== undefined) return problems.error(dollar, UNQUOTED, { hint: UNQUOTED_HINT });
  const { message, ...details } = WORDS.get(error.code) ?? {};
  problems.error(range, message ?? `${error.message} (YAML syntax)`, details);
}

const UNQUOTED = "Within brackets, a value with `${...}` has to be quoted";
const UNQUOTED_HINT = "Write it in quotes, or one item per line with `-`";

/** In `[a:${b}]` YAML takes the brace for a map: the most likely syntax error of a plan, and its words say nothing of it. */
function unquotedExpression(text: string, at: number): Range | undefined {
  const line = text.lastIndexOf("\n", at - 1) + 1;
  const dollar = text.lastIndexOf("${", at);
  if (dollar < line || at - dollar > 1) return undefined;
  return { start: dollar, end: Math.min(dollar + 2, text.length) };
}

const QUOTE_HINT = "Close it where the text ends";
const QUOTE_COLON =
  "Indent the lines of one map alike, and quote a value that holds `: ` (a colon and a space)";

const WORDS: ReadonlyMap<string, ProblemDetails & { readonly message?: string }> = new Map(
  Object.entries({
    TAB_AS_INDENT: {
      message: "YAML does not allow tabs as indentation",
      hint: "Indent with spaces",
    },
    BLOCK_AS_IMPLICIT_KEY: { message: "A second map starts on the same line", hint: QUOTE_COLON },
    MULTILINE_IMPLICIT_KEY: {
      message: "This line is neither a key with its value nor the end of the value before it",
      hint: "Write `key: value`, and look for a quote or bracket that is not closed above",
    },
    BAD_SCALAR_START: { hint: "Quote the value" },
    BAD_INDENT: { hint: "Indent the lines of one map or list alike" },
    MISSING_CHAR: { hint: "Look for a quote, bracket, comma or colon that is missing here or just above" },
    BAD_DQ_ESCAPE: { hint: "Write `\\\\` for a backslash, or use single quotes" },
    RESOURCE_EXHAUSTION: {
      message: "The plan is nested too deeply",
      hint: "A plan needs less than ten levels of lists and maps",
    },
    TAG_RESOLVE_FAILED: { message: "This YAML tag is not known", hint: "Remove the tag: a plan needs none" },
    BAD_COLLECTION_TYPE: {
      message: "This YAML tag does not fit here",
      hint: "Remove the tag: a plan needs none",
    },
    BAD_DIRECTIVE: { message: "This YAML directive is not supported", hint: "Remove the line" },
  }),
);
