import { formatPlatformFull, type Platform } from "../../platforms/platform.ts";
import type { Finding } from "../findings/finding.ts";
import type { Severity } from "../findings/rules.ts";
import type { ScanGate } from "../plan/plan.ts";
import { cvesOf, keyOfPackage, namesOf, rankOf } from "./merge.ts";
import type { Scanned } from "./scan.ts";
import type { Vulnerability } from "./source.ts";

/** What decides over vulnerabilities, without where the plan says it. */
export type Gate = Partial<Pick<ScanGate, "failOn">> & Pick<ScanGate, "onlyFixed" | "ignore">;

/** A vulnerability of a package, and the platforms that have it. */
export interface SharedVulnerability {
  readonly vulnerability: Vulnerability;
  readonly platforms: readonly Platform[];
}

/** Gathers what images have in common: one entry for each package and vulnerability, the worst first. */
export function acrossPlatforms({ images }: Pick<Scanned, "images">): readonly SharedVulnerability[] {
  const found = new Map<string, { readonly vulnerability: Vulnerability; readonly platforms: Platform[] }>();
  for (const { image, vulnerabilities } of images) {
    for (const vulnerability of vulnerabilities) {
      const key = `${vulnerability.id} ${keyOfPackage(vulnerability.package)}`;
      const entry = found.get(key) ?? { vulnerability, platforms: [] };
      entry.platforms.push(image.platform);
      found.set(key, entry);
    }
  }
  return [...found.values()].toSorted(
    (one, other) => rankOf(other.vulnerability.severity) - rankOf(one.vulnerability.severity),
  );
}

/** Is this vulnerability known and accepted, by any of its names? An advisory about several CVEs is where all of them are. */
export function isIgnored(vulnerability: Vulnerability, { ignore }: Pick<Gate, "ignore">): boolean {
  const ignored = new Set(ignore.map((name) => name.toUpperCase()));
  const cves = cvesOf(vulnerability);
  if (cves.length < 2) return namesOf(vulnerability).some((name) => ignored.has(name));
  const others = namesOf(vulnerability).filter((name) => !cves.some((cve) => name.endsWith(cve)));
  return cves.every((cve) => ignored.has(cve)) || others.some((name) => ignored.has(name));
}

/** Does this vulnerability stop a release? */
export function isHit(vulnerability: Vulnerability, gate: Gate): boolean {
  const { failOn, onlyFixed } = gate;
  if (failOn === undefined || rankOf(vulnerability.severity) < rankOf(failOn)) return false;
  if (onlyFixed && vulnerability.fixedVersion === undefined) return false;
  return !isIgnored(vulnerability, gate);
}

/** Vulnerabilities as findings: errors where the gate is hit. Those that are ignored are left out. */
export function judge(
  scanned: Pick<Scanned, "images">,
  { reference, gate }: { readonly reference: string; readonly gate: Gate },
): readonly Finding[] {
  const all = acrossPlatforms(scanned).filter(({ vulnerability }) => !isIgnored(vulnerability, gate));
  const findings = all.map((each) => findingOf(each, { reference, gate, images: scanned.images.length }));
  return [...findings.filter(isError), ...findings.filter((each) => !isError(each))];
}

const isError = ({ severity }: Finding): boolean => severity === "error";

function findingOf(
  { vulnerability, platforms }: SharedVulnerability,
  { reference, gate, images }: { readonly reference: string; readonly gate: Gate; readonly images: number },
): Finding {
  const { id, package: about, severity, score, fixedVersion, title, url } = vulnerability;
  const [only] = platforms;
  const isEverywhere = platforms.length === images && images > 1;
  const where = isEverywhere ? "all platforms" : platforms.map(formatPlatformFull).join(", ");
  const rating = score === undefined ? severity : `${severity}, CVSS ${score.toFixed(1)}`;
  return {
    rule: "vulnerability",
    severity: isHit(vulnerability, gate) ? "error" : weightOf(vulnerability),
    message: `${about.name} ${about.version} has ${id} (${severity})`,
    image: { reference, ...(platforms.length === 1 && only !== undefined && { platform: only }) },
    facts: [
      `severity ${rating}`,
      ...(title === undefined ? [] : [title.replaceAll(/\s+/g, " ")]),
      fixedVersion === undefined ? "no fixed version is known" : `fixed in ${fixedVersion}`,
      ...(platforms.length > 1 || images > 1 ? [`on ${where}`] : []),
      ...(url === undefined ? [] : [url]),
    ],
    fix:
      fixedVersion === undefined
        ? `Remove ${about.name}, or accept ${id} with \`ignore\` once somebody has looked at it.`
        : `Build with ${about.name} ${fixedVersion} or later: update the base image or the dependency.`,
  };
}

function weightOf({ severity }: Vulnerability): Severity {
  return rankOf(severity) >= rankOf("high") ? "warning" : "note";
}
