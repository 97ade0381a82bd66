import { fail, ok } from "../result.ts";
import type { Result } from "../result.ts";
import { judgeContent } from "./content.ts";
import { judgeStart } from "./entrypoint.ts";
import { judgeImage, withSeverity } from "./judged.ts";
import { judgeLabel } from "./label.ts";
import { judgeCount, judgeLayers } from "./layer-findings.ts";
import { readLayers, type ReadLayer } from "./read-layers.ts";
import type { ImageToVerify, VerifiedImage, VerifyFailure, VerifyWorld } from "./verified.ts";
import { viewImage } from "./view.ts";

/**
 * Looks into one image: reads the layers that are not known yet, merges them to what a container sees, and judges the programs
 * in it by the platform that the image is said to be for. Nothing is ever run.
 *
 * What the image starts comes first in the findings. With `content: off` only what the documents themselves say is judged.
 */
export async function verifyImage(
  image: ImageToVerify,
  world: VerifyWorld,
): Promise<Result<VerifiedImage, VerifyFailure>> {
  const { settings } = world;
  const labels = judgeLabel(image);
  if (settings.content === "off") {
    const layers = image.layers.map(() => undefined);
    const findings = [...labels, ...judgeCount(image)];
    return ok({ image, layers, findings, programs: 0, bytesRead: 0, settings });
  }
  const read = await readLayers(image.layers, world);
  if (!read.ok) return fail(read.error);
  const layers = read.value.map(summaryOf);
  const judged = judgeImage(image, viewImage(image.platform, layers), settings);
  const start = judgeStart(judged);
  const content = judgeContent(judged, start.paths);
  const findings = [...start.findings, ...content, ...labels, ...judgeLayers(image, read.value)];
  return ok({
    image,
    layers,
    findings: withSeverity(findings, settings.content),
    programs: judged.programs.length,
    bytesRead: read.value.reduce((sum, layer) => sum + (layer.kind === "read" ? layer.bytes : 0), 0),
    settings,
  });
}

function summaryOf(layer: ReadLayer): VerifiedImage["layers"][number] {
  return layer.kind === "read" ? layer.summary : undefined;
}
