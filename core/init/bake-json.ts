import type { Value, Entry } from "../plan/tree.ts";
import { fail, ok } from "../result.ts";
import type { Result } from "../result.ts";
import { entriesIn, textsIn } from "./foreign.ts";

/**
 * A bake file in JSON as `docker buildx bake --print` would say it: what a target inherits written out, and only the targets that are
 * built by default. Refused where the file computes something, which is for buildx to do.
 */
export function resolveBakeJson(file: Value, text: string): Result<Value, string> {
  if (/[$%]\{/.test(text)) return fail("it has expressions, which buildx alone resolves");
  const targets = new Map(entriesIn(file, "target").map((entry) => [entry.key, entry]));
  if ([...targets.values()].some(({ value }) => entriesIn(value, "matrix").length > 0))
    return fail("it has a matrix, which buildx alone resolves");
  const groups = new Map(entriesIn(file, "group").map((entry) => [entry.key, entry]));
  const wanted = targets.has("default") || groups.has("default") ? ["default"] : [...targets.keys()];
  const resolved = linked(wanted, targets, groups).map((entry): Entry => ({
    ...entry,
    value: mapOf(inherited(entry, targets, new Set())),
  }));
  return ok(mapOf([{ ...NO_PLACE, key: "target", value: mapOf(resolved) }]));
}

const NO_PLACE = { keyRange: { start: 0, end: 0 } };

function mapOf(entries: readonly Entry[]): Value {
  return { kind: "map", entries, range: NO_PLACE.keyRange };
}

type Named = ReadonlyMap<string, Entry>;

/** The targets of these names, of the groups among them, and those that they are built on. */
function linked(names: readonly string[], targets: Named, groups: Named): readonly Entry[] {
  const found = new Map<string, Entry>();
  const wanted = new Set(names);
  // A set that grows while it is walked through: what is linked comes to its turn, too.
  for (const name of wanted) {
    const group = groups.get(name);
    for (const member of textsIn(group?.value, "targets")) wanted.add(member);
    const target = targets.get(name);
    if (target === undefined) continue;
    found.set(name, target);
    for (const { key, value } of inherited(target, targets, new Set())) {
      if (key !== "contexts") continue;
      for (const context of entriesIn(value)) addTarget(context.value, wanted);
    }
  }
  return [...found.values()];
}

function addTarget(context: Value, wanted: Set<string>): void {
  if (context.kind === "scalar" && context.text.startsWith("target:"))
    wanted.add(context.text.slice("target:".length));
}

/** Maps grow key by key, all else is replaced, as bake merges what it inherits. */
function inherited({ key: name, value }: Entry, targets: Named, seen: Set<string>): readonly Entry[] {
  if (seen.has(name)) return [];
  seen.add(name);
  const merged = new Map<string, Entry>();
  const parents = textsIn(value, "inherits").flatMap((parent) => targets.get(parent) ?? []);
  const all = [...parents.flatMap((parent) => inherited(parent, targets, seen)), ...entriesIn(value)];
  for (const entry of all) {
    const before = merged.get(entry.key);
    const both = before?.value.kind === "map" && entry.value.kind === "map";
    merged.set(entry.key, both ? { ...entry, value: mergeMaps(before.value, entry.value) } : entry);
  }
  return [...merged.values()];
}

function mergeMaps(one: Value, other: Value): Value {
  const entries = [...entriesIn(one), ...entriesIn(other)];
  return mapOf([...new Map(entries.map((entry) => [entry.key, entry])).values()]);
}
