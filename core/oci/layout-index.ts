import * as z from "zod/mini";
import type { Descriptor } from "./descriptor.ts";
import { parseDocument } from "./documents.ts";
import { parseDigest } from "./digest.ts";
import type { Digest } from "./digest.ts";
import { OCI_INDEX } from "./media-type.ts";
import { isValidTag, parseReference, parseStrictReference } from "./reference.ts";
import { fail, ok } from "../result.ts";
import type { Result } from "../result.ts";

/** What an entry of `index.json` is called: a tag, or a whole reference in the layouts of some tools. */
export const REF_NAME = "org.opencontainers.image.ref.name";
/** The whole reference, where containerd, BuildKit and Docker wrote the layout. */
export const IMAGE_NAME = "io.containerd.image.name";

/**
 * A layout's `index.json`: entries in its order. What is not understood here is kept as it came.
 * @see https://github.com/opencontainers/image-spec/blob/v1.1.1/image-layout.md#indexjson-file
 */
export interface LayoutIndex {
  readonly entries: readonly Entry[];
  readonly fields: Readonly<Record<string, unknown>>;
}
interface Entry {
  readonly descriptor: Descriptor;
  readonly fields: Readonly<Record<string, unknown>>;
}

/** What a name stands for; `several` are different images, among which nobody can choose. */
export type Found =
  | { readonly kind: "none" }
  | { readonly kind: "one"; readonly descriptor: Descriptor }
  | { readonly kind: "several"; readonly digests: readonly Digest[] };

/** The index of a new layout. */
export const EMPTY_INDEX: LayoutIndex = {
  entries: [],
  fields: { schemaVersion: 2, mediaType: OCI_INDEX },
};

const shape = z.looseObject({ manifests: z.nullish(z.array(z.looseObject({}))) });

/** Reads an `index.json`; the error is a sentence. */
export function parseLayoutIndex(bytes: Uint8Array): Result<LayoutIndex, string> {
  const parsed = parseDocument(bytes);
  if (!parsed.ok) return fail(`its index.json is no image index: ${parsed.error.detail}`);
  if (parsed.value.kind !== "index") return fail("its index.json is no image index but a manifest");
  const { manifests } = parsed.value;
  const fields = shape.parse(JSON.parse(Buffer.from(bytes).toString("utf8")));
  const entries = manifests.map((descriptor, at) => ({ descriptor, fields: fields.manifests?.[at] ?? {} }));
  return ok({ entries, fields });
}

/** The bytes of an `index.json`. */
export function formatLayoutIndex({ entries, fields }: LayoutIndex): Buffer {
  return Buffer.from(JSON.stringify({ ...fields, manifests: entries.map((entry) => entry.fields) }));
}

/** All tags, each once, in the order of the entries. */
export function tagsOf({ entries }: LayoutIndex): readonly string[] {
  return [...new Set(entries.flatMap(tagsOfEntry))];
}

/**
 * Finds what a tag names. `latest`, or nothing at all, also names the only image of a layout that has no such tag: builders
 * give it none unless they are told to.
 */
export function findEntry(index: LayoutIndex, reference: string): Found {
  const tag = reference === "" ? "latest" : reference;
  const named = found(index.entries.filter((entry) => isCalled(entry, tag)));
  if (named.kind !== "none" || tag !== "latest") return named;
  const only = found(index.entries.filter((entry) => !isAboutAnother(entry)));
  return only.kind === "one" ? only : named;
}

/** The index with a tag on this image, in the place of what had the tag before. Annotations of the descriptor are kept. */
export function withTag(index: LayoutIndex, tag: string, descriptor: Descriptor): LayoutIndex {
  const annotations = { ...descriptor.annotations, [REF_NAME]: tag };
  const entry = newEntry({ ...descriptor, annotations });
  const isOld = (each: Entry): boolean => isCalled(each, tag);
  const at = index.entries.findIndex(isOld);
  const place = at === -1 ? index.entries.length : at;
  const others = (entries: readonly Entry[]): readonly Entry[] => entries.filter((each) => !isOld(each));
  const before = others(index.entries.slice(0, place));
  return { ...index, entries: [...before, entry, ...others(index.entries.slice(place))] };
}

/** The index with an entry that has no name: how a manifest is found that only points at another one. */
export function withUnnamed(index: LayoutIndex, descriptor: Descriptor): LayoutIndex {
  const isThere = index.entries.some((entry) => entry.descriptor.digest === descriptor.digest);
  return isThere ? index : { ...index, entries: [...index.entries, newEntry(descriptor)] };
}

/** The index without this tag, or without any entry of this digest. */
export function without(index: LayoutIndex, reference: string): LayoutIndex {
  const digest = parseDigest(reference);
  const isGone = (entry: Entry): boolean =>
    digest === undefined ? isCalled(entry, reference) : entry.descriptor.digest === digest;
  return index.entries.some(isGone)
    ? { ...index, entries: index.entries.filter((entry) => !isGone(entry)) }
    : index;
}

function newEntry(descriptor: Descriptor): Entry {
  const { mediaType, digest, size, artifactType, annotations } = descriptor;
  const fields = {
    mediaType,
    digest,
    size,
    ...(artifactType !== undefined && { artifactType }),
    ...(annotations !== undefined && { annotations }),
  };
  return { descriptor: fields, fields };
}

function found(entries: readonly Entry[]): Found {
  const [first] = entries;
  const digests = [...new Set(entries.map(({ descriptor }) => descriptor.digest))];
  if (first === undefined) return { kind: "none" };
  return digests.length === 1 ? { kind: "one", descriptor: first.descriptor } : { kind: "several", digests };
}

function isCalled(entry: Entry, name: string): boolean {
  const { annotations } = entry.descriptor;
  if (annotations?.[REF_NAME] === name || annotations?.[IMAGE_NAME] === name) return true;
  return tagsOfEntry(entry).includes(name);
}

function tagsOfEntry({ descriptor }: Entry): readonly string[] {
  const { [REF_NAME]: refName = "", [IMAGE_NAME]: imageName = "" } = descriptor.annotations ?? {};
  const own = isValidTag(refName) ? refName : tagIn(parseStrictReference(refName));
  const tags = [own, tagIn(parseReference(imageName))];
  return tags.filter((tag) => tag !== undefined);
}

function tagIn(parsed: Result<{ readonly tag?: string }, unknown>): string | undefined {
  return parsed.ok ? parsed.value.tag : undefined;
}

/** Signatures and the like, kept beside the image: by an entry without a name, or a tag made of the image's digest. */
function isAboutAnother({ descriptor }: Entry): boolean {
  const name = descriptor.annotations?.[REF_NAME];
  return name === undefined
    ? descriptor.artifactType !== undefined
    : /^sha(?:256|512)-[0-9a-f]{32,}/.test(name);
}
