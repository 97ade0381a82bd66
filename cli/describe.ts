import { describeDiagnostics } from "./describe/diagnostics.ts";
import { layOut } from "./describe/explanation.ts";
import { explainDelivery } from "./describe/deliver.ts";
import { explainLayout } from "./describe/layout.ts";
import { describePlan, explainUnreadable } from "./describe/plan.ts";
import { explainInit } from "./describe/init.ts";
import { explainConfirm } from "./describe/confirm.ts";
import { explainRegistry } from "./describe/registry.ts";
import { explainTagsRefused } from "./describe/guard.ts";
import { explainRecord, explainRollback } from "./describe/record.ts";
import { explainLayoutReference, explainReference } from "./describe/reference.ts";
import { explainRelease } from "./describe/release.ts";
import { explainScan } from "./describe/scan.ts";
import { explainSign } from "./describe/sign.ts";
import { explainTest } from "./describe/smoke.ts";
import { explainSolve } from "./describe/solve.ts";
import { explainInstall, explainRefusal, explainTool } from "./describe/tool.ts";
import { explainFindings } from "./describe/findings.ts";
import { explainGc } from "./describe/gc.ts";
import { explainContended, explainNotStaged } from "./describe/staged.ts";
import { explainStitch } from "./describe/stitch.ts";
import { explainTransfer } from "./describe/transfer.ts";
import { unreachable } from "./unreachable.ts";
import { visible } from "./text/safe.ts";
import { count } from "./text/units.ts";
import type { TextOptions } from "./describe/diagnostics.ts";
import type { Explanation, VariantContext } from "./describe/explanation.ts";
import type { Failure } from "../core/failure.ts";
import type { Diagnostic } from "../core/plan/source.ts";
import type { RegistryFailure } from "../core/registry/registry-failure.ts";

/** How a failure is put into words. */
export interface DescribeOptions extends TextOptions {
  /** The variant that it happened to; makes the text name platform and node, and the advice know about emulation. */
  readonly context?: VariantContext;
  /** Replaces secret values in the finished text. */
  readonly redact?: (text: string) => string;
}

/**
 * The text of a failure: what happened, where, and what to do next. The only place that has words for failures; quoted foreign
 * text is made harmless for a terminal. Several lines, without a line break at the end.
 */
export function describe(failure: Failure, options: DescribeOptions): string {
  const text = isPlanInvalid(failure)
    ? describePlan(failure, options)
    : layOut(explain(failure, options.context), options.colour).join("\n");
  return options.redact === undefined ? text : options.redact(text);
}

/** What happened in one line, for a row of a table or view. */
export function summarise(failure: Failure): string {
  return isPlanInvalid(failure)
    ? count(failure.diagnostics.length, "problem")
    : visible(explain(failure).headline);
}

/** What happened, its facts and what to do first, a line each: for a place that shows no log. */
export function outline(failure: Failure): readonly string[] {
  if (isPlanInvalid(failure)) return [summarise(failure)];
  const { headline, facts, advice } = explain(failure);
  return [headline, ...facts, ...advice.slice(0, 1)].map((line) => visible(line).trim());
}

/** What a registry has against us, and what to do about it, in a sentence each: for the report of many things. */
export function advise(failure: RegistryFailure): { readonly detail: string; readonly mend?: string } {
  // The first fact is the request, which is the same for all registries; the next one is what was said.
  const { headline, facts, advice } = explainRegistry(failure);
  const [, said] = facts;
  const [mend] = advice;
  const detail = visible(said === undefined ? headline : `${headline} (${said})`);
  return mend === undefined ? { detail } : { detail, mend: visible(mend) };
}

/** The text of a plan's warnings; empty without any. */
export function describeWarnings(warnings: readonly Diagnostic[], options: TextOptions): string {
  return describeDiagnostics(warnings, options);
}

type PlanInvalid = Extract<Failure, { readonly kind: "plan-invalid" }>;

function isPlanInvalid(failure: Failure): failure is PlanInvalid {
  return failure.kind === "plan-invalid";
}

function explain(failure: Exclude<Failure, PlanInvalid>, context?: VariantContext): Explanation {
  switch (failure.kind) {
    case "plan-not-found":
    case "plan-too-large":
    case "override-invalid":
      return explainUnreadable(failure);
    case "init-nothing-found":
    case "init-unusable":
    case "init-exists":
    case "init-unwritable":
      return explainInit(failure);
    case "route-refused":
      return explainRefusal(failure);
    case "connect-cancelled":
    case "tool-missing":
    case "builder-unreachable":
    case "builder-not-found":
    case "builder-unsuitable":
    case "managed-not-started":
      return explainTool(failure);
    case "install-failed":
    case "install-cancelled":
      return explainInstall(failure);
    case "step-failed":
    case "solve-refused":
    case "push-failed":
    case "node-lost":
    case "solve-timed-out":
    case "solve-stalled":
    case "emulator-crashed":
    case "result-missing":
    case "solve-cancelled":
      return explainSolve(failure, context);
    case "load-failed":
    case "variant-not-pushed":
      return explainDelivery(failure, context);
    case "confirm-unreadable":
    case "platform-mismatch":
    case "document-invalid":
      return explainConfirm(failure, context);
    case "release-incomplete":
    case "index-refused":
    case "index-not-stored":
    case "release-failed":
    case "attestations-missing":
      return explainRelease(failure);
    case "tags-refused":
      return explainTagsRefused(failure);
    case "record-unwritable":
    case "record-unreadable":
    case "record-invalid":
      return explainRecord(failure);
    case "rollback-incomplete":
      return explainRollback(failure);
    case "layout-missing":
    case "layout-invalid":
    case "layout-content-missing":
    case "layout-content-damaged":
    case "layout-inaccessible":
    case "layout-cancelled":
      return explainLayout(failure);
    case "reference-invalid":
      return explainReference(failure);
    case "layout-reference-invalid":
      return explainLayoutReference(failure);
    case "transfer-failed":
    case "transfer-invalid":
    case "tags-not-moved":
    case "source-moved":
      return explainTransfer(failure);
    case "child-refused":
    case "attestation-missing":
    case "stitch-refused":
      return explainStitch(failure);
    case "gc-incomplete":
    case "gc-unreadable":
    case "gc-changed":
    case "gc-not-deleted":
      return explainGc(failure);
    case "test-failed":
      return explainTest(failure, context);
    case "signing-unready":
    case "sign-failed":
    case "signature-unverified":
    case "sign-cancelled":
      return explainSign(failure);
    case "scan-unavailable":
    case "scan-failed":
    case "vulnerabilities-found":
      return explainScan(failure);
    case "verification-failed":
      return explainFindings(`${failure.of} is not what it says it is`, failure.findings);
    case "variant-not-staged":
      return explainNotStaged(failure);
    case "staging-contended":
      return explainContended(failure);
    case "preflight-failed":
      return explainFindings("the preflight checks found errors", failure.findings);
    case "not-an-image":
      return {
        headline: `${failure.reference} is no image`,
        facts: [failure.digest, failure.detail],
        advice: [],
      };
    case "registry-unreachable":
    case "registry-tls-failed":
    case "registry-denied":
    case "credentials-unusable":
    case "manifest-unknown":
    case "registry-rejected":
    case "digest-mismatch":
    case "registry-answer-invalid":
    case "outgoing-blob-invalid":
    case "registry-cancelled":
      return explainRegistry(failure);
    default:
      return unreachable(failure);
  }
}
