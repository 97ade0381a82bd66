import { readDocument } from "../plan/document.ts";
import { gatherProblems } from "../plan/problems.ts";
import { position } from "../plan/source.ts";
import { child } from "../plan/tree.ts";
import type { Entry, ScalarValue, Value } from "../plan/tree.ts";
import { fail, ok } from "../result.ts";
import type { Result } from "../result.ts";

/*
 * Files of other tools, as far as they are looked at: whatever has not the form that is expected counts as not there.
 */

/** Reads YAML, as carefully as a plan is read: no alias bombs, no depths without end. Never throws. */
export function readForeignYaml(path: string, text: string): Result<Value, string> {
  const file = { path, text };
  const problems = gatherProblems(file);
  const value = readDocument(file, problems);
  if (value !== undefined && !problems.failed()) return ok(value);
  const [first] = problems.all();
  if (first === undefined || text.trim() === "") return fail("it is empty");
  const { line } = position(file, first.location.range.start);
  return fail(`line ${line}: ${first.message}`);
}

/** Reads JSON into the same form. Never throws. */
export function readForeignJson(text: string): Result<Value, string> {
  try {
    return ok(fromJson(JSON.parse(text), 0));
  } catch {
    return fail("it is no JSON");
  }
}

const NOWHERE = { start: 0, end: 0 };
const MAX_DEPTH = 48;

function fromJson(data: unknown, depth: number): Value {
  if (depth > MAX_DEPTH) return nothing();
  if (Array.isArray(data))
    return { kind: "list", items: data.map((item) => fromJson(item, depth + 1)), range: NOWHERE };
  if (typeof data === "object" && data !== null) {
    const entries = Object.entries(data).map(([key, value]): Entry => ({
      key,
      keyRange: NOWHERE,
      value: fromJson(value, depth + 1),
    }));
    return { kind: "map", entries, range: NOWHERE };
  }
  return typeof data === "string" || typeof data === "number" || typeof data === "boolean"
    ? scalar(data)
    : nothing();
}

function scalar(data: string | number | boolean): ScalarValue {
  const type = typeof data === "string" ? "text" : typeof data === "number" ? "number" : "boolean";
  return { kind: "scalar", type, text: String(data), data, raw: "", range: NOWHERE };
}

function nothing(): ScalarValue {
  return { kind: "scalar", type: "null", text: "", data: null, raw: "", range: NOWHERE };
}

/** The text of a scalar, numbers and booleans as they are written; undefined for anything else and for nothing. */
export function textIn(value: Value | undefined, key?: string): string | undefined {
  const found = key === undefined ? value : child(value, key);
  return found?.kind === "scalar" && found.type !== "null" && found.type !== "other" ? found.text : undefined;
}

/** `true` where that is written. */
export function flagIn(value: Value | undefined, key: string): true | undefined {
  return textIn(value, key) === "true" ? true : undefined;
}

/** The entries of a map. */
export function entriesIn(value: Value | undefined, key?: string): readonly Entry[] {
  const found = key === undefined ? value : child(value, key);
  return found?.kind === "map" ? found.entries : [];
}

/** The items of a list. */
export function itemsIn(value: Value | undefined, key?: string): readonly Value[] {
  const found = key === undefined ? value : child(value, key);
  return found?.kind === "list" ? found.items : [];
}

/** The texts of a list, or the one text that stands for it. */
export function textsIn(value: Value | undefined, key: string): readonly string[] {
  const single = textIn(value, key);
  return single === undefined ? itemsIn(value, key).flatMap((item) => textIn(item) ?? []) : [single];
}

/** The lines of a text, as inputs of GitHub's actions have lists; empty ones and comments do not count. */
export function linesIn(value: Value | undefined, key: string): readonly string[] {
  return linesOf(textIn(value, key) ?? "");
}

/** The lines of a text that are not empty. */
export function linesOf(text: string): readonly string[] {
  return text
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => line !== "" && !line.startsWith("#"));
}

/** `{ KEY: value }` or `["KEY=value"]` as pairs; a key without value has none. */
export function pairsIn(
  value: Value | undefined,
  key: string,
): readonly (readonly [string, string | undefined])[] {
  const found = child(value, key);
  if (found?.kind === "map") return found.entries.map((entry) => [entry.key, textIn(entry.value)]);
  return itemsIn(found).flatMap((item) => {
    const text = textIn(item);
    return text === undefined ? [] : [splitPair(text)];
  });
}

/** The parts of a line of CSV, as GitHub's actions have attributes; a `${{ ... }}` is never cut. */
export function csvIn(line: string): readonly string[] {
  const part = /\s*"((?:[^"]|"")*)"\s*|(?:\$\{\{(?:(?!\}\}).){0,500}\}\}|[^,])+/g;
  return [...line.matchAll(part)].map(([all, quoted]) => quoted?.replaceAll('""', '"') ?? all.trim());
}

/** Splits at the first `=`. */
export function splitPair(text: string): readonly [string, string | undefined] {
  const at = text.indexOf("=");
  return at === -1 ? [text, undefined] : [text.slice(0, at), text.slice(at + 1)];
}
