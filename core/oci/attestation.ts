/**
 * Attestation manifests (provenance, SBOM) stand in an index beside the images that they speak of, as BuildKit puts them there:
 * with platform unknown/unknown, so that no client takes one for an image, and annotations that say what they are.
 * @see https://github.com/moby/buildkit/blob/master/docs/attestations/attestation-storage.md
 */
import type { Descriptor } from "./descriptor.ts";
import { parseDigest } from "./digest.ts";
import type { Digest } from "./digest.ts";

const ARTIFACT = "application/vnd.docker.attestation.manifest.v1+json";
const TYPE = "vnd.docker.reference.type";
const SUBJECT = "vnd.docker.reference.digest";

/** Is this entry of an index an attestation? One that claims a real platform is not: clients would run it. */
export function isAttestation({ annotations, platform }: Descriptor): boolean {
  const isHidden =
    platform === undefined || (platform.os === "unknown" && platform.architecture === "unknown");
  return isHidden && annotations?.[TYPE] === "attestation-manifest";
}

/**
 * Must this manifest be listed among the referrers of its subject to be found? BuildKit's attestations name a subject, too, but the
 * index beside them leads to them, and neither BuildKit nor any other client lists them: a tag for each would be noise.
 */
export function isListedReferrer({
  subject,
  artifactType,
}: {
  readonly subject?: Descriptor;
  readonly artifactType?: string;
}): boolean {
  return subject !== undefined && artifactType !== ARTIFACT;
}

/** Digest of the image that an attestation speaks of; undefined where it names none. */
export function attestedDigest({ annotations }: Descriptor): Digest | undefined {
  return parseDigest(annotations?.[SUBJECT] ?? "");
}
