import { attestedDigest } from "../oci/attestation.ts";
import type { Descriptor, Document } from "../oci/descriptor.ts";
import type { Digest } from "../oci/digest.ts";
import type { Store } from "../registry/store.ts";
import { fail, ok, type Result } from "../result.ts";

/** An image of the new index, and where it comes from. */
export interface StitchedChild {
  readonly store: Store;
  /** As people named it. */
  readonly name: string;
  /** As it will stand in the index. */
  readonly entry: Descriptor;
  /** What is attested of it; none of another image. */
  readonly attestations: readonly Descriptor[];
  /** Its manifest, where it was read. */
  readonly document?: Document;
}

/** What becomes of attestations: `require` refuses an image without one. */
export type AttestationPolicy = "keep" | "strip" | "require";

/** An image without attestation, where every one must have one. */
export interface AttestationMissing {
  readonly kind: "attestation-missing";
  readonly child: string;
  readonly digest: Digest;
}

/** Keeps or strips attestations, or refuses images that have none. */
export function applyPolicy(
  children: readonly StitchedChild[],
  policy: AttestationPolicy,
): Result<readonly StitchedChild[], AttestationMissing> {
  if (policy === "strip") return ok(children.map((child) => ({ ...child, attestations: [] })));
  const bare = children.find(({ attestations }) => attestations.length === 0);
  if (policy === "require" && bare !== undefined)
    return fail({ kind: "attestation-missing", child: bare.name, digest: bare.entry.digest });
  return ok(children);
}

/** All attestations, in the order of their images. */
export function attestationsOf(children: readonly StitchedChild[]): readonly Descriptor[] {
  return children.flatMap(({ attestations }) => attestations);
}

/** Those among an index's attestations that speak of this image. */
export function attestationsFor(
  image: Descriptor,
  attestations: readonly Descriptor[],
): readonly Descriptor[] {
  return attestations.filter((entry) => attestedDigest(entry) === image.digest);
}
