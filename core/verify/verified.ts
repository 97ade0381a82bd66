import type { Platform } from "../../platforms/platform.ts";
import type { BaseRequest } from "../dockerfile/stages.ts";
import type { Finding } from "../findings/finding.ts";
import type { LayerMemory, LayerSummary } from "../layers/layer.ts";
import type { Descriptor } from "../oci/descriptor.ts";
import type { ImageConfig } from "../oci/documents.ts";
import type { Digest } from "../oci/digest.ts";
import type { VerifySettings } from "../plan/plan.ts";
import type { SourceFile } from "../plan/source.ts";
import type { Timing } from "../registry/retry.ts";
import type { Store, StoreFailure } from "../registry/store.ts";

/** One image of one platform, ready to be looked into: its documents were read and checked against their digests. */
export interface ImageToVerify {
  /** As findings name it. */
  readonly reference: string;
  /** What the index (or the plan) says that it is for. */
  readonly platform: Platform;
  readonly manifest: Digest;
  readonly config: ImageConfig;
  /** In the order of the manifest, the base first. */
  readonly layers: readonly Descriptor[];
  /** What it was built from, where that is known: findings then name the line. */
  readonly dockerfile?: SourceFile;
  /** How the Dockerfile was built: decides the target, and stages that variables name. */
  readonly request?: BaseRequest;
}

/** What looking into one image needs of the world. */
export interface VerifyWorld {
  readonly store: Store;
  readonly memory: LayerMemory;
  readonly settings: VerifySettings;
  readonly signal: AbortSignal;
  /** Given where the layers were pushed just now: some registries need a moment until what they took can be read. */
  readonly timing?: Pick<Timing, "sleep">;
}

/** What sentences say of a program: its path in the image, and what it is for (`linux/amd64`). */
export interface ToldProgram {
  readonly path: string;
  readonly madeFor: string;
}

/** What a layer says to whoever holds its image against others. */
export interface LayerTale {
  readonly diffId: Digest;
  /** Its programs for another CPU, where it has none for the image's; else none. */
  readonly programs: readonly ToldProgram[];
  /** Does one of them take part in starting the image, stand on its PATH, or belong to its C library? */
  readonly isReached: boolean;
}

/** What was found in one image. */
export interface VerifiedImage {
  readonly image: ImageToVerify;
  /** In the order of the manifest; undefined for a layer that is not kept with the image or could not be read. */
  readonly layers: readonly (LayerSummary | undefined)[];
  readonly findings: readonly Finding[];
  /** Programs that a container sees, those that `ignore` names left out. */
  readonly programs: number;
  /** Bytes that had to be read from the store: none where all layers were known. */
  readonly bytesRead: number;
  /** What its layers say, where that is known from an earlier look: instead of their summaries. Undefined for a layer that was not read then. */
  readonly tales?: readonly (LayerTale | undefined)[];
  /** What it was looked into with; the default where it is not said. */
  readonly settings?: VerifySettings;
}

/** An image could not be looked into at all. */
export type VerifyFailure = StoreFailure;

/** A release is stopped by what was found. */
export interface VerificationFailed {
  readonly kind: "verification-failed";
  /** A variant's id, a release's name or a reference. */
  readonly of: string;
  /** Errors first. */
  readonly findings: readonly Finding[];
}
