import type { Finding } from "../findings/finding.ts";
import type { VerifiedImage } from "./verified.ts";

/** What only shows where the platforms of one release are held side by side: the tell-tales of an image built once and labelled many times. */
export function findAcross(_images: readonly VerifiedImage[]): readonly Finding[] {
  return [];
}
