import type { LintWarning } from "./buildkit.ts";

const HEAD = /^WARNING: ([A-Za-z0-9]+)(?: - (https?:\/\/\S+))?$/;
const RULE = /^-{20}$/;
const SOURCE_LINE = /^ *(\d+) \| (>>>|   ) /;

/**
 * Reads the text of the Dockerfile frontend's checks. Each warning is a head, its message, and an excerpt of the Dockerfile between two
 * rules of dashes, above which the file is named and in which `>>>` marks the lines that are meant. Lines of the Dockerfile begin with a
 * number there, so that none of them can pass for a head.
 * @see https://github.com/moby/buildkit/blob/v0.33.1/frontend/subrequests/lint/lint.go
 */
export function parseLint(text: readonly string[]): readonly LintWarning[] {
  const heads = text.flatMap((line, at) => (HEAD.test(line) ? [at] : []));
  return heads.map((at, index) => readWarning(text.slice(at, heads[index + 1])));
}

function readWarning([head = "", ...block]: readonly string[]): LintWarning {
  const [, rule = "", url] = HEAD.exec(head) ?? [];
  const from = block.findIndex((line) => RULE.test(line));
  const marked = from === -1 ? [] : markedLines(block.slice(from + 1));
  // The line above the rule names the file; without an excerpt an empty line ends the message.
  const message = from === -1 ? block.slice(0, 1) : block.slice(0, Math.max(0, from - 1));
  const [first] = marked;
  const last = marked.at(-1);
  return {
    rule,
    message: message.join(" ").trim(),
    ...(url === undefined ? {} : { url }),
    ...(first === undefined || last === undefined ? {} : { lines: { first, last } }),
  };
}

function markedLines(excerpt: readonly string[]): readonly number[] {
  const end = excerpt.findIndex((line) => RULE.test(line));
  return excerpt.slice(0, end === -1 ? undefined : end).flatMap((line) => {
    const [, number = "", mark] = SOURCE_LINE.exec(line) ?? [];
    return mark === ">>>" ? [Number(number)] : [];
  });
}
