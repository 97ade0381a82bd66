import * as z from "zod/mini";
import { ok, type Result } from "../result.ts";
import { externalSource } from "./external.ts";
import type { ScanHost } from "./host.ts";
import { severityOfScore } from "./cvss.ts";
import { severityOfWord } from "./osv-record.ts";
import { parsePurl } from "./purl.ts";
import type { ScanFailure, SourceAnswer, Vulnerability, VulnerabilitySource } from "./source.ts";
import { unexpected } from "./tool.ts";

const text = z.catch(z.string(), "");

const rule = z.looseObject({
  id: z.string(),
  helpUri: text,
  help: z.catch(z.looseObject({ text }), { text: "" }),
  properties: z.catch(
    z.looseObject({
      cvssV3_severity: text,
      fixed_version: text,
      purl: text,
      purls: z.catch(z.array(z.string()), []),
      "security-severity": text,
    }),
    { cvssV3_severity: "", fixed_version: "", purl: "", purls: [], "security-severity": "" },
  ),
});
type Rule = z.output<typeof rule>;

const result = z.looseObject({ ruleId: z.string(), message: z.catch(z.looseObject({ text }), { text: "" }) });

const report = z.looseObject({
  runs: z.array(
    z.looseObject({
      tool: z.looseObject({ driver: z.looseObject({ rules: z.nullish(z.array(rule)) }) }),
      results: z.nullish(z.array(result)),
    }),
  ),
});

/**
 * Docker Scout, the plugin of the docker CLI: its most complete format is SARIF.
 * @see https://docs.docker.com/reference/cli/docker/scout/cves/
 */
export function dockerScout(host: ScanHost): VulnerabilitySource {
  return externalSource(
    {
      name: "docker-scout",
      program: "docker",
      variables: ["DOCKER_"],
      install: "Install Docker Scout (https://docs.docker.com/scout/install/) and `docker login`.",
      probe: ["scout", "version"],
      argv: ({ kind, path }) => [
        "scout",
        "cves",
        "--format",
        "sarif",
        `${kind === "sbom" ? "sbom" : "oci-dir"}://${path}`,
      ],
      exitCodes: [0],
      read: readDockerScout,
    },
    host,
  );
}

/** Reads what `docker scout cves --format sarif` prints. */
export function readDockerScout(json: unknown): Result<SourceAnswer, ScanFailure> {
  const read = report.safeParse(json);
  if (!read.success) return unexpected("docker-scout", z.prettifyError(read.error).slice(0, 300));
  const vulnerabilities: Vulnerability[] = [];
  for (const { tool, results } of read.data.runs) {
    const rules = new Map((tool.driver.rules ?? []).map((each) => [each.id, each]));
    for (const { ruleId, message } of results ?? []) {
      const about = rules.get(ruleId);
      const found = about === undefined ? [] : vulnerabilitiesOf(about, message.text);
      // A result that nobody can read must not pass for none.
      if (found.length === 0)
        return unexpected("docker-scout", `no rule or package of ${ruleId.slice(0, 100)}`);
      vulnerabilities.push(...found);
    }
  }
  return ok({ vulnerabilities, notes: [] });
}

/** A rule may be about several packages, a result is about one: its message says which, and where that one is fixed. */
function vulnerabilitiesOf(
  { id, helpUri, help, properties }: Rule,
  message: string,
): readonly Vulnerability[] {
  const said = linesOf(message);
  const own = said.get("package") ?? "";
  const fixed = said.get("fixed version") ?? properties.fixed_version;
  const score = Number(properties["security-severity"] || Number.NaN);
  const word = severityOfWord(said.get("severity") ?? properties.cvssV3_severity);
  const severity = word === "unknown" && Number.isFinite(score) ? severityOfScore(score) : word;
  const purls = own.startsWith("pkg:") ? [own] : [...properties.purls, properties.purl];
  return [...new Set(purls)].flatMap((purl) => {
    const parsed = parsePurl(purl);
    if (parsed === undefined) return [];
    const { type, namespace, name, version } = parsed;
    return {
      id,
      aliases: [],
      package: {
        name: namespace !== "" && type === "npm" ? `${namespace}/${name}` : name,
        version,
        purl,
        type,
      },
      severity,
      ...(Number.isFinite(score) && { score }),
      ...(fixed !== "" && fixed !== "not fixed" && { fixedVersion: fixed }),
      ...(help.text !== "" && { title: help.text.trim().slice(0, 200) }),
      ...(helpUri !== "" && { url: helpUri }),
    };
  });
}

/** `  Fixed version   : 1.2.3` */
function linesOf(message: string): ReadonlyMap<string, string> {
  return new Map(
    message.split("\n").flatMap((line): [string, string][] => {
      const colon = line.indexOf(":");
      return colon < 1 ? [] : [[line.slice(0, colon).trim().toLowerCase(), line.slice(colon + 1).trim()]];
    }),
  );
}
