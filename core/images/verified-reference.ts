import type { Platform } from "../../platforms/platform.ts";
import type { Finding } from "../findings/finding.ts";
import type { Severity } from "../findings/rules.ts";
import type { DocumentMemory, LayerMemory } from "../layers/layer.ts";
import type { Digest } from "../oci/digest.ts";
import type { VerifySettings } from "../plan/plan.ts";
import type { AttestationDemand, AttestationKind } from "../verify/attestations.ts";
import type { Inspected } from "./inspect.ts";

/** What is to be verified of an image or index that is there already, whoever made it. */
export interface VerifyRequest {
  readonly target: Inspected;
  /** Other places that must hold the very same digest. */
  readonly copies: readonly Inspected[];
  /** An older image, none of whose platforms may be gone. */
  readonly against?: Inspected;
  /** The exact set of platforms; absent: any. */
  readonly platforms?: readonly Platform[];
  /** Attestations that each image must have. Their content is read only where some are demanded. */
  readonly attestations: AttestationDemand;
  readonly settings: VerifySettings;
}

/** What a verification needs of the world. */
export interface VerifyReferenceWorld {
  readonly layers: LayerMemory;
  readonly documents: DocumentMemory;
  readonly signal: AbortSignal;
}

/** What was found. */
export interface VerifiedReference {
  readonly reference: string;
  readonly mediaType: string;
  readonly digest: Digest;
  /** In the order of the index; a single image is the only one. */
  readonly images: readonly VerifiedEntry[];
  /** The older image and what became of its platforms. */
  readonly against?: PlatformChanges;
  readonly findings: readonly Finding[];
  /** Bytes of layers that had to be read: none where all were known. */
  readonly bytesRead: number;
}

/** One image of it. */
export interface VerifiedEntry {
  readonly platform: Platform;
  readonly digest: Digest;
  /** Config and layers, compressed, in bytes. */
  readonly size: number;
  /** Programs that a container sees and that were checked; undefined where layers were not read. */
  readonly programs?: number;
  /** Worst of what was found in it and about it. */
  readonly verdict: Severity | "fine";
  readonly attestations: readonly AttestationKind[];
}

/** What changed from an older index to a newer one. */
export interface PlatformChanges {
  readonly reference: string;
  readonly digest: Digest;
  readonly lost: readonly Platform[];
  readonly added: readonly Platform[];
  readonly changed: readonly Platform[];
  readonly unchanged: readonly Platform[];
}
