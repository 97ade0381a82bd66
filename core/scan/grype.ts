import * as z from "zod/mini";
import { ok, type Result } from "../result.ts";
import { externalSource } from "./external.ts";
import type { ScanHost } from "./host.ts";
import { severityOfWord } from "./osv-record.ts";
import type { ScanFailure, SourceAnswer, Vulnerability, VulnerabilitySource } from "./source.ts";
import { unexpected } from "./tool.ts";

const text = z.catch(z.string(), "");
const texts = z.catch(z.array(z.string()), []);
const cvss = z.looseObject({ metrics: z.looseObject({ baseScore: z.number() }) });

const match = z.looseObject({
  vulnerability: z.looseObject({
    id: z.string(),
    dataSource: text,
    severity: text,
    description: text,
    cvss: z.catch(z.array(cvss), []),
    fix: z.catch(z.looseObject({ state: text, versions: texts }), { state: "", versions: [] }),
  }),
  relatedVulnerabilities: z.catch(z.array(z.looseObject({ id: text, cvss: z.catch(z.array(cvss), []) })), []),
  artifact: z.looseObject({ name: z.string(), version: text, type: text, purl: text }),
});

const report = z.looseObject({ matches: z.array(match) });

/**
 * Anchore's grype, with the database that it keeps itself.
 * @see https://github.com/anchore/grype#usage
 */
export function grype(host: ScanHost): VulnerabilitySource {
  return externalSource(
    {
      name: "grype",
      program: "grype",
      variables: ["GRYPE_"],
      install: "Install grype (https://github.com/anchore/grype#installation).",
      argv: ({ kind, path }) => [
        `${kind === "sbom" ? "sbom" : "oci-dir"}:${path}`,
        "--output",
        "json",
        "--quiet",
      ],
      exitCodes: [0],
      read: readGrype,
    },
    host,
  );
}

/** Reads what `grype --output json` prints. */
export function readGrype(json: unknown): Result<SourceAnswer, ScanFailure> {
  const read = report.safeParse(json);
  if (!read.success) return unexpected("grype", z.prettifyError(read.error).slice(0, 300));
  return ok({ vulnerabilities: read.data.matches.map(vulnerabilityOf), notes: [] });
}

function vulnerabilityOf({
  vulnerability,
  relatedVulnerabilities: related,
  artifact,
}: z.output<typeof match>): Vulnerability {
  const { id, severity, description, dataSource, fix } = vulnerability;
  const scores = [...vulnerability.cvss, ...related.flatMap((each) => each.cvss)].map(
    ({ metrics }) => metrics.baseScore,
  );
  const [fixedVersion] = fix.state === "fixed" ? fix.versions : [];
  return {
    id,
    aliases: related.map((each) => each.id).filter((each) => each !== "" && each !== id),
    package: {
      name: artifact.name,
      version: artifact.version,
      ...(artifact.purl !== "" && { purl: artifact.purl }),
      type: artifact.type,
    },
    severity: severityOfWord(severity),
    ...(scores.length > 0 && { score: Math.max(...scores) }),
    ...(fixedVersion !== undefined && { fixedVersion }),
    ...(description !== "" && { title: description.slice(0, 200) }),
    ...(dataSource !== "" && { url: dataSource }),
  };
}
