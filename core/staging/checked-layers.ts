/**
 * What a staging record keeps of the look into a variant's layers, so that whoever takes the variant over holds its platform against
 * others without reading a layer: for each layer, which of its programs speak against the image. Nearly always that is none.
 */
import * as z from "zod/mini";
import type { VerifySettings } from "../plan/plan.ts";
import { taleOf } from "../verify/across.ts";
import type { ImageToVerify, LayerTale, VerifiedImage } from "../verify/verified.ts";

/** Raise it where the same text is to mean something else. */
const FORMAT = 1;
/** More is not kept: a registry's limits for a manifest are far away, and the layers can be read again. */
export const MAX_CHECKED_BYTES = 64 * 1024;

const text = z.string().check(z.minLength(1));
const index = z.int().check(z.nonnegative());

const format = z.object({
  format: z.literal(FORMAT),
  /** How many layers the image has. */
  layers: index,
  /** Those that were not looked into. */
  unread: z.array(index),
  /** Those that speak against the image: path and target of each program. */
  told: z.array(
    z.object({
      layer: index,
      reached: z.boolean(),
      programs: z.array(z.tuple([text, text])).check(z.minLength(1)),
    }),
  ),
});

/**
 * What was found in the layers of an image that has passed its checks. Undefined where it would be too long, or a layer is not what
 * the config says: such an image is looked into again.
 */
export function packChecked(verified: VerifiedImage): string | undefined {
  const { image } = verified;
  const tales = image.layers.map((_, layer) => taleOf(verified, layer));
  const isRight = tales.every(
    (tale, layer) => tale === undefined || tale.diffId === image.config.diffIds[layer],
  );
  if (!isRight) return undefined;
  const packed: z.output<typeof format> = {
    format: FORMAT,
    layers: tales.length,
    unread: tales.flatMap((tale, layer) => (tale === undefined ? [layer] : [])),
    told: tales.flatMap((tale, layer) => packTale(tale, layer)),
  };
  const json = JSON.stringify(packed);
  return Buffer.byteLength(json) > MAX_CHECKED_BYTES ? undefined : json;
}

function packTale(tale: LayerTale | undefined, layer: number): z.output<typeof format>["told"] {
  if (tale === undefined || tale.programs.length === 0) return [];
  const programs = tale.programs.map(({ path, madeFor }): [string, string] => [path, madeFor]);
  return [{ layer, reached: tale.isReached, programs }];
}

/**
 * The image as the earlier look has left it: what its layers say to those of other platforms. Undefined where the text is of another
 * version, or cannot be about this image.
 */
export function unpackChecked(
  packed: string,
  image: ImageToVerify,
  settings: VerifySettings,
): VerifiedImage | undefined {
  if (Buffer.byteLength(packed) > MAX_CHECKED_BYTES) return undefined;
  const read = format.safeParse(parseJson(packed));
  if (!read.success || read.data.layers !== image.layers.length) return undefined;
  const tales = talesOf(read.data, image);
  if (tales === undefined) return undefined;
  const layers = image.layers.map(() => undefined);
  return { image, layers, tales, findings: [], programs: 0, bytesRead: 0, settings };
}

function talesOf(
  { layers, unread, told }: z.output<typeof format>,
  { config }: ImageToVerify,
): VerifiedImage["tales"] {
  const known = new Map(told.map((each) => [each.layer, each]));
  const named = [...unread, ...known.keys()];
  const isOnce = new Set(named).size === unread.length + told.length;
  if (!isOnce || named.some((layer) => layer >= layers)) return undefined;
  const tales: (LayerTale | undefined)[] = [];
  for (let layer = 0; layer < layers; layer++) {
    const diffId = config.diffIds[layer];
    const isRead = !unread.includes(layer);
    // One that was read has what the config says: anything else does not pass.
    if (isRead && diffId === undefined) return undefined;
    const { programs = [], reached = false } = known.get(layer) ?? {};
    const listed = programs.map(([path, madeFor]) => ({ path, madeFor }));
    tales.push(isRead && diffId !== undefined ? { diffId, programs: listed, isReached: reached } : undefined);
  }
  return tales;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
