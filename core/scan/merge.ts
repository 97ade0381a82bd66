import type { VulnerabilitySeverity } from "../plan/plan.ts";
import type { Vulnerability } from "./source.ts";

const RANKS: readonly VulnerabilitySeverity[] = ["unknown", "low", "medium", "high", "critical"];

/** How bad a severity is: the more, the worse. */
export function rankOf(severity: VulnerabilitySeverity): number {
  return RANKS.indexOf(severity);
}

/**
 * One entry for each vulnerability of a package, under the name that most people know it by, its CVE: databases have several records
 * of the same. Advisories about several CVEs that are all named beside them are left out. The worst comes first.
 */
export function merged(found: readonly Vulnerability[]): readonly Vulnerability[] {
  const packages = Map.groupBy(found, (each) => keyOfPackage(each.package));
  const all = [...packages.values()].flatMap(mergedOfPackage);
  return all.toSorted(
    (one, other) =>
      rankOf(other.severity) - rankOf(one.severity) ||
      (other.score ?? 0) - (one.score ?? 0) ||
      compare(one.package.name, other.package.name) ||
      compare(one.id, other.id),
  );
}

/** The same package of two platforms has the same key. */
export function keyOfPackage({
  name,
  version,
  purl = "",
}: Pick<Vulnerability["package"], "name" | "version" | "purl">): string {
  return JSON.stringify([
    name,
    version,
    purl.replace(/(?<=[?&])arch=[^&#]{0,200}&?/, "").replace(/[?&]$/, ""),
  ]);
}

/** All names of a vulnerability, in capital letters. */
export function namesOf({ id, aliases }: Vulnerability): readonly string[] {
  return [id, ...aliases].map((name) => name.toUpperCase());
}

function mergedOfPackage(found: readonly Vulnerability[]): readonly Vulnerability[] {
  const known = new Map(
    found.flatMap((each) => {
      const [cve, ...others] = cvesOf(each);
      return cve === undefined || others.length > 0 ? [] : namesOf(each).map((name) => [name, cve] as const);
    }),
  );
  const groups = Map.groupBy(found, (each) => groupOf(each, known));
  return [...groups].flatMap(([id, group]) => {
    const [first, ...rest] = group;
    if (first === undefined) return [];
    const cves = cvesOf(first);
    if (cves.length > 1 && cves.every((cve) => groups.has(cve))) return [];
    return [rest.reduce(join, renamed(first, id))];
  });
}

/** `known` tells the CVE of a name: a record may name another one that names it. */
function groupOf(found: Vulnerability, known: ReadonlyMap<string, string>): string {
  const [cve, ...others] = cvesOf(found);
  if (cve !== undefined) return others.length === 0 ? cve : found.id;
  const names = namesOf(found).toSorted();
  return names.map((name) => known.get(name)).find((each) => each !== undefined) ?? names[0] ?? found.id;
}

function renamed(found: Vulnerability, id: string): Vulnerability {
  const names = [found.id, ...found.aliases];
  const aliases = names.filter((name) => name.toUpperCase() !== id.toUpperCase());
  // Groups are told by capital letters, which most databases do not write.
  const written = names.find((name) => name.toUpperCase() === id.toUpperCase()) ?? id;
  return { ...found, id: written, aliases: [...new Set(aliases)] };
}

function join(one: Vulnerability, other: Vulnerability): Vulnerability {
  const worse = rankOf(other.severity) > rankOf(one.severity) ? other : one;
  const score = Math.max(one.score ?? 0, other.score ?? 0);
  return {
    ...other,
    ...one,
    severity: worse.severity,
    ...(score > 0 && { score }),
    aliases: [...new Set([...one.aliases, ...renamed(other, one.id).aliases])],
  };
}

/** The CVEs that a record is about: distributions write `DEBIAN-CVE-2024-1`. */
export function cvesOf(found: Vulnerability): readonly string[] {
  const cves = namesOf(found).flatMap(
    (name) => /^(?:[A-Z]{2,20}-)?(CVE-\d{4}-\d{1,19})$/.exec(name)?.[1] ?? [],
  );
  return [...new Set(cves)];
}

function compare(one: string, other: string): number {
  return one < other ? -1 : Number(one > other);
}
