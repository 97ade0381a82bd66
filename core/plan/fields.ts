import type { Problems } from "./problems.ts";
import type { Range } from "./source.ts";
import type { ScalarValue, Value } from "./tree.ts";
import type { Attributes, Field, Text } from "./written.ts";

/** A scalar's text, or undefined where it is anything else (which the schema check has reported). */
export function textOf(value: Value | undefined): Text | undefined {
  return value?.kind === "scalar" && value.type === "text"
    ? { value: value.text, scalar: value, offset: 0 }
    : undefined;
}

/** All texts of a list. */
export function textsOf(value: Value | undefined): readonly Text[] {
  return value?.kind === "list" ? value.items.flatMap((item) => textOf(item) ?? []) : [];
}

/** A number, or undefined where it is anything else. */
export function numberOf(value: Value | undefined): number | undefined {
  return value?.kind === "scalar" && typeof value.data === "number" ? value.data : undefined;
}

/** Where a text stands in the file. */
export function rangeOf(text: Text): Range {
  return rangeWithin(text, 0, text.value.length);
}

/** A part of a text, by the offsets within it. */
export function slice(text: Text, start: number, end?: number): Text {
  return { ...text, value: text.value.slice(start, end), offset: text.offset + start };
}

/**
 * The range in the file of a part of a text. Quotes, escapes and folded lines shift what YAML reads from what is
 * written, so the part is looked up in the source: its n-th occurrence in the value is the n-th in the scalar. Where
 * it cannot be found (it holds escapes itself), the whole scalar is the answer.
 */
export function rangeWithin(text: Text, start: number, end: number): Range {
  const { scalar } = text;
  const [from, to] = [text.offset + start, text.offset + end];
  const needle = scalar.text.slice(from, to);
  if (needle === "" || needle === scalar.text) return scalar.range;
  let found = -1;
  for (
    let at = scalar.text.indexOf(needle);
    at !== -1 && at <= from;
    at = scalar.text.indexOf(needle, at + 1)
  ) {
    found = scalar.raw.indexOf(needle, found + 1);
    if (found === -1) return scalar.range;
  }
  if (found === -1) return scalar.range;
  return { start: scalar.range.start + found, end: scalar.range.start + found + needle.length };
}

/** Offsets of a separator that stands outside of `${...}` and of CSV quotes. */
function separators(value: string, separator: string): readonly number[] {
  const found: number[] = [];
  let depth = 0;
  let quoted = false;
  for (let at = 0; at < value.length; at++) {
    const char = value[at];
    if (char === '"') quoted = !quoted;
    else if (char === "$" && value[at + 1] === "{") depth++;
    else if (char === "}" && depth > 0) depth--;
    else if (char === separator && depth === 0 && !quoted) found.push(at);
  }
  return found;
}

/** Splits `a=b,c=d` at its commas; a part may stand in double quotes as a whole, as CSV has it. */
export function splitCsv(text: Text): readonly Text[] {
  const ends = [...separators(text.value, ","), text.value.length];
  let start = 0;
  return ends.map((end) => {
    const part = trim(slice(text, start, end));
    start = end + 1;
    return /^".*"$/s.test(part.value) ? slice(part, 1, part.value.length - 1) : part;
  });
}

function trim(text: Text): Text {
  const lead = text.value.length - text.value.trimStart().length;
  return slice(text, lead, lead + text.value.trim().length);
}

/** Splits at the first `=`; undefined where there is none. */
export function splitPair(text: Text): Field | undefined {
  const at = separators(text.value, "=")[0];
  if (at === undefined || at === 0) return undefined;
  const key = slice(text, 0, at);
  return { key: key.value, keyRange: rangeWithin(key, 0, at), value: slice(text, at + 1) };
}

/** Reads `{ KEY: value }` or `["KEY=value"]`, which mean the same. */
export function readTextMap(value: Value | undefined, problems: Problems): readonly Field[] | undefined {
  if (value?.kind === "map") return readMap(value, problems);
  if (value?.kind !== "list") return undefined;
  const fields = textsOf(value).flatMap((text) => splitPair(text) ?? missing(text, problems));
  return withoutRepeats(fields, problems);
}

function missing(text: Text, problems: Problems): readonly Field[] {
  problems.error(rangeOf(text), `\`${text.value.slice(0, 60)}\` has no value`, {
    hint: "Write `NAME=value`; the environment is only read through `vars`",
  });
  return [];
}

function readMap(value: Value, problems: Problems): readonly Field[] {
  const entries = value.kind === "map" ? value.entries : [];
  return entries.flatMap(({ key, keyRange, value: inner }) => {
    const text = textOf(inner);
    if (key.includes("${")) problems.error(keyRange, "`${...}` is not resolved in keys", KEY_HINT);
    return text === undefined ? [] : [{ key, keyRange, value: text }];
  });
}

const KEY_HINT = { hint: "Write the key out; only values may use `${...}`" };

function withoutRepeats(fields: readonly Field[], problems: Problems): readonly Field[] {
  const seen = new Map<string, Field>();
  for (const field of fields) {
    const first = seen.get(field.key);
    if (first === undefined) seen.set(field.key, field);
    else {
      const related = { message: "First written here", range: first.keyRange };
      problems.error(field.keyRange, `\`${field.key}\` is written twice`, {
        hint: "Keep one of the two",
        related,
      });
    }
  }
  return [...seen.values()];
}

/** Reads one item of attributes, CSV text or a map. Booleans of a map are taken as the text that CSV would have. */
export function readAttributes(value: Value, problems: Problems): Attributes {
  if (value.kind === "map") {
    const fields = value.entries.flatMap(({ key, keyRange, value: inner }) => {
      const text = textOf(inner) ?? flagText(inner);
      return text === undefined ? [] : [{ key, keyRange, value: text }];
    });
    return { range: value.range, fields, bare: [] };
  }
  const text = textOf(value);
  return text === undefined ? { range: value.range, fields: [], bare: [] } : parseAttributes(text, problems);
}

/** Reads `a=b,c=d`. */
export function parseAttributes(text: Text, problems: Problems): Attributes {
  const parts = splitCsv(text).map((part) => splitPair(part) ?? part);
  const fields = parts.filter((part) => "key" in part);
  const bare = parts.filter((part) => "scalar" in part);
  return { range: rangeOf(text), fields: withoutRepeats(fields, problems), bare };
}

function flagText(value: Value): Text | undefined {
  if (value.kind !== "scalar" || value.type !== "boolean") return undefined;
  const scalar: ScalarValue = { ...value, text: String(value.data) };
  return { value: scalar.text, scalar, offset: 0 };
}

/** Reads a list of attributes. */
export function readAttributeList(
  value: Value | undefined,
  problems: Problems,
): readonly Attributes[] | undefined {
  return value?.kind === "list" ? value.items.map((item) => readAttributes(item, problems)) : undefined;
}
