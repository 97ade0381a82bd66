import { unreachable } from "../unreachable.ts";
import type { Failure } from "../../core/failure.ts";
import type { Finding } from "../../core/findings/finding.ts";

/**
 * What the process ends with: 0 done; 1 a build failed; 2 plan or usage invalid; 3 publishing failed; 4 verification failed;
 * 5 a builder or tool is missing; 130 interrupted. Public interface.
 */
export type ExitCode = 0 | 1 | 2 | 3 | 4 | 5 | 130;

/** The exit code that a failure ends a command with. */
export function exitCode(failure: Failure): ExitCode {
  switch (failure.kind) {
    case "step-failed":
    case "solve-refused":
    case "solve-timed-out":
    case "solve-stalled":
    case "emulator-crashed":
    case "result-missing":
      return 1;
    case "plan-not-found":
    case "plan-too-large":
    case "plan-invalid":
    case "override-invalid":
    case "init-nothing-found":
    case "init-unusable":
    case "init-exists":
    case "init-unwritable":
    case "reference-invalid":
    case "layout-reference-invalid":
    case "signing-unready":
    case "record-unreadable":
    case "record-invalid":
      return 2;
    case "push-failed":
    case "sign-failed":
    case "load-failed":
    case "variant-not-pushed":
    case "confirm-unreadable":
    case "registry-unreachable":
    case "registry-tls-failed":
    case "registry-denied":
    case "credentials-unusable":
    case "manifest-unknown":
    case "registry-rejected":
    case "digest-mismatch":
    case "registry-answer-invalid":
    case "outgoing-blob-invalid":
    case "index-not-stored":
    case "staging-contended":
    case "release-failed":
    case "tags-refused":
    case "record-unwritable":
    case "rollback-incomplete":
      return 3;
    case "layout-missing":
    case "layout-content-missing":
      return 2;
    case "layout-invalid":
    case "layout-content-damaged":
      return 4;
    case "layout-inaccessible":
      return 3;
    case "platform-mismatch":
    case "document-invalid":
    case "release-incomplete":
    case "attestations-missing":
    case "index-refused":
    case "not-an-image":
    case "transfer-invalid":
    case "source-moved":
    case "child-refused":
    case "attestation-missing":
    case "stitch-refused":
    case "gc-unreadable":
    case "gc-changed":
    case "test-failed":
    case "signature-unverified":
    case "vulnerabilities-found":
    case "verification-failed":
    case "variant-not-staged":
      return 4;
    // A gate that could not be checked is not passed.
    case "scan-failed":
      return failure.problem === "cancelled" ? 130 : 4;
    case "preflight-failed":
      return failure.findings.every(isAboutPublishing) ? 3 : 4;
    case "transfer-failed":
    case "tags-not-moved":
    case "gc-incomplete":
    case "gc-not-deleted":
      return exitCode(failure.cause) === 130 ? 130 : 3;
    case "route-refused":
    case "tool-missing":
    case "builder-unreachable":
    case "builder-not-found":
    case "builder-unsuitable":
    case "managed-not-started":
    case "install-failed":
    case "scan-unavailable":
    case "node-lost":
      return 5;
    case "sign-cancelled":
    case "connect-cancelled":
    case "solve-cancelled":
    case "registry-cancelled":
    case "layout-cancelled":
    case "install-cancelled":
      return 130;
    default:
      return unreachable(failure);
  }
}

/** A registry that takes no push is the same failure, whether it is met before the build or after it. */
function isAboutPublishing({ severity, rule }: Finding): boolean {
  return severity !== "error" || rule === "push-denied" || rule === "tag-exists";
}

/** The exit code of a run with several failures, in the plan's order: that of the first which is more than a cancellation. */
export function exitCodeOf(failures: readonly Failure[]): ExitCode {
  const codes = failures.map(exitCode);
  return codes.find((code) => code !== 130) ?? codes[0] ?? 0;
}
