import type { ScanGateFailure } from "../../core/scan/gate.ts";
import type { ScanFailed, ScanUnavailable } from "../../core/scan/source.ts";
import { unreachable } from "../unreachable.ts";
import type { Explanation } from "./explanation.ts";
import { explainFindings } from "./findings.ts";
import { explainStore } from "./store.ts";

/** Why a scan stopped something, in words. */
export function explainScan(failure: ScanGateFailure): Explanation {
  switch (failure.kind) {
    case "scan-unavailable":
      return explainUnavailable(failure);
    case "scan-failed":
      return explainFailed(failure);
    case "vulnerabilities-found":
      return explainFindings(`${failure.of} has vulnerabilities that must not be released`, failure.findings);
    default:
      return unreachable(failure);
  }
}

function explainUnavailable({ tried }: ScanUnavailable): Explanation {
  const [only] = tried;
  const headline =
    tried.length === 1 && only !== undefined
      ? `${only.source} cannot look for vulnerabilities here`
      : "nothing that looks for vulnerabilities is here";
  return {
    headline,
    facts: tried.map(({ source, detail }) => `${source}: ${detail}`),
    advice: [...tried.slice(0, 2), ...tried.slice(2).slice(-1)].map(({ install }) => install),
  };
}

function explainFailed({ of, source, problem, detail, cause }: ScanFailed): Explanation {
  const explained = cause === undefined ? undefined : explainStore(cause);
  const who = source === undefined ? [] : [`scanned with ${source}`];
  return {
    headline: problem === "cancelled" ? `the scan of ${of} was interrupted` : `${of} could not be scanned`,
    facts: [detail, ...who, ...(explained === undefined ? [] : [explained.headline, ...explained.facts])],
    advice: [...adviceOf(problem), ...(explained?.advice ?? [])],
  };
}

function adviceOf(problem: ScanFailed["problem"]): readonly string[] {
  switch (problem) {
    case "no-sbom":
      return [
        "Build with `attest: { sbom: true }`, or install a scanner that reads layers: osv-scanner, grype or trivy.",
      ];
    case "database-incomplete":
      return ["Add what is missing to the database, or scan with another source (`--source`)."];
    case "timed-out":
    case "source-failed":
    case "answer-invalid":
      return ["Run the scanner by hand, or take another one with `--source`."];
    case "unreadable":
    case "cancelled":
      return [];
    default:
      return unreachable(problem);
  }
}
