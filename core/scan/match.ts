import type { SbomPackage } from "../oci/sbom.ts";
import { canonicalName, familyOf, type OsvPackage } from "./ecosystem.ts";
import { judgeRecord, type OsvRecord } from "./osv-record.ts";
import { installedPackage, vulnerabilityOf } from "./osv-vulnerability.ts";
import type { Vulnerability } from "./source.ts";

/** A package of the image, and what OSV calls it. */
export interface KnownPackage {
  readonly installed: SbomPackage;
  readonly known: OsvPackage;
}

/** Vulnerabilities of packages, and what could not be told. */
export interface Matched {
  readonly vulnerabilities: readonly Vulnerability[];
  readonly notes: readonly string[];
}

/** Finds the packages that records speak of; versions that cannot be ordered are noted, not guessed. */
export function matchRecords(records: readonly OsvRecord[], packages: readonly KnownPackage[]): Matched {
  const byName = Map.groupBy(packages, ({ known }) => nameOf(known));
  const vulnerabilities: Vulnerability[] = [];
  const unordered = new Set<string>();
  for (const record of records) {
    const names = new Set(record.affected.map((each) => nameOf(each.package)));
    for (const { installed, known } of [...names].flatMap((name) => byName.get(name) ?? [])) {
      const verdict = judgeRecord(record, known);
      if (verdict.kind === "affected")
        vulnerabilities.push(vulnerabilityOf(record, verdict, installedPackage(installed)));
      if (verdict.kind === "unordered") unordered.add(familyOf(known.ecosystem));
    }
  }
  const notes = [...unordered].map(
    (family) => `versions of ${family} are only compared with those that records list one by one`,
  );
  return { vulnerabilities, notes };
}

function nameOf({ ecosystem, name }: Pick<OsvPackage, "ecosystem" | "name">): string {
  return canonicalName(ecosystem, name);
}
