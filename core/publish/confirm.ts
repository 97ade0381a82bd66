import type { Platform } from "../../platforms/platform.ts";
import type { Descriptor } from "../oci/descriptor.ts";
import type { Digest } from "../oci/digest.ts";
import type { Repository } from "../oci/reference.ts";
import type { RegistryFailure } from "../registry/registry.ts";

/** What the registry really holds for a variant: read back, and its platform verified against the image config. */
export interface PublishedManifest {
  readonly variant: string;
  readonly platform: Platform;
  /** The image manifest, as it will stand in the index: with platform and descriptor annotations. */
  readonly manifest: Descriptor;
  /** Attestation manifests that refer to it, as they will stand in the index. */
  readonly attestations: readonly Descriptor[];
  /** Config and layers, compressed, in bytes. */
  readonly size: number;
  readonly layers: readonly Descriptor[];
}

/** What was pushed is not what the plan asked for, or could not be read back. */
export type ConfirmFailure =
  | {
      readonly kind: "confirm-unreadable";
      readonly repository: Repository;
      readonly digest: Digest;
      readonly cause: RegistryFailure;
    }
  | {
      readonly kind: "platform-mismatch";
      readonly repository: Repository;
      readonly digest: Digest;
      readonly declared: Platform;
      readonly actual: Platform;
    }
  | {
      readonly kind: "document-invalid";
      readonly repository: Repository;
      readonly digest: Digest;
      readonly detail: string;
    };
