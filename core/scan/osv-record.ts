import * as z from "zod/mini";
import type { VulnerabilitySeverity } from "../plan/plan.ts";
import { baseScore, severityOfScore } from "./cvss.ts";
import { orderOf, sameEcosystem, type OsvPackage } from "./ecosystem.ts";
import type { CompareVersions } from "./versions/natural.ts";

/**
 * Records of vulnerabilities as OSV writes them, read as loosely as is safe.
 * @see https://ossf.github.io/osv-schema/
 */

const text = z.catch(z.string(), "");
const texts = z.catch(z.array(z.string()), []);
const severities = z.catch(z.array(z.looseObject({ type: text, score: text })), []);
const specific = z.catch(z.looseObject({ severity: text, urgency: text }), { severity: "", urgency: "" });

const event = z.looseObject({ introduced: text, fixed: text, last_affected: text, limit: text });
const range = z.looseObject({ type: text, events: z.catch(z.array(event), []) });
const affected = z.looseObject({
  package: z.catch(z.looseObject({ ecosystem: text, name: text }), { ecosystem: "", name: "" }),
  ranges: z.catch(z.array(range), []),
  versions: texts,
  severity: severities,
  ecosystem_specific: specific,
  database_specific: specific,
});

const record = z.looseObject({
  id: z.string().check(z.minLength(1), z.maxLength(200)),
  aliases: texts,
  upstream: texts,
  summary: text,
  withdrawn: text,
  severity: severities,
  affected: z.catch(z.array(affected), []),
  database_specific: specific,
});

export type OsvRecord = z.output<typeof record>;
type Affected = z.output<typeof affected>;
type Range = z.output<typeof range>;

/** Reads one record; undefined for what is none. */
export function readRecord(json: unknown): OsvRecord | undefined {
  const read = record.safeParse(json);
  return read.success ? read.data : undefined;
}

/** What a record says of one version of a package. */
export type Verdict =
  | { readonly kind: "not-affected" }
  | {
      readonly kind: "affected";
      readonly fixedVersion?: string;
      readonly severity: VulnerabilitySeverity;
      readonly score?: number;
    }
  /** It does, and nobody needs to care. */
  | { readonly kind: "unimportant" }
  /** It gives ranges of versions that we cannot order. */
  | { readonly kind: "unordered" };

/** Debian's word for what cannot be exploited as it is packaged. */
const UNIMPORTANT = "unimportant";
const NOT_AFFECTED: Verdict = { kind: "not-affected" };

/** Does a record speak of this version of this package? */
export function judgeRecord(found: OsvRecord, wanted: OsvPackage): Verdict {
  if (found.withdrawn !== "") return NOT_AFFECTED;
  const verdicts = found.affected
    .filter((each) => isAbout(each, wanted))
    .map((each) => judgeAffected(found, each, wanted));
  return (
    verdicts.find(({ kind }) => kind === "affected") ??
    verdicts.find(({ kind }) => kind !== "not-affected") ??
    NOT_AFFECTED
  );
}

function isAbout(each: Affected, wanted: OsvPackage): boolean {
  const { ecosystem, name } = each.package;
  return name === wanted.name && sameEcosystem(wanted.ecosystem, ecosystem);
}

function judgeAffected(found: OsvRecord, each: Affected, wanted: OsvPackage): Verdict {
  const order = orderOf(wanted.ecosystem);
  const ranges = each.ranges.filter(({ type }) => type === "ECOSYSTEM" || type === "SEMVER");
  const isListed = each.versions.includes(wanted.version);
  const hit = order === undefined ? undefined : ranges.find((one) => contains(one, wanted.version, order));
  if (hit === undefined && !isListed)
    return order === undefined && ranges.length > 0 && each.versions.length === 0
      ? { kind: "unordered" }
      : NOT_AFFECTED;
  if (each.ecosystem_specific.urgency === UNIMPORTANT) return { kind: "unimportant" };
  const fixedVersion = fixOf(hit === undefined ? ranges : [hit], wanted.version, order);
  return {
    kind: "affected",
    ...(fixedVersion !== undefined && { fixedVersion }),
    ...severityOf(found, each),
  };
}

