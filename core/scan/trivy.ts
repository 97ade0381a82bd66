import * as z from "zod/mini";
import { ok, type Result } from "../result.ts";
import { externalSource } from "./external.ts";
import type { ScanHost } from "./host.ts";
import { severityOfWord } from "./osv-record.ts";
import type { ScanFailure, SourceAnswer, Vulnerability, VulnerabilitySource } from "./source.ts";
import { unexpected } from "./tool.ts";

const text = z.catch(z.string(), "");
const scores = z.looseObject({ V3Score: z.catch(z.number(), 0), V40Score: z.catch(z.number(), 0) });

const vulnerability = z.looseObject({
  VulnerabilityID: z.string(),
  VendorIDs: z.catch(z.array(z.string()), []),
  PkgName: z.string(),
  PkgIdentifier: z.catch(z.looseObject({ PURL: text }), { PURL: "" }),
  InstalledVersion: text,
  FixedVersion: text,
  Severity: text,
  Title: text,
  PrimaryURL: text,
  CVSS: z.catch(z.record(z.string(), scores), {}),
});

const result = z.looseObject({
  Type: text,
  Packages: z.nullish(z.array(z.unknown())),
  Vulnerabilities: z.nullish(z.array(vulnerability)),
});

const report = z.looseObject({ SchemaVersion: z.number(), Results: z.nullish(z.array(result)) });

/**
 * Aqua's trivy, with the database that it keeps itself.
 * @see https://trivy.dev/latest/docs/configuration/reporting/#json
 */
export function trivy(host: ScanHost): VulnerabilitySource {
  return externalSource(
    {
      name: "trivy",
      program: "trivy",
      variables: ["TRIVY_"],
      install: "Install trivy (https://trivy.dev/latest/getting-started/installation/).",
      argv: ({ kind, path }) => [
        ...(kind === "sbom" ? ["sbom"] : ["image", "--scanners", "vuln"]),
        "--format",
        "json",
        "--quiet",
        "--list-all-pkgs",
        ...(kind === "sbom" ? [path] : ["--input", path]),
      ],
      exitCodes: [0],
      read: readTrivy,
    },
    host,
  );
}

/** Reads what `trivy --format json` prints. */
export function readTrivy(json: unknown): Result<SourceAnswer, ScanFailure> {
  const read = report.safeParse(json);
  if (!read.success) return unexpected("trivy", z.prettifyError(read.error).slice(0, 300));
  const results = read.data.Results ?? [];
  const packages = results.reduce((sum, each) => sum + (each.Packages?.length ?? 0), 0);
  return ok({
    vulnerabilities: results.flatMap((each) =>
      (each.Vulnerabilities ?? []).map((found) => vulnerabilityOf(found, each.Type)),
    ),
    ...(packages > 0 && { packages }),
    notes: [],
  });
}

function vulnerabilityOf(found: z.output<typeof vulnerability>, type: string): Vulnerability {
  const purl = found.PkgIdentifier.PURL;
  const score = Math.max(0, ...Object.values(found.CVSS).map(({ V3Score, V40Score }) => V3Score || V40Score));
  // Several branches that have it fixed: `1.2.6, 0.2.4`.
  const [fixedVersion = ""] = found.FixedVersion.split(",", 1);
  return {
    id: found.VulnerabilityID,
    aliases: found.VendorIDs,
    package: {
      name: found.PkgName,
      version: found.InstalledVersion,
      ...(purl !== "" && { purl }),
      type,
    },
    severity: severityOfWord(found.Severity),
    ...(score > 0 && { score }),
    ...(fixedVersion !== "" && { fixedVersion: fixedVersion.trim() }),
    ...(found.Title !== "" && { title: found.Title.slice(0, 200) }),
    ...(found.PrimaryURL !== "" && { url: found.PrimaryURL }),
  };
}
