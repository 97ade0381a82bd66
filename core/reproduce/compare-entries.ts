import type { DifferenceGroup, EntryChange, Pair, ValueChange } from "./difference.ts";
import type { ListedEntry } from "./read-entries.ts";

/** How often entries of two layers differ in one way, and the first that does: where it stands in each of them. */
export interface FoundGroup extends DifferenceGroup {
  readonly places: Pair<number | undefined>;
}

type Entries = readonly ListedEntry[];

/** What tells most about the cause comes first: a file that is written anew has another time, too. */
const RANKS: readonly EntryChange["what"][] = [
  "presence",
  "kind",
  "content",
  "link",
  "device",
  "mode",
  "owner",
  "xattrs",
  "order",
  "mtime",
  "header",
];

/** Holds the entries of two layers against each other, by name; the most telling group comes first, then in the order of the layers. */
export function compareEntries(first: Entries, second: Entries): readonly FoundGroup[] {
  const others = byName(second);
  const found = new Map<string, FoundGroup>();
  const add = (path: string, places: FoundGroup["places"], changes: readonly EntryChange[]): void => {
    const key = changes.map(wayOf).join(" ");
    const known = found.get(key);
    found.set(
      key,
      known ? { ...known, more: known.more + 1 } : { example: { path, changes }, more: 0, places },
    );
  };
  const shared: Pair<number>[] = [];
  for (const [name, place] of byName(first)) {
    const one = first[place];
    const at = others.get(name);
    const other = at === undefined ? undefined : second[at];
    others.delete(name);
    if (one === undefined) continue;
    if (at === undefined || other === undefined)
      add(one.name, [place, undefined], [{ what: "presence", in: "first" }]);
    else {
      shared.push([place, at]);
      const changes = changesOf(one, other);
      if (changes.length > 0) add(one.name, [place, at], changes);
    }
  }
  for (const at of others.values())
    add(second[at]?.name ?? "", [undefined, at], [{ what: "presence", in: "second" }]);
  return [...found.values(), ...disorder(first, second, shared)].toSorted((a, b) => rankOf(a) - rankOf(b));
}

/** Names are unique but in broken layers, where the second of a name is the second in both. */
function byName(entries: Entries): Map<string, number> {
  const times = new Map<string, number>();
  return new Map(
    entries.map(({ name }, at) => {
      const time = times.get(name) ?? 0;
      times.set(name, time + 1);
      return [`${time} ${name}`, at] as const;
    }),
  );
}

function wayOf(change: EntryChange): string {
  return change.what === "presence" ? `only-${change.in}` : change.what;
}

function rankOf({ example }: FoundGroup): number {
  return RANKS.indexOf(example.changes[0]?.what ?? "header");
}

/** In the order of the ranks. */
function changesOf(one: ListedEntry, other: ListedEntry): readonly EntryChange[] {
  if (one.kind !== other.kind) return [{ what: "kind", values: [one.kind, other.kind] }];
  const changes = [
    ...contentChange(one, other),
    ...textChange("link", [one.linkName, other.linkName]),
    ...textChange("device", [one.stamps.device, other.stamps.device]),
    ...textChange("mode", [octal(one.mode), octal(other.mode)]),
    ...textChange("owner", [ownerOf(one), ownerOf(other)]),
    ...xattrsChange(one, other),
    ...textChange("mtime", [one.stamps.mtime, other.stamps.mtime]),
  ];
  return changes.length === 0 ? textChange("header", [one.header, other.header]) : changes;
}

function contentChange(one: ListedEntry, other: ListedEntry): readonly EntryChange[] {
  if (one.content === other.content && one.size === other.size) return [];
  return [{ what: "content", sizes: [one.size, other.size] }];
}

function textChange(what: ValueChange["what"], values: Pair<string>): readonly EntryChange[] {
  return values[0] === values[1] ? [] : [{ what, values }];
}

function octal(mode: number): string {
  return mode.toString(8).padStart(4, "0");
}

function ownerOf({ stamps: { uid, gid, user, group } }: ListedEntry): string {
  const numbers = `${uid}:${gid}`;
  return user === "" && group === "" ? numbers : `${numbers} ${user}:${group}`;
}

function xattrsChange({ stamps: one }: ListedEntry, { stamps: other }: ListedEntry): readonly EntryChange[] {
  const names = [...new Set([...one.xattrs.keys(), ...other.xattrs.keys()])];
  const different = names.filter((name) => one.xattrs.get(name) !== other.xattrs.get(name));
  return different.length === 0 ? [] : [{ what: "xattrs", names: different }];
}

/** Entries that both have, but not one after the other in the same order: told once, at the first place. */
function disorder(first: Entries, second: Entries, shared: readonly Pair<number>[]): readonly FoundGroup[] {
  const inSecond = shared.toSorted(([, one], [, other]) => one - other);
  const at = shared.findIndex((pair, place) => pair !== inSecond[place]);
  const [here, there] = [shared[at], inSecond[at]];
  if (here === undefined || there === undefined) return [];
  const values: Pair<string> = [first[here[0]]?.name ?? "", second[there[1]]?.name ?? ""];
  const moved = shared.filter((pair, place) => pair !== inSecond[place]).length;
  const example = { path: values[0], changes: [{ what: "order", values } as const] };
  return [{ example, more: moved - 1, places: here }];
}
