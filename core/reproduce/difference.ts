import type { Digest } from "../oci/digest.ts";

/** What is different between two images that were built from the same. */
export interface ImageDifference {
  /** Of the config, in its order; those that only follow from a layer are left out. */
  readonly config: readonly ValueDifference[];
  /** Of the manifest, besides its config and layers. */
  readonly manifest: readonly ValueDifference[];
  /** The first layer that differs; where that differs in times only, the first one after it that differs in more, too. */
  readonly layers: readonly LayerDifference[];
}

/** One place in a JSON document that has another value, `history[3].created`; undefined where one side has nothing there. */
export interface ValueDifference {
  readonly path: string;
  /** As JSON. */
  readonly first: string | undefined;
  readonly second: string | undefined;
}

/** How a layer differs; `count`: one image has more of them. */
export type LayerDifference =
  | {
      readonly kind: "entries";
      /** Index from 0, the base first. */
      readonly layer: number;
      readonly digests: Pair<Digest>;
      /** Entries that differ in the same way are told once; the most telling way first. Empty: only bytes between the entries differ. */
      readonly groups: readonly DifferenceGroup[];
      /** Layers above it that differ, too. */
      readonly more: number;
    }
  /** The same files, packed differently. */
  | {
      readonly kind: "compression";
      readonly layer: number;
      readonly digests: Pair<Digest>;
      readonly more: number;
    }
  | { readonly kind: "count"; readonly counts: Pair<number> }
  /** It could not be read; `detail` is for a sentence. */
  | { readonly kind: "unreadable"; readonly layer: number; readonly digest: Digest; readonly detail: string };

export type Pair<T> = readonly [first: T, second: T];

/** Entries that differ in the same way. */
export interface DifferenceGroup {
  readonly example: DifferentEntry;
  /** How many others there are. */
  readonly more: number;
}

/** One entry of a layer that is not the same in both. */
export interface DifferentEntry {
  /** As it stands in the tar file. */
  readonly path: string;
  /** The most telling first. */
  readonly changes: readonly EntryChange[];
}

/** One way in which an entry differs. */
export type EntryChange =
  /** Only one of the two has it. */
  | { readonly what: "presence"; readonly in: "first" | "second" }
  /** The same entries from there on, in another order; these are the ones that stand at its place. */
  | { readonly what: "order"; readonly values: Pair<string> }
  | { readonly what: "content"; readonly sizes: Pair<number>; readonly place?: ContentPlace }
  | { readonly what: "xattrs"; readonly names: readonly string[] }
  | ValueChange;

/** `owner` as `uid:gid user:group`, `mode` in octal digits, `mtime` in seconds since 1970; `header`: written in another way. */
export interface ValueChange {
  readonly what: "kind" | "link" | "mode" | "owner" | "device" | "mtime" | "header";
  readonly values: Pair<string>;
}

/** Where the content of a file begins to differ. */
export interface ContentPlace {
  /** Of the first byte that differs, from 0. */
  readonly offset: number;
  /** Of text that is not large: the two lines, numbered from 1; undefined where a file has ended before. */
  readonly line?: { readonly number: number; readonly texts: Pair<string | undefined> };
}
