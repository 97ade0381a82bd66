import { fail, ok, type Result } from "../result.ts";
import { dockerScout } from "./docker-scout.ts";
import { grype } from "./grype.ts";
import type { ScanHost } from "./host.ts";
import { osvApi } from "./osv-api.ts";
import { osvDatabase } from "./osv-database.ts";
import { osvScanner } from "./osv-scanner.ts";
import {
  SOURCE_NAMES,
  type NotAvailable,
  type ScanUnavailable,
  type SourceName,
  type VulnerabilitySource,
} from "./source.ts";
import { trivy } from "./trivy.ts";

export type { ScanHost } from "./host.ts";

const SOURCES: Readonly<Record<SourceName, (host: ScanHost, database?: string) => VulnerabilitySource>> = {
  "osv-scanner": osvScanner,
  grype,
  trivy,
  "docker-scout": dockerScout,
  "osv-api": osvApi,
  "osv-database": osvDatabase,
};

/** Those that can look into a folder of OSV's own archives: with a database, nothing else is asked. */
const OF_DATABASE: readonly SourceName[] = ["osv-scanner", "osv-database"];

/** Is this the name of a source? */
export function isSourceName(text: string | undefined): text is SourceName {
  return SOURCE_NAMES.some((name) => name === text);
}

/** Which source is wanted; absent: the first that is there. */
export interface SourceWish {
  readonly source?: SourceName;
  /** Absolute folder of an offline database of OSV. */
  readonly database?: string;
}

/** Picks who scans: the one that is asked for, or the first that is there, always in the same order. */
export async function pickSource(
  { source: wanted, database }: SourceWish,
  host: ScanHost,
  signal: AbortSignal,
): Promise<Result<VulnerabilitySource, ScanUnavailable>> {
  const tried: NotAvailable[] = [];
  const usable = database === undefined ? SOURCE_NAMES : OF_DATABASE;
  for (const name of wanted === undefined ? usable : [wanted]) {
    if (!usable.includes(name)) {
      tried.push({
        source: name,
        detail: "it cannot use a database of OSV",
        install: "Leave out the database, or take `osv-scanner` or `osv-database`.",
      });
      continue;
    }
    const source = SOURCES[name](host, database);
    const available = await source.available(signal);
    if (available.ok) return ok(source);
    tried.push(available.error);
  }
  return fail({ kind: "scan-unavailable", tried });
}
