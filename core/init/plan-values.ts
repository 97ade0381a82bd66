import type { Value } from "../plan/tree.ts";
import { entriesIn, itemsIn, textIn } from "./foreign.ts";
import { literal } from "./proposal.ts";
import type { PlanValue } from "./proposal.ts";

/* Values of a source as values of a plan. */

/** CSV text, or a map, which stays one; of a map only `keys`, if they are given. */
export function attributesOf(item: Value, keys?: readonly string[]): readonly PlanValue[] {
  const text = textIn(item);
  if (text !== undefined) return [literal(text)];
  const known = entriesIn(item).filter(({ key }) => keys?.includes(key) ?? true);
  const fields = known.flatMap(({ key, value }): [string, PlanValue][] => {
    const single = textIn(value);
    if (single !== undefined) return [[key, literal(single)]];
    return value.kind === "list" ? [[key, itemsIn(value).flatMap((each) => literalOf(each))]] : [];
  });
  return fields.length === 0 ? [] : [Object.fromEntries(fields)];
}

function literalOf(value: Value): readonly string[] {
  const text = textIn(value);
  return text === undefined ? [] : [literal(text)];
}

/** The text of a key. */
export function literalIn(value: Value, key: string): string | undefined {
  const text = textIn(value, key);
  return text === undefined ? undefined : literal(text);
}

/** Pairs as a map; undefined for none. */
export function mapOf(pairs: readonly (readonly [string, string | undefined])[]): PlanValue | undefined {
  const given = pairs.flatMap(([key, text]) => (text === undefined ? [] : [[key, literal(text)] as const]));
  return given.length === 0 ? undefined : Object.fromEntries(given);
}

/** A list; undefined for an empty one. */
export function listOf(items: readonly PlanValue[]): PlanValue | undefined {
  return items.length === 0 ? undefined : items;
}
