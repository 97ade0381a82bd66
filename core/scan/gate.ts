import type { Finding } from "../findings/finding.ts";
import { hasErrors } from "../findings/finding.ts";
import type { ScanGate } from "../plan/plan.ts";
import type { PublishedManifest } from "../publish/confirm.ts";
import type { Store } from "../registry/store.ts";
import { fail, ok, type Result } from "../result.ts";
import { readAttestationManifests } from "../verify/attestations.ts";
import { judge } from "./judge.ts";
import { scanImages } from "./scan.ts";
import type { ScanFailed, ScanUnavailable } from "./source.ts";
import { isSourceName, pickSource, type ScanHost, type SourceWish } from "./sources.ts";

/** Vulnerabilities that a plan lets no release have. */
export interface VulnerabilitiesFound {
  readonly kind: "vulnerabilities-found";
  /** Name of the release, or a reference. */
  readonly of: string;
  /** Errors first. */
  readonly findings: readonly Finding[];
}

export type ScanGateFailure = ScanUnavailable | ScanFailed | VulnerabilitiesFound;

/** A release before its tags move. */
export interface ReleaseToScan {
  /** Its name. */
  readonly of: string;
  /** As findings name the images: a repository. */
  readonly reference: string;
  readonly gate: ScanGate;
  readonly images: readonly Pick<PublishedManifest, "platform" | "manifest" | "attestations">[];
  /** Where they are read from. */
  readonly store: Store;
  readonly host: ScanHost;
  readonly signal: AbortSignal;
}

/**
 * Scans all images of a release, after they are confirmed and before its tags move. Answers the findings that do not stop it;
 * one that does, a source that is missing and a scan that fails stop the release.
 */
export async function scanGate(release: ReleaseToScan): Promise<Result<readonly Finding[], ScanGateFailure>> {
  const { gate, images, reference, store, host, signal } = release;
  const scanned = await scanImages({
    images: images.map(({ platform, manifest, attestations }) => ({
      reference,
      platform,
      store,
      manifest: manifest.digest,
      statements: async () => await readAttestationManifests(store, manifest.digest, attestations, signal),
    })),
    host,
    ...wishOf(gate),
    signal,
  });
  if (!scanned.ok) return scanned;
  const findings = [
    ...judge(scanned.value, { reference, gate }),
    ...scanned.value.notes.map((note) => notTold(note, reference)),
  ];
  return hasErrors(findings)
    ? fail({ kind: "vulnerabilities-found", of: release.of, findings })
    : ok(findings);
}

/** What the source could not tell must not pass for nothing. */
function notTold(note: string, reference: string): Finding {
  const message = "Not all vulnerabilities could be told";
  return { rule: "vulnerability", severity: "note", message, image: { reference }, facts: [note] };
}

/** Is somebody there who can scan for this gate? Nobody should wait for a build to hear that nobody is. */
export async function checkSource(
  gate: ScanGate,
  host: ScanHost,
  signal: AbortSignal,
): Promise<Result<void, ScanUnavailable>> {
  const picked = await pickSource(wishOf(gate), host, signal);
  return picked.ok ? ok(undefined) : picked;
}

function wishOf({ source, database }: ScanGate): SourceWish {
  return {
    ...(isSourceName(source) && { source }),
    ...(database !== undefined && { database }),
  };
}
