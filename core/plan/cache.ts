import { formatReference, isValidTag, parseReference } from "../oci/reference.ts";
import type { TaggedReference } from "../oci/reference.ts";
import { hintFor } from "./nearest.ts";
import { below, usePath } from "./paths.ts";
import { complain, field, mentions, resolveFields, resolveText } from "./place.ts";
import type { Place } from "./place.ts";
import type { CacheEntry } from "./build.ts";
import type { Attributes, Text } from "./written.ts";

/** What keeps results of one variant apart from those of the others: parts of names, and of paths. */
export interface Apart {
  /** `linux_arm_v7` */
  readonly platform: string;
  /** `22_alpine`, empty without a matrix. */
  readonly cell: string;
}

/** Where cache entries are resolved. */
export interface CachePlace extends Place {
  readonly apart: Apart;
  /** Tags of the release: a cache inside the image itself (`type=inline`) is found by them, for all platforms. */
  readonly tags: readonly TaggedReference[];
}

const TYPES = ["registry", "local", "inline", "gha", "s3", "azblob"];

/**
 * Resolves cache imports or exports of one variant. Every backend keeps one cache per name, so that variants which
 * share a name would overwrite each other's: the name is made the variant's own unless the entry uses `${platform...}`
 * (and, with a matrix, `${matrix...}`) itself.
 */
export function resolveCache(
  items: readonly Attributes[] | undefined,
  place: CachePlace,
): readonly CacheEntry[] {
  return (items ?? []).flatMap((item) => resolveEntry(item, place) ?? []);
}

/** One entry of the plan: as written, its attributes but `type` resolved, and where. */
interface Entry {
  readonly item: Attributes;
  readonly attributes: Readonly<Record<string, string>>;
  readonly place: CachePlace;
}

function resolveEntry(item: Attributes, place: CachePlace): CacheEntry | undefined {
  const [reference, more] = item.bare;
  if (reference !== undefined && (more !== undefined || item.fields.length > 0)) {
    const hint = "Write `type=registry,ref=...`, or the reference alone";
    return complain(reference, "This is no attribute of a cache", hint, place);
  }
  if (reference !== undefined) return registryCache(reference, { item, attributes: {}, place });
  const type = field(item.fields, "type");
  if (type === undefined)
    return missing("type", "A cache", "Write for instance `type=registry,ref=...`", { item, place });
  const others = item.fields.filter((each) => each !== type);
  const kind = resolveText(type.value, place)?.value;
  return kind === undefined
    ? undefined
    : ofKind(kind, type.value, { item, attributes: resolveFields(others, place), place });
}

function ofKind(kind: string, type: Text, entry: Entry): CacheEntry | undefined {
  const { attributes, item, place } = entry;
  switch (kind) {
    case "inline":
      return { type: kind, attributes };
    case "registry":
      return registryCache(field(item.fields, "ref")?.value, entry);
    case "local":
      return localCache(entry);
    case "gha":
      return {
        type: kind,
        attributes: { ...attributes, scope: apart(attributes["scope"] ?? "buildkit", entry) },
      };
    case "s3":
    case "azblob":
      return {
        type: kind,
        attributes: { ...attributes, name: apart(attributes["name"] ?? "buildkit", entry) },
      };
    default:
      return complain(type, `\`${kind.slice(0, 60)}\` is no type of cache`, hintFor(kind, TYPES), place);
  }
}

function registryCache(text: Text | undefined, entry: Entry): CacheEntry | undefined {
  const { attributes, place } = entry;
  if (text === undefined)
    return missing("ref", "A registry cache", "Add `ref=registry/repository:tag`", entry);
  const written = resolveText(text, place)?.value;
  if (written === undefined) return undefined;
  const parsed = parseReference(written);
  if (!parsed.ok)
    return complain(text, `\`${written.slice(0, 200)}\` is no image reference`, undefined, place);
  const { tag = "latest", digest, ...repository } = parsed.value;
  const isRelease = place.tags.some(
    (each) => formatReference(each) === formatReference({ ...repository, tag }),
  );
  if (digest !== undefined || isRelease)
    return { type: "registry", attributes: { ...attributes, ref: written } };
  const own = apart(tag, entry);
  if (!isValidTag(own)) {
    return complain(
      text,
      `The tag of this cache becomes too long: \`${own.slice(0, 200)}\``,
      undefined,
      place,
    );
  }
  return {
    type: "registry",
    attributes: { ...attributes, ref: formatReference({ ...repository, tag: own }) },
  };
}

function localCache(entry: Entry): CacheEntry | undefined {
  const { attributes, item, place } = entry;
  const folders = item.fields.filter(({ key }) => key === "src" || key === "dest");
  if (folders.length === 0) return missing("src` or `dest", "A local cache", "Name the folder", entry);
  const resolved = folders.flatMap(({ key, value }) => {
    const written = attributes[key];
    const wish = { kind: "place", role: "cache" } as const;
    const path = written === undefined ? undefined : usePath(written, value, wish, place.paths);
    return path === undefined ? [] : [[key, below(path, suffixes(entry))] as const];
  });
  return { type: "local", attributes: { ...attributes, ...Object.fromEntries(resolved) } };
}

function missing(
  key: string,
  what: string,
  hint: string,
  { item, place }: Pick<Entry, "item" | "place">,
): undefined {
  const { problems } = place;
  if (!problems.hasErrorAt(item.range)) problems.error(item.range, `${what} needs \`${key}\``, { hint });
  return undefined;
}

/** What is still to be added to a name: nothing that the entry says itself. */
function suffixes({ item, place }: Pick<Entry, "item" | "place">): readonly string[] {
  const { platform, cell } = place.apart;
  const bare = item.bare.map((value) => ({ key: "ref", keyRange: item.range, value }));
  const written = [...item.fields, ...bare];
  return [
    ...(cell === "" || mentions(written, "matrix") ? [] : [cell]),
    ...(mentions(written, "platform") ? [] : [platform]),
  ];
}

function apart(name: string, entry: Entry): string {
  return [name, ...suffixes(entry)].join("-");
}
