import type { Platform } from "../../platforms/platform.ts";
import type { Descriptor } from "../oci/descriptor.ts";
import type { Digest } from "../oci/digest.ts";
import type { StoreFailure } from "../registry/store.ts";

/** What a reference holds, of whatever origin: OCI or Docker, an index or one image. */
export interface InspectedImage {
  readonly reference: string;
  readonly mediaType: string;
  readonly digest: Digest;
  readonly annotations: Readonly<Record<string, string>>;
  /** In the order of the index; a single image is the only one. */
  readonly platforms: readonly InspectedPlatform[];
  /** Layers that several platforms have in common, in the order in which they are first met. */
  readonly sharedLayers: readonly SharedLayer[];
  readonly oddities: readonly Oddity[];
}

/** What an index alone tells of its images, attestations left out. */
export interface ListedPlatforms {
  readonly reference: string;
  readonly mediaType: string;
  readonly digest: Digest;
  /** In the order of the index. */
  readonly platforms: readonly { readonly platform?: Platform; readonly digest: Digest }[];
}

/** One image, and what is attested of it. */
export interface InspectedPlatform {
  /** In canonical form; undefined where neither index nor config say. */
  readonly platform?: Platform;
  readonly digest: Digest;
  readonly mediaType: string;
  /** Of its manifest. */
  readonly annotations: Readonly<Record<string, string>>;
  /** Config and layers, compressed, in bytes. */
  readonly size: number;
  readonly layers: readonly Descriptor[];
  readonly attestations: readonly InspectedAttestation[];
}

/** One statement about an image: a layer of an attestation manifest. */
export interface InspectedAttestation {
  /** What it states, `https://slsa.dev/provenance/v0.2` for instance; empty where the layer does not say. */
  readonly predicateType: string;
  readonly digest: Digest;
  readonly size: number;
  /** The attestation manifest that holds it. */
  readonly manifest: Digest;
}

/** A layer and the images (by digest of their manifest) that have it. */
export interface SharedLayer {
  readonly digest: Digest;
  readonly size: number;
  readonly images: readonly Digest[];
}

/** Something that a reader of an index should know of and that most clients pass over. */
export type Oddity =
  | { readonly kind: "nested-index"; readonly digest: Digest }
  | { readonly kind: "foreign-entry"; readonly digest: Digest; readonly mediaType: string }
  | { readonly kind: "child-missing"; readonly digest: Digest; readonly platform?: Platform }
  | { readonly kind: "child-unreadable"; readonly digest: Digest; readonly detail: string }
  /** An index entry that names no platform: it was read from the config. */
  | { readonly kind: "platform-not-in-index"; readonly digest: Digest }
  /** It speaks of an image that is not in this index, or of none. */
  | { readonly kind: "attestation-stray"; readonly digest: Digest; readonly subject?: Digest };

/** Why there is nothing to show: the store's answer, or a document that is no image. */
export type InspectFailure =
  | StoreFailure
  | {
      readonly kind: "not-an-image";
      readonly reference: string;
      readonly digest: Digest;
      readonly detail: string;
    };
