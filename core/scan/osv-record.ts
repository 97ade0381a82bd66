import * as z from "zod/mini";
import type { VulnerabilitySeverity } from "../plan/plan.ts";
import { baseScore, severityOfScore } from "./cvss.ts";
import { canonicalName, orderOf, sameEcosystem, type OsvPackage } from "./ecosystem.ts";
import type { CompareVersions } from "./versions/natural.ts";
import { compareSemver } from "./versions/semver.ts";

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
  return (
    sameEcosystem(wanted.ecosystem, ecosystem) &&
    canonicalName(ecosystem, name) === canonicalName(ecosystem, wanted.name)
  );
}

function judgeAffected(found: OsvRecord, each: Affected, wanted: OsvPackage): Verdict {
  const { ecosystem, version } = wanted;
  const ranges = each.ranges.filter(({ type }) => type === "ECOSYSTEM" || type === "SEMVER");
  const ordered = ranges.flatMap(({ type, events }): OrderedRange[] => {
    const compare = type === "SEMVER" ? compareSemver : orderOf(ecosystem);
    return compare === undefined ? [] : [{ events, compare }];
  });
  const hit = ordered.find((one) => contains(one, version));
  if (hit === undefined && !each.versions.includes(version))
    return ordered.length < ranges.length && each.versions.length === 0
      ? { kind: "unordered" }
      : NOT_AFFECTED;
  if (each.ecosystem_specific.urgency === UNIMPORTANT) return { kind: "unimportant" };
  const fixedVersion =
    ordered.length < ranges.length
      ? onlyFixOf(ranges)
      : fixAbove(hit === undefined ? ordered : [hit], version);
  return {
    kind: "affected",
    ...(fixedVersion !== undefined && { fixedVersion }),
    ...severityOf(found, each),
  };
}

interface OrderedRange extends Pick<Range, "events"> {
  readonly compare: CompareVersions;
}

interface Event {
  readonly kind: "introduced" | "fixed" | "last_affected";
  readonly version: string;
}

/** Of events at one version: what ended there, ended before something new began; a last version has its vulnerability. */
const KINDS: readonly Event["kind"][] = ["fixed", "introduced", "last_affected"];

/**
 * Walks through the events in the order of their versions.
 * @see https://ossf.github.io/osv-schema/#evaluation
 */
function contains({ events, compare }: OrderedRange, version: string): boolean {
  const limits = events.flatMap(({ limit }) => (limit === "" ? [] : [limit]));
  if (limits.length > 0 && !limits.some((limit) => limit === "*" || compare(version, limit) < 0))
    return false;
  let isInside = false;
  for (const { kind, version: at } of sorted(events, compare)) {
    const order = isStart(kind, at) ? 1 : compare(version, at);
    if (kind === "introduced" && order >= 0) isInside = true;
    if (kind === "fixed" && order >= 0) isInside = false;
    if (kind === "last_affected" && order > 0) isInside = false;
  }
  return isInside;
}

/** `0` is before all versions, whatever an ecosystem takes for a version. */
function isStart(kind: Event["kind"], version: string): boolean {
  return kind === "introduced" && version === "0";
}

function sorted(events: Range["events"], compare: CompareVersions): readonly Event[] {
  const all = events.flatMap(({ introduced, fixed, last_affected: last }): Event[] => [
    ...(introduced === "" ? [] : [{ kind: "introduced" as const, version: introduced }]),
    ...(fixed === "" ? [] : [{ kind: "fixed" as const, version: fixed }]),
    ...(last === "" ? [] : [{ kind: "last_affected" as const, version: last }]),
  ]);
  return all.toSorted((one, other) => {
    const starts = Number(isStart(other.kind, other.version)) - Number(isStart(one.kind, one.version));
    if (starts !== 0) return starts;
    return compare(one.version, other.version) || KINDS.indexOf(one.kind) - KINDS.indexOf(other.kind);
  });
}

/** The lowest fixed version above this one. */
function fixAbove(ranges: readonly OrderedRange[], version: string): string | undefined {
  const above = ranges.flatMap(({ events, compare }) => {
    const fixes = fixesOf(events).filter((fixed) => compare(fixed, version) > 0);
    return fixes.toSorted(compare).slice(0, 1);
  });
  const [first] = ranges;
  return first === undefined ? undefined : above.toSorted(first.compare)[0];
}

/** Without an order nobody knows which of several comes next. */
function onlyFixOf(ranges: readonly Range[]): string | undefined {
  const fixes = ranges.flatMap(({ events }) => fixesOf(events));
  return fixes.length === 1 ? fixes[0] : undefined;
}

function fixesOf(events: Range["events"]): readonly string[] {
  return events.flatMap(({ fixed }) => (fixed === "" ? [] : [fixed]));
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
