import { gzipSync } from "node:zlib";
import { compareImages } from "../../core/reproduce/compare-images.ts";
import type { EntryChange, ImageDifference } from "../../core/reproduce/difference.ts";
import { packImage, type TestImage } from "./images.ts";
import { memoryRegistry } from "./memory-registry.ts";
import { paxPart, tarBytes, type TarPart } from "./tar-bytes.ts";

/** An entry of a layer, with all that may be different in another build. */
export interface LayerEntry extends Pick<TarPart, "type" | "content" | "linkName" | "mode"> {
  readonly name: string;
  readonly uid?: number;
  readonly gid?: number;
  readonly user?: string;
  readonly mtime?: number;
  readonly device?: number;
  readonly xattrs?: Readonly<Record<string, string>>;
}

/** The parts of a tar file with this entry. */
export function partsOf(entry: LayerEntry): readonly TarPart[] {
  const { uid = 0, gid = 0, user = "", mtime = 0, device = 0, xattrs = {}, ...part } = entry;
  const records = Object.entries(xattrs).map(([name, value]) => [`SCHILY.xattr.${name}`, value] as const);
  const raw: TarPart["raw"] = [
    [108, octal(uid, 7)],
    [116, octal(gid, 7)],
    [136, octal(mtime, 11)],
    [265, user],
    [337, octal(device, 7)],
  ];
  return [...(records.length === 0 ? [] : [paxPart(records)]), { ...part, raw }];
}

function octal(value: number, digits: number): string {
  return `${value.toString(8).padStart(digits, "0")}\0`;
}

/** A layer of these entries, compressed. */
export function layerOf(entries: readonly LayerEntry[], level = 6): Buffer {
  return gzipSync(tarBytes(entries.flatMap(partsOf)), { level });
}

/** An image of these layers, and what else its config says. */
export function imageOf(
  layers: readonly Buffer[],
  config: Readonly<Record<string, unknown>> = {},
): TestImage {
  return packImage({ os: "linux", architecture: "amd64", ...config }, layers);
}

/** Compares two images, which must be possible. */
export async function compared(first: TestImage, second: TestImage): Promise<ImageDifference | undefined> {
  const registry = memoryRegistry();
  const stored = [first, second].map((image, at) => {
    const repository = { registry: "registry.example", path: `build-${at}` };
    registry.push(repository, image);
    return { store: registry.store(repository), manifest: image.manifest.descriptor.digest };
  });
  const [one, other] = stored;
  if (one === undefined || other === undefined) throw new Error("two images, and not two stores");
  const result = await compareImages(one, other, new AbortController().signal);
  if (!result.ok) throw new Error(JSON.stringify(result.error));
  return result.value;
}

/** How the only layers of two images differ: for each way its path, its changes, and how many others there are. */
export async function changesBetween(
  first: readonly LayerEntry[],
  second: readonly LayerEntry[],
): Promise<readonly (readonly [path: string, changes: readonly EntryChange[], more: number])[]> {
  const difference = await compared(imageOf([layerOf(first)]), imageOf([layerOf(second)]));
  const [layer, ...others] = difference?.layers ?? [];
  if (others.length > 0) throw new Error("more than one layer was told");
  if (layer === undefined) return [];
  if (layer.kind !== "entries") throw new Error(`the layers differ by ${layer.kind}`);
  return layer.groups.map(({ example, more }) => [example.path, example.changes, more]);
}
