import type { DocumentMemory } from "../layers/layer.ts";
import type { Platform } from "../../platforms/platform.ts";
import { Slots } from "../concurrent.ts";
import type { Finding } from "../findings/finding.ts";
import { configSettings } from "../oci/config-settings.ts";
import type { Descriptor } from "../oci/descriptor.ts";
import { parseDocument } from "../oci/documents.ts";
import type { Digest } from "../oci/digest.ts";
import type { SbomPackage } from "../oci/sbom.ts";
import type { StoreFailure } from "../registry/store.ts";
import { fail, ok, type Result } from "../result.ts";
import type { AttestationKind } from "../verify/attestations.ts";
import { readSboms } from "../verify/attested-content.ts";
import { diffPackages, diffSettings, type PackageChange, type SettingChange } from "./diff-lists.ts";
import type { Inspected } from "./inspect.ts";
import type { InspectFailure } from "./inspected-image.ts";
import { byPlatform } from "./verify-set.ts";
import {
  readChildren,
  readSingle,
  rememberBlobs,
  type ReadChildren,
  type ReadImage,
  type Source,
} from "./verify-children.ts";

/** What is compared: an older image or index, and a newer one. */
export interface DiffRequest {
  readonly older: Inspected;
  readonly newer: Inspected;
}

/** How two images differ. */
export interface ImageDiff {
  readonly older: DiffSide;
  readonly newer: DiffSide;
  /** Is it the very same digest? */
  readonly same: boolean;
  /** In the newer one's order, then what is only in the older one. */
  readonly platforms: readonly PlatformDiff[];
  /** What could not be compared: images that are not there, entries that are none. */
  readonly findings: readonly Finding[];
}

export interface DiffSide {
  readonly reference: string;
  readonly digest: Digest;
  readonly mediaType: string;
  /** All its platforms, compressed, in bytes; a layer that several have counts for each. */
  readonly size: number;
}

/** What became of one platform. */
export type PlatformDiff =
  | {
      readonly kind: "added" | "removed" | "same";
      readonly platform: Platform;
      readonly digest: Digest;
      readonly size: number;
    }
  | ChangedPlatform;

export interface ChangedPlatform {
  readonly kind: "changed";
  readonly platform: Platform;
  readonly digests: Change<Digest>;
  readonly sizes: Change<number>;
  readonly layers: LayerChanges;
  readonly settings: readonly SettingChange[];
  /** Undefined where not both have an SBOM. */
  readonly packages?: readonly PackageChange[];
  readonly attestations: Change<readonly AttestationKind[]>;
}

export interface Change<T> {
  readonly older: T;
  readonly newer: T;
}

/** Layers from the first that differs on: what is below is the same in both. */
export interface LayerChanges {
  readonly kept: readonly DiffLayer[];
  readonly removed: readonly DiffLayer[];
  readonly added: readonly DiffLayer[];
}

export interface DiffLayer {
  readonly digest: Digest;
  readonly size: number;
  /** The history line that made it, where the config has as many as layers. */
  readonly madeBy?: string;
}

/** Platforms that are compared at the same time. */
const CONCURRENCY = 4;

/** Compares two images or indexes: platforms, layers, config, sizes, packages and attestations. */
export async function diffImages(
  { older, newer }: DiffRequest,
  documents: DocumentMemory,
  signal: AbortSignal,
): Promise<Result<ImageDiff, InspectFailure>> {
  const [before, after] = await Promise.all(
    [older, newer].map((side) => readSide(side, { store: side.store, name: side.name, documents, signal })),
  );
  if (before === undefined || after === undefined) throw new Error("Internal error: two sides and no answer");
  if (!before.ok) return before;
  if (!after.ok) return after;
  const platforms = await comparePlatforms(before.value, after.value);
  if (!platforms.ok) return platforms;
  return ok({
    older: sideOf(before.value),
    newer: sideOf(after.value),
    same: before.value.digest === after.value.digest,
    platforms: platforms.value,
    findings: [...before.value.children.findings, ...after.value.children.findings],
  });
}

interface Side {
  readonly source: Source;
  readonly digest: Digest;
  readonly mediaType: string;
  readonly children: ReadChildren;
  /** Of the index, attestations among them. */
  readonly entries: readonly Descriptor[];
}

async function readSide(
  { reference, name }: Inspected,
  source: Source,
): Promise<Result<Side, InspectFailure>> {
  const read = await source.store.manifest(reference, source.signal);
  if (!read.ok) return read;
  const { digest } = read.value.descriptor;
  const notAnImage = (detail: string): Result<never, InspectFailure> =>
    fail({ kind: "not-an-image", reference: name, digest, detail });
  const parsed = parseDocument(read.value.bytes);
  if (!parsed.ok) return notAnImage(parsed.error.detail);
  const { mediaType } = parsed.value;
  if (parsed.value.kind === "index") {
    const children = await readChildren(source, parsed.value);
    const entries = parsed.value.manifests;
    return children.ok ? ok({ source, digest, mediaType, children: children.value, entries }) : children;
  }
  const single = await readSingle(source, digest, parsed.value);
  if (!single.ok) return single;
  if ("detail" in single.value) return notAnImage(single.value.detail);
  const children = { images: [single.value], statements: [], findings: [] };
  return ok({ source, digest, mediaType, children, entries: [] });
}