interface Event {
  readonly kind: "introduced" | "fixed" | "last_affected";
  readonly version: string;
}

/** Walks through the events in the order of their versions, as the schema has it. */
function contains({ events }: Range, version: string, compare: CompareVersions): boolean {
  let isInside = false;
  for (const { kind, version: at } of sorted(events, compare)) {
    const order = at === "0" && kind === "introduced" ? 1 : compare(version, at);
    if (kind === "introduced" && order >= 0) isInside = true;
    if (kind === "fixed" && order >= 0) isInside = false;
    if (kind === "last_affected" && order > 0) isInside = false;
  }
  return isInside;
}

function sorted(events: Range["events"], compare: CompareVersions): readonly Event[] {
  const all = events.flatMap(({ introduced, fixed, last_affected: last }): Event[] => [
    ...(introduced === "" ? [] : [{ kind: "introduced" as const, version: introduced }]),
    ...(fixed === "" ? [] : [{ kind: "fixed" as const, version: fixed }]),
    ...(last === "" ? [] : [{ kind: "last_affected" as const, version: last }]),
  ]);
  return all.toSorted((one, other) => {
    if (one.version === other.version) return 0;
    if (one.kind === "introduced" && one.version === "0") return -1;
    if (other.kind === "introduced" && other.version === "0") return 1;
    return compare(one.version, other.version);
  });
}

/** The lowest fixed version above this one. */
function fixOf(
  ranges: readonly Range[],
  version: string,
  order: CompareVersions | undefined,
): string | undefined {
  const fixes = ranges.flatMap(({ events }) => events.flatMap(({ fixed }) => (fixed === "" ? [] : [fixed])));
  if (order === undefined) return fixes.length === 1 ? fixes[0] : undefined;
  const above = fixes.filter((fixed) => order(fixed, version) > 0);
  return above.toSorted(order)[0];
}

const WORDS: ReadonlyMap<string, VulnerabilitySeverity> = new Map([
  ["negligible", "low"],
  ["low", "low"],
  ["moderate", "medium"],
  ["medium", "medium"],
  ["important", "high"],
  ["high", "high"],
  ["critical", "critical"],
]);

/** A severity in words, in any of the spellings that databases have. */
export function severityOfWord(word: string): VulnerabilitySeverity {
  return WORDS.get(word.trim().toLowerCase()) ?? "unknown";
}

const NOTHING = {
  severity: [],
  database_specific: { severity: "", urgency: "" },
  ecosystem_specific: { severity: "", urgency: "" },
};

/** The highest CVSS score that can be computed; else what the database calls it. */
export function severityOf(
  found: Pick<OsvRecord, "severity" | "database_specific">,
  each: Pick<Affected, "severity" | "database_specific" | "ecosystem_specific"> = NOTHING,
): { readonly severity: VulnerabilitySeverity; readonly score?: number } {
  const given = each.severity.length > 0 ? each.severity : found.severity;
  const scores = given
    .filter(({ type }) => type.startsWith("CVSS_V"))
    .flatMap(({ score }) => baseScore(score) ?? []);
  const words = [
    ...given.filter(({ type }) => !type.startsWith("CVSS_V")).map(({ score }) => score),
    found.database_specific.severity,
    each.database_specific.severity,
    each.ecosystem_specific.severity,
    each.ecosystem_specific.urgency,
  ].map(severityOfWord);
  const word = words.find((one) => one !== "unknown") ?? "unknown";
  if (scores.length === 0) return { severity: word };
  const score = Math.max(...scores);
  const computed = severityOfScore(score);
  return { severity: computed === "unknown" ? word : computed, score };
}
