import { parseDocument, type Manifest } from "../oci/documents.ts";
import type { Digest } from "../oci/digest.ts";
import type { Store, StoreFailure } from "../registry/store.ts";
import { fail, ok, type Result } from "../result.ts";
import { compareContent } from "./compare-content.ts";
import { compareEntries, type FoundGroup } from "./compare-entries.ts";
import type {
  DifferenceGroup,
  ImageDifference,
  LayersDifference,
  Pair,
  ValueDifference,
} from "./difference.ts";
import { jsonDifferences } from "./json-difference.ts";
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
    ...(layers.value === undefined ? {} : { layers: layers.value }),
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

async function compareLayers(
  [one, other]: Pair<Side>,
  signal: AbortSignal,
): Promise<Result<LayersDifference | undefined, StoreFailure>> {
  const pairs = one.manifest.layers.map((layer, at) => ({ layer, against: other.manifest.layers[at], at }));
  const content = pairs.filter(({ at }) => one.diffIds[at] !== other.diffIds[at]);
  const packed = pairs.filter(({ layer, against }) => layer.digest !== against?.digest);
  const counts: Pair<number> = [one.manifest.layers.length, other.manifest.layers.length];
  const [first] = content.length > 0 ? content : packed;
  if (first?.against === undefined)
    return ok(counts[0] === counts[1] ? undefined : { kind: "count", counts });
  const { layer, against, at } = first;
  const more = (content.length > 0 ? content : packed).length - 1;
  const about = { layer: at, digests: [layer.digest, against.digest] as const, more };
  if (content.length === 0) return ok({ kind: "compression", ...about });
  const groups = await compareLayer([
    { store: one.store, layer, signal },
    { store: other.store, layer: against, signal },
  ]);
  if (groups.ok) return ok({ kind: "entries", ...about, groups: groups.value });
  const { error } = groups;
  if (error.kind !== "entries-unreadable") return fail(error);
  return ok({ kind: "unreadable", layer: at, digest: layer.digest, detail: error.detail });
}

async function compareLayer(
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
