import * as z from "zod/mini";
import { ok, type Result } from "../result.ts";
import { severityOfScore } from "./cvss.ts";
import type { OsvPackage } from "./ecosystem.ts";
import { judgeRecord, readRecord, type OsvRecord } from "./osv-record.ts";
import { vulnerabilityOf } from "./osv-vulnerability.ts";
import type { ScanFailure, SourceAnswer, Vulnerability } from "./source.ts";
import { unexpected } from "./tool.ts";

const source = "osv-scanner" as const;

const text = z.catch(z.string(), "");

const packageResult = z.looseObject({
  package: z.looseObject({ name: text, os_package_name: text, version: text, ecosystem: text }),
  vulnerabilities: z.nullish(z.array(z.unknown())),
  groups: z.catch(z.array(z.looseObject({ ids: z.catch(z.array(z.string()), []), max_severity: text })), []),
});
type PackageResult = z.output<typeof packageResult>;

const report = z.looseObject({
  results: z.nullish(z.array(z.looseObject({ packages: z.nullish(z.array(packageResult)) }))),
});

/** Reads what `osv-scanner --format json` prints; fails for an answer of which a part cannot be read. */
export function readOsvScanner(json: unknown): Result<SourceAnswer, ScanFailure> {
  const read = report.safeParse(json);
  if (!read.success) return unexpected(source, z.prettifyError(read.error).slice(0, 300));
  const packages = (read.data.results ?? []).flatMap((each) => each.packages ?? []);
  const vulnerabilities: Vulnerability[] = [];
  for (const each of packages) {
    const found = vulnerabilitiesOf(each);
    // A vulnerability that nobody can read must not pass for none.
    if (found === undefined)
      return unexpected(source, `a vulnerability of ${each.package.name.slice(0, 100)}`);
    vulnerabilities.push(...found);
  }
  return ok({ vulnerabilities, packages: packages.length, notes: [] });
}

function vulnerabilitiesOf(found: PackageResult): readonly Vulnerability[] | undefined {
  const { name, os_package_name: installed, version, ecosystem } = found.package;
  const asOsv: OsvPackage = { ecosystem, name, version };
  const records = (found.vulnerabilities ?? []).map(readRecord);
  if (records.includes(undefined)) return undefined;
  return records.flatMap((record) => {
    if (record === undefined || record.withdrawn !== "") return [];
    const verdict = judgeRecord(record, asOsv);
    if (verdict.kind === "unimportant") return [];
    const own = vulnerabilityOf(record, verdict, { name: installed || name, version, type: ecosystem });
    return [withScore(own, scoreOf(record, found))];
  });
}

/** Its own score knows versions of CVSS that we cannot compute. */
function withScore(found: Vulnerability, score: number | undefined): Vulnerability {
  if (score === undefined || found.score !== undefined || found.severity !== "unknown") return found;
  return { ...found, score, severity: severityOfScore(score) };
}

function scoreOf({ id }: OsvRecord, { groups }: PackageResult): number | undefined {
  const group = groups.find(({ ids }) => ids.includes(id));
  const score = Number(group?.max_severity || Number.NaN);
  return Number.isFinite(score) ? score : undefined;
}
