import type { Platform } from "../../platforms/platform.ts";
import type { Finding } from "../findings/finding.ts";
import type { Descriptor } from "../oci/descriptor.ts";
import type { ScanGate } from "../plan/plan.ts";
import type { Store } from "../registry/store.ts";
import type { Result } from "../result.ts";
import type { ScanFailed, ScanUnavailable } from "./source.ts";

/** One image of one platform, and where it is. */
export interface ImageToScan {
  /** As findings name it. */
  readonly reference: string;
  readonly platform: Platform;
  readonly store: Store;
  readonly manifest: Descriptor;
  /** Attestation manifests that speak of it: one of them may hold its SBOM. */
  readonly attestations: readonly Descriptor[];
}

/** What sources need of this machine. */
export interface ScanHost {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly home: string;
  /** Absolute folder in which folders are made for the time of a scan. */
  readonly temporary: string;
}

/** Vulnerabilities that the plan lets no release have. */
export interface VulnerabilitiesFound {
  readonly kind: "vulnerabilities-found";
  /** Name of the release. */
  readonly of: string;
  /** Errors first. */
  readonly findings: readonly Finding[];
}

export type ScanGateFailure = ScanUnavailable | ScanFailed | VulnerabilitiesFound;

/**
 * Scans all images of a release, after they are confirmed and before its tags move. Answers the findings that do not stop it;
 * one that does, a source that is missing and a scan that fails stop the release.
 */
export async function scanGate(options: {
  /** Name of the release. */
  readonly of: string;
  readonly gate: ScanGate;
  readonly images: readonly ImageToScan[];
  readonly host: ScanHost;
  readonly signal: AbortSignal;
}): Promise<Result<readonly Finding[], ScanGateFailure>> {
  throw new Error(`Internal error: not written yet (${options.of})`);
}