async function comparePlatforms(
  before: Side,
  after: Side,
): Promise<Result<readonly PlatformDiff[], StoreFailure>> {
  const slots = new Slots(CONCURRENCY);
  const old = byPlatform(before.children.images);
  const kept = byPlatform(after.children.images);
  const compared = await Promise.all(
    [...kept].map(async ([name, image]): Promise<Result<PlatformDiff, StoreFailure>> => {
      const other = old.get(name);
      if (other === undefined) return ok(whole("added", image));
      if (other.digest === image.digest) return ok(whole("same", image));
      return await slots.hold(() => compareImages({ side: before, image: other }, { side: after, image }));
    }),
  );
  const failed = compared.find((each) => !each.ok);
  if (failed?.ok === false) return failed;
  const removed = [...old].filter(([name]) => !kept.has(name)).map(([, image]) => whole("removed", image));
  return ok([...compared.flatMap((each) => (each.ok ? [each.value] : [])), ...removed]);
}

interface OneSide {
  readonly side: Side;
  readonly image: ReadImage;
}

async function compareImages(older: OneSide, newer: OneSide): Promise<Result<ChangedPlatform, StoreFailure>> {
  const settings = await Promise.all([older, newer].map(settingsOf));
  const packages = await Promise.all([older, newer].map(packagesOf));
  const failed = [...settings, ...packages].find((each) => !each.ok);
  if (failed?.ok === false) return failed;
  const [before, after] = settings.map((each) => (each.ok ? each.value : undefined));
  const [had, has] = packages.map((each) => (each.ok ? each.value : undefined));
  return ok({
    kind: "changed",
    platform: newer.image.platform,
    digests: { older: older.image.digest, newer: newer.image.digest },
    sizes: { older: sizeOf(older.image), newer: sizeOf(newer.image) },
    layers: diffLayers(layersOf(older.image), layersOf(newer.image)),
    settings: diffSettings(before ?? new Map(), after ?? new Map()),
    ...(had === undefined || has === undefined ? {} : { packages: diffPackages(had, has) }),
    attestations: { older: kindsOf(older), newer: kindsOf(newer) },
  });
}

async function settingsOf({
  side: { source },
  image,
}: OneSide): Promise<Result<ReadonlyMap<string, string>, StoreFailure>> {
  const { store, documents, signal } = source;
  const read = await rememberBlobs(store, documents).blob(image.manifest.config, { signal });
  return read.ok ? ok(configSettings(read.value)) : read;
}

async function packagesOf({
  side: { source, entries },
  image,
}: OneSide): Promise<Result<readonly SbomPackage[] | undefined, StoreFailure>> {
  const { store, documents, signal } = source;
  const reader: Parameters<typeof readSboms>[0] = {
    ...rememberBlobs(store, documents),
    manifest: (reference, signal) => store.manifest(reference, signal),
    referrers: (digest, signal) => store.referrers(digest, signal),
  };
  const sboms = await readSboms(reader, image.digest, entries, signal);
  if (!sboms.ok) return sboms;
  return ok(sboms.value.length === 0 ? undefined : sboms.value.flatMap(({ packages }) => packages));
}

function diffLayers(older: readonly DiffLayer[], newer: readonly DiffLayer[]): LayerChanges {
  const first = newer.findIndex(({ digest }, at) => older[at]?.digest !== digest);
  const common = first === -1 ? newer.length : first;
  return { kept: newer.slice(0, common), removed: older.slice(common), added: newer.slice(common) };
}

function layersOf({ manifest, config }: ReadImage): readonly DiffLayer[] {
  const made = config.history.filter(({ emptyLayer }) => !emptyLayer);
  const isTold = made.length === manifest.layers.length;
  return manifest.layers.map(({ digest, size }, at) => {
    const line = isTold ? made[at]?.createdBy : undefined;
    return { digest, size, ...(line === undefined || line === "" ? {} : { madeBy: line }) };
  });
}

function kindsOf({ side, image }: OneSide): readonly AttestationKind[] {
  const own = side.children.statements.filter(({ subject }) => subject === image.digest);
  return [...new Set(own.map(({ kind }) => kind))];
}

function whole(kind: "added" | "removed" | "same", image: ReadImage): PlatformDiff {
  return { kind, platform: image.platform, digest: image.digest, size: sizeOf(image) };
}

function sideOf({ source, digest, mediaType, children }: Side): DiffSide {
  const size = children.images.reduce((sum, image) => sum + sizeOf(image), 0);
  return { reference: source.name, digest, mediaType, size };
}

function sizeOf({ manifest }: ReadImage): number {
  return manifest.layers.reduce((sum, { size }) => sum + size, manifest.config.size);
}
