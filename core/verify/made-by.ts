import { findInstruction } from "../dockerfile/find-instruction.ts";
import { parseDockerfile } from "../dockerfile/parse.ts";
import { stageGraph, type BaseRequest } from "../dockerfile/stages.ts";
import type { ImagePlace } from "../findings/finding.ts";
import type { ImageConfig } from "../oci/documents.ts";
import type { Location } from "../plan/source.ts";
import type { ImageToVerify } from "./verified.ts";

/** Characters of a history line that are worth showing. */
const MOST_SHOWN = 200;

/** Where a layer, or a file of it, stands: in the image, and in the Dockerfile where that is known. */
export interface LayerPlace {
  readonly image: ImagePlace;
  readonly location?: Location;
}

/**
 * The history line that made a layer (index from 0, the base first): entries that are not empty are the layers, in order.
 * Undefined where there are not as many of them as layers: a wrong line is worse than none.
 * @see https://github.com/opencontainers/image-spec/blob/v1.1.1/config.md#properties (`history`)
 */
export function madeBy(
  config: Pick<ImageConfig, "history">,
  layers: number,
  layer: number,
): string | undefined {
  const line = makerOf(config, layers, layer)?.replaceAll(/\s+/g, " ").trim();
  return line === undefined || line === "" ? undefined : line.slice(0, MOST_SHOWN);
}

function makerOf(
  { history }: Pick<ImageConfig, "history">,
  layers: number,
  layer: number,
): string | undefined {
  const makers = history.filter(({ emptyLayer }) => !emptyLayer);
  return makers.length === layers ? makers[layer]?.createdBy : undefined;
}

/** The place of a layer of the image, and of a file in it. A base image's layer is there because of `FROM`, wherever it was made. */
export function placeOf(image: ImageToVerify, layer: number, path?: string): LayerPlace {
  const line = madeBy(image.config, image.layers.length, layer);
  const location = isBaseLayer(image, layer) ? baseFrom(image) : instructionOf(image, layer);
  const digest = image.layers[layer]?.digest;
  return {
    image: {
      ...imagePlace(image),
      ...(digest === undefined ? {} : { layer: digest }),
      ...(path === undefined ? {} : { path }),
      ...(line === undefined ? {} : { madeBy: line }),
    },
    ...(location === undefined ? {} : { location }),
  };
}

/** The place of the image itself. */
export function imagePlace({ reference, platform }: ImageToVerify): ImagePlace {
  return { reference, platform };
}

/**
 * Is the layer of the base image? With a Dockerfile: it lies below all layers that a line of it made. Without one, the first of
 * several is, unless its history says that it was copied.
 */
export function isBaseLayer(image: ImageToVerify, layer: number): boolean {
  if (image.dockerfile === undefined) {
    const line = madeBy(image.config, image.layers.length, 0);
    return layer === 0 && image.layers.length > 1 && !/^(?:\/bin\/sh -c #\(nop\) )?COPY\b/.test(line ?? "");
  }
  const own = image.layers.findIndex((_, at) => instructionOf(image, at) !== undefined);
  return own === -1 || layer < own;
}

/** The `FROM` that names the base image: that of the target (the last stage, where none is said), or of the stage it is built upon. */
export function baseFrom({ dockerfile, request = NO_REQUEST }: ImageToVerify): Location | undefined {
  if (dockerfile === undefined) return undefined;
  const parsed = parseDockerfile(dockerfile);
  if (!parsed.ok) return undefined;
  const { nodes, target } = stageGraph(parsed.value, request);
  let node = target;
  while (node?.base.kind === "stage") node = nodes[node.base.index];
  return node && { file: dockerfile, range: node.stage.from.instruction.range };
}

const NO_REQUEST: BaseRequest = { platform: { os: "linux", architecture: "amd64" }, args: {}, contexts: {} };

const instructionsOf = new WeakMap<ImageToVerify, readonly (Location | undefined)[]>();

/** Each look-up reads the Dockerfile, and several findings ask for all layers: they are found once. */
function instructionOf(image: ImageToVerify, layer: number): Location | undefined {
  const known = instructionsOf.get(image) ?? image.layers.map((_, at) => findInstructionOf(image, at));
  instructionsOf.set(image, known);
  return known[layer];
}

function findInstructionOf(image: ImageToVerify, layer: number): Location | undefined {
  const line = makerOf(image.config, image.layers.length, layer);
  if (image.dockerfile === undefined || line === undefined) return undefined;
  return findInstruction(image.dockerfile, line, image.request);
}
