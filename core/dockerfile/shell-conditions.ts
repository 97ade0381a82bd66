import type { Range } from "../plan/source.ts";
import { architecturesIn } from "./architectures.ts";

/** What a script asks when it asks for the architecture: a variable with such a name, or a tool that tells it. */
const ASKS = /\$\{?\w*(?:arch|platform|machine|cpu|triple|target)|\b(?:uname|dpkg|apk|arch|rpm)\b/i;

const KEYWORD = /(?<=^|[\s;&|(){}`])(case|esac|if|elif|then|fi)(?=$|[\s;&|)}`])/g;

/** `[ ... ] && ...`, `[[ ... ]] || ...` and `test ... && ...`, up to the end of the command list. */
const LIST = /(?<=^|[\s;&|({])(?:\[\[?|test)\s[^;\n]*/g;

/**
 * The parts of a shell script that run for one architecture only: `case "$TARGETARCH" in ... esac`, `if [ "$(uname -m)" = x86_64 ]; ... fi`,
 * `[ "$TARGETARCH" = amd64 ] && ...`. Half-open offsets. Quotes are not looked at: a keyword in a string makes a part too large at worst.
 */
export function architectureBranches(script: string): readonly Range[] {
  return [...blocks(script), ...lists(script)];
}

interface Open {
  readonly kind: "case" | "if";
  readonly start: number;
  /** Has a condition of this `if` asked for the architecture? */
  asks: boolean;
  /** Where its last condition begins. */
  condition: number;
}

/** Deeper ones are left to those around them. */
const MAX_DEPTH = 20;

function blocks(script: string): readonly Range[] {
  const found: Range[] = [];
  const open: Open[] = [];
  for (const { 1: keyword, index } of script.matchAll(KEYWORD)) {
    const last = open.at(-1);
    if (keyword === "case" || keyword === "if") {
      if (open.length < MAX_DEPTH) open.push({ kind: keyword, start: index, asks: false, condition: index });
    } else if (keyword === "elif") {
      if (last?.kind === "if") last.condition = index;
    } else if (keyword === "then") {
      if (last?.kind !== "if") continue;
      last.asks ||= asksForArchitecture(script.slice(last.condition, index));
      last.condition = index;
    } else {
      const at = open.findLastIndex(({ kind }) => kind === (keyword === "esac" ? "case" : "if"));
      const closed = at === -1 ? undefined : open.splice(at)[0];
      if (closed !== undefined && isChoice(closed, script.slice(closed.start, index)))
        found.push({ start: closed.start, end: index });
    }
  }
  return found;
}

function isChoice({ kind, asks }: Open, part: string): boolean {
  return kind === "case" ? caseAsks(part) : asks;
}

function lists(script: string): readonly Range[] {
  return [...script.matchAll(LIST)].flatMap(({ 0: list, index }) => {
    const then = list.search(/&&|\|\|/);
    const asks = then !== -1 && asksForArchitecture(list.slice(0, then));
    return asks ? [{ start: index, end: index + list.length }] : [];
  });
}

function caseAsks(part: string): boolean {
  const head = part.slice(0, part.search(/\sin\s/) + 1);
  return (
    asksForArchitecture(head) ||
    architecturesIn(part).some(({ at, text }) =>
      /^["']?\s*[|)]/.test(part.slice(at + text.length, at + text.length + 8)),
    )
  );
}

function asksForArchitecture(condition: string): boolean {
  return ASKS.test(condition) || architecturesIn(condition).length > 0;
}
