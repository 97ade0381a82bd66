import { createHash } from "node:crypto";
import type { Inputs } from "../inputs/inputs.ts";
import type { Digest } from "../oci/digest.ts";
import type { PlannedRelease } from "../plan/plan.ts";
import type { ConfirmedImage } from "../publish/confirm.ts";
import { gatesFingerprint } from "../staging/gates-fingerprint.ts";
import type { Place, TakeOverOptions } from "./place.ts";
import type { Circumstances } from "./take-over.ts";

/** The annotation by which an index says what an image in it was made of. */
export const INPUTS_ANNOTATION = "dev.buildx-plan.inputs";

/** What an index says of a variant's inputs: those that it was made of, and the checks that it has passed. */
export async function markOf(
  { variant, release }: Place,
  circumstances: Circumstances,
  { inputsOf }: TakeOverOptions,
): Promise<Digest | undefined> {
  const inputs = await inputsOf(variant, circumstances);
  if (inputs === undefined || !isWhole(inputs, release)) return undefined;
  const facts = `${inputs.digest}\n${gatesFingerprint({ release, variant })}`;
  return `sha256:${createHash("sha256").update(facts).digest("hex")}`;
}

/** Are all inputs in the digest, as far as the plan minds? */
export function isWhole({ unknown }: Inputs, { unknownInputs }: PlannedRelease): boolean {
  return unknown.length === 0 || unknownInputs === "ignore";
}

/** The image as the index will name it. */
export function withMark(image: ConfirmedImage, mark: Digest): ConfirmedImage {
  const annotations = { ...image.manifest.annotations, [INPUTS_ANNOTATION]: mark };
  return { ...image, manifest: { ...image.manifest, annotations } };
}
