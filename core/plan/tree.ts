import type { Range } from "./source.ts";

/**
 * What a YAML document says, each value with its place: aliases and merge keys are resolved (a value reached through an
 * alias is the anchor's own, so the tree may share branches, but has no cycles), anchors and comments are gone.
 */
export type Value = ScalarValue | ListValue | MapValue;

export interface ScalarValue {
  readonly kind: "scalar";
  /** `other` is what YAML can say and a plan has no use for: dates, binary data. */
  readonly type: "text" | "number" | "boolean" | "null" | "other";
  /** The text itself, or for anything else what stands in the file (`1.10`, not 1.1). */
  readonly text: string;
  readonly data: string | number | boolean | null;
  /** As it is written, quotes and escapes included: what stands at `range`. */
  readonly raw: string;
  readonly range: Range;
}

export interface ListValue {
  readonly kind: "list";
  readonly items: readonly Value[];
  readonly range: Range;
}

export interface MapValue {
  readonly kind: "map";
  readonly entries: readonly Entry[];
  readonly range: Range;
}

export interface Entry {
  readonly key: string;
  readonly keyRange: Range;
  readonly value: Value;
}

/** The value of a key, or undefined where the value is no map or has no such key. */
export function child(value: Value | undefined, key: string): Value | undefined {
  return value?.kind === "map" ? value.entries.find((entry) => entry.key === key)?.value : undefined;
}

/** Where a path leads: the value, and the entry or undefined (list items, the root) that holds it. */
export interface Located {
  readonly value: Value;
  readonly entry?: Entry;
}

/** Follows a path of keys and indices as far as it goes; `complete` tells whether all of it was found. */
export function locate(
  root: Value,
  path: readonly PropertyKey[],
): { readonly found: Located; readonly complete: boolean } {
  let found: Located = { value: root };
  for (const step of path) {
    const next = stepInto(found.value, step);
    if (next === undefined) return { found, complete: false };
    found = next;
  }
  return { found, complete: true };
}

function stepInto(value: Value, step: PropertyKey): Located | undefined {
  if (value.kind === "map") {
    const entry = value.entries.find(({ key }) => key === step);
    return entry && { value: entry.value, entry };
  }
  if (value.kind === "list" && typeof step === "number") {
    const item = value.items[step];
    return item && { value: item };
  }
  return undefined;
}

/** The value as plain data, for a validator. Shared branches stay shared. */
export function toPlain(value: Value): unknown {
  const made = new Map<Value, unknown>();
  const convert = (from: Value): unknown => {
    if (from.kind === "scalar") return from.type === "other" ? new Date(0) : from.data;
    if (made.has(from)) return made.get(from);
    const plain =
      from.kind === "list"
        ? from.items.map(convert)
        : Object.fromEntries(from.entries.map(({ key, value: inner }) => [key, convert(inner)]));
    made.set(from, plain);
    return plain;
  };
  return convert(value);
}
