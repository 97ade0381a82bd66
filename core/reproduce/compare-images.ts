import type { Descriptor } from "../oci/descriptor.ts";
import { parseDocument, type Manifest } from "../oci/documents.ts";
import type { Digest } from "../oci/digest.ts";
import type { Store, StoreFailure } from "../registry/store.ts";
import { fail, ok, type Result } from "../result.ts";
import { compareContent } from "./compare-content.ts";
import { compareEntries, type FoundGroup } from "./compare-entries.ts";
import type {
  DifferenceGroup,
  ImageDifference,
  LayerDifference,
  Pair,
  ValueDifference,
} from "./difference.ts";
import { jsonDifferences } from "./json-difference.ts";
import { isInTimesOnly } from "./advice.ts";
import { listEntries, type LayerSource, type ReadFailure } from "./read-entries.ts";

/** The manifest of an image, and where it is. */
export interface StoredImage {
  readonly store: Store;
  readonly manifest: Digest;
}

/** Holds two images against each other: configs, then the first layer that differs. Undefined where they are the same. */
export async function compareImages(
  first: StoredImage,
  second: StoredImage,
  signal: AbortSignal,
): Promise<Result<ImageDifference | undefined, StoreFailure>> {
  if (first.manifest === second.manifest) return ok(undefined);
  const one = await readSide(first, signal);
  if (!one.ok) return one;
  const other = await readSide(second, signal);
  if (!other.ok) return other;
  const sides: Pair<Side> = [one.value, other.value];
  const layers = await compareLayers(sides, signal);
  if (!layers.ok) return layers;
  const config = jsonDifferences(one.value.configJson, other.value.configJson);
  return ok({
    config: config.filter(({ path }) => !path.startsWith("rootfs.")),
    manifest: manifestDifferences(one.value, other.value),
    layers: layers.value,
  });
}

interface Side {
  readonly store: Store;
  readonly manifest: Manifest;
  readonly manifestJson: unknown;
  readonly configJson: unknown;
  /** Of the layers' content without their compression; undefined where the config does not say it. */
  readonly diffIds: readonly unknown[];
}

async function readSide(
  { store, manifest }: StoredImage,
  signal: AbortSignal,
): Promise<Result<Side, StoreFailure>> {
  const document = await store.manifest(manifest, signal);
  if (!document.ok) return document;
  const parsed = parseDocument(document.value.bytes);
  if (!parsed.ok || parsed.value.kind !== "manifest")
    throw new Error("Internal error: what was confirmed as an image is none");
  const config = await store.blob(parsed.value.config, { signal });
  if (!config.ok) return config;
  const configJson = jsonOf(config.value);
  const diffIds: unknown = Object(Object(configJson)["rootfs"])["diff_ids"];
  return ok({
    store,
    manifest: parsed.value,
    manifestJson: jsonOf(document.value.bytes),
    configJson,
    diffIds: Array.isArray(diffIds) ? diffIds : [],
  });
}

function jsonOf(bytes: Uint8Array): unknown {
  return JSON.parse(new TextDecoder().decode(bytes));
}

/** Config and layers are compared by what is in them. */
function manifestDifferences(one: Side, other: Side): readonly ValueDifference[] {
  const all = jsonDifferences(one.manifestJson, other.manifestJson);
  const told = /^(?:config\.(?:digest|size)|layers\[\d+\]\.(?:digest|size)|layers\[\d+\])$/;
  return all.filter(({ path }) => !told.test(path));
}

/** A layer, and what stands in its place in the other image. */
interface LayerPair {
  readonly at: number;
  readonly layers: Pair<Descriptor>;
}

async function compareLayers(
  sides: Pair<Side>,
  signal: AbortSignal,
): Promise<Result<readonly LayerDifference[], StoreFailure>> {
  const [one, other] = sides;
  const counts: Pair<number> = [one.manifest.layers.length, other.manifest.layers.length];
  const pairs = one.manifest.layers.flatMap((layer, at): readonly LayerPair[] => {
    const against = other.manifest.layers[at];
    return against === undefined ? [] : [{ at, layers: [layer, against] }];
  });
  const content = pairs.filter(({ at }) => one.diffIds[at] !== other.diffIds[at]);
  if (content.length > 0) return await compareContents(content, sides, signal);
  if (counts[0] !== counts[1]) return ok([{ kind: "count", counts }]);
  const packed = pairs.filter(({ layers: [layer, against] }) => layer.digest !== against.digest);
  const [first] = packed;
  if (first === undefined) return ok([]);
  const { at: layer, layers } = first;
  const digests: Pair<Digest> = [layers[0].digest, layers[1].digest];
  return ok([{ kind: "compression", layer, digests, more: packed.length - 1 }]);
}

/** Without a time for the build all layers differ in their times: what is the matter besides may be further up. */
async function compareContents(
  pairs: readonly LayerPair[],
  [one, other]: Pair<Side>,
  signal: AbortSignal,
): Promise<Result<readonly LayerDifference[], StoreFailure>> {
  const told: LayerDifference[] = [];
  for (const [place, { at, layers }] of pairs.entries()) {
    const sources: Pair<LayerSource> = [
      { store: one.store, layer: layers[0], signal },
      { store: other.store, layer: layers[1], signal },
    ];
    const found = await compareLayer(sources, { layer: at, more: pairs.length - place - 1 });
    if (!found.ok) return found;
    const isMinor = isInTimesOnly(found.value);
    if (told.length === 0 || !isMinor) told.push(found.value);
    if (!isMinor) break;
  }
  return ok(told);
}

async function compareLayer(
  sources: Pair<LayerSource>,
  about: { readonly layer: number; readonly more: number },
): Promise<Result<LayerDifference, StoreFailure>> {
  const digests: Pair<Digest> = [sources[0].layer.digest, sources[1].layer.digest];
  const groups = await findGroups(sources);
  if (groups.ok) return ok({ kind: "entries", ...about, digests, groups: groups.value });
  const { error } = groups;
  if (error.kind !== "entries-unreadable") return fail(error);
  return ok({ kind: "unreadable", layer: about.layer, digest: digests[0], detail: error.detail });
}

async function findGroups(
  sources: Pair<LayerSource>,
): Promise<Result<readonly DifferenceGroup[], ReadFailure>> {
  const [one, other] = await Promise.all([listEntries(sources[0]), listEntries(sources[1])]);
  if (!one.ok) return one;
  if (!other.ok) return other;
  const groups: DifferenceGroup[] = [];
  for (const found of compareEntries(one.value, other.value)) {
    const located = await locate(found, sources);
    if (!located.ok) return located;
    groups.push(located.value);
  }
  return ok(groups);
}

/** Only examples are looked into: the others differ in the same way. */
async function locate(
  { example, more, places }: FoundGroup,
  sources: Pair<LayerSource>,
): Promise<Result<DifferenceGroup, ReadFailure>> {
  const content = example.changes.find((change) => change.what === "content");
  const [first, second] = places;
  if (content === undefined || first === undefined || second === undefined) return ok({ example, more });
  const [one, other] = content.sizes;
  const place = await compareContent([
    { source: sources[0], place: first, size: one },
    { source: sources[1], place: second, size: other },
  ]);
  if (!place.ok) return place;
  if (place.value === undefined) return ok({ example, more });
  const known = { ...content, place: place.value };
  const changes = example.changes.map((change) => (change === content ? known : change));
  return ok({ example: { ...example, changes }, more });
}
