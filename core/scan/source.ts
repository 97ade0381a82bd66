import type { SbomPackage } from "../oci/sbom.ts";
import type { VulnerabilitySeverity } from "../plan/plan.ts";
import type { StoreFailure } from "../registry/store.ts";
import type { Result } from "../result.ts";

/** Who can look for vulnerabilities, in the order in which they are tried. */
export const SOURCE_NAMES = [
  "osv-scanner",
  "grype",
  "trivy",
  "docker-scout",
  "osv-api",
  "osv-database",
] as const;

export type SourceName = (typeof SOURCE_NAMES)[number];

/** What is known of the packages of an image; each source takes some of these. */
export type ScanInput =
  /** Of any number of images: each package is asked for once. */
  | { readonly kind: "packages"; readonly packages: readonly SbomPackage[] }
  /** One image's SBOM as its maker wrote it, SPDX or CycloneDX, without a statement around it. */
  | { readonly kind: "sbom"; readonly format: "spdx" | "cyclonedx"; readonly bytes: Uint8Array }
  /** One image, whose packages are to be found in its layers. */
  | { readonly kind: "image"; readonly image: LocalImage };

/** One image of one platform on this machine's disk, until the scan is over. */
export interface LocalImage {
  /** OCI layout, a folder. */
  readonly layout: string;
  /** Tar file that is both an OCI layout and what `docker save` writes. */
  readonly archive: () => Promise<Result<string, ScanFailure>>;
}

/** A known vulnerability of a package that an image has. */
export interface Vulnerability {
  /** As the source names it: `CVE-2024-1234`, `GHSA-...`, `DEBIAN-CVE-...`. */
  readonly id: string;
  /** Other names of the same vulnerability. */
  readonly aliases: readonly string[];
  readonly package: VulnerablePackage;
  readonly severity: VulnerabilitySeverity;
  /** CVSS base score, 0 to 10. */
  readonly score?: number;
  /** The first version without it, where there is one. */
  readonly fixedVersion?: string;
  readonly title?: string;
  readonly url?: string;
}

export interface VulnerablePackage {
  readonly name: string;
  readonly version: string;
  readonly purl?: string;
  /** Of the purl (`deb`, `npm`), or the source's word for it. */
  readonly type: string;
}

/** Looks for known vulnerabilities in what an image holds. */
export interface VulnerabilitySource {
  readonly name: SourceName;
  /** What it can be given. */
  readonly takes: readonly ScanInput["kind"][];
  /** Is it there, and ready to answer? */
  available(signal: AbortSignal): Promise<Result<void, NotAvailable>>;
  scan(input: ScanInput, signal: AbortSignal): Promise<Result<SourceAnswer, ScanFailure>>;
}

/** What a source found. */
export interface SourceAnswer {
  readonly vulnerabilities: readonly Vulnerability[];
  /** How many packages it found; absent where it does not say. */
  readonly packages?: number;
  /** What it could not answer, a sentence each: an ecosystem without a database, versions that it cannot order. */
  readonly notes: readonly string[];
}

/** Why a source cannot be used here, and what would change that. */
export interface NotAvailable {
  readonly source: SourceName;
  readonly detail: string;
  /** What to do, one sentence. */
  readonly install: string;
}

/** No source is there to scan with, or not the one that was asked for. */
export interface ScanUnavailable {
  readonly kind: "scan-unavailable";
  readonly tried: readonly NotAvailable[];
}

/** An image could not be scanned: nobody knows what is in it, so it passes no gate. */
export interface ScanFailed {
  readonly kind: "scan-failed";
  /** Reference and platform of the image. */
  readonly of: string;
  readonly source?: SourceName;
  readonly problem:
    /** The source ended with an error, or did not end in time. */
    | "source-failed"
    | "timed-out"
    /** Its answer is not what it should be, or too much. */
    | "answer-invalid"
    /** It has no database of some of the packages. */
    | "database-incomplete"
    /** The image has no SBOM, and the source cannot read layers. */
    | "no-sbom"
    /** SBOM or image cannot be read. */
    | "unreadable"
    | "cancelled";
  readonly detail: string;
  /** What a registry or layout has against being read. */
  readonly cause?: StoreFailure;
}

/** How scanning one image fails; `of` is filled in by who knows the image. */
export type ScanFailure = Omit<ScanFailed, "kind" | "of">;
