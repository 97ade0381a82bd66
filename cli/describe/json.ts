import { formatPlatformFull } from "../../platforms/platform.ts";
import { formatReference, formatRepository } from "../../core/oci/reference.ts";
import { positionOf } from "./source-frame.ts";
import type { Position } from "./source-frame.ts";
import type { Failure } from "../../core/failure.ts";
import type { Finding } from "../../core/findings/finding.ts";
import type { ConfirmFailure } from "../../core/publish/confirm.ts";
import type { TagRefusal } from "../../core/publish/guard.ts";
import type { RollbackIncomplete } from "../../core/publish/rollback.ts";
import type { Diagnostic } from "../../core/plan/source.ts";
import type { RouteRefused } from "../../core/route/route.ts";

/** A failure as `--json` and `--progress json` give it: its kind and its facts, platforms and repositories as people write them. */
export interface FailureJson {
  readonly kind: Failure["kind"];
  readonly [fact: string]: unknown;
}

/** A problem of the plan as `--json` gives it. */
export interface DiagnosticJson {
  readonly severity: "error" | "warning";
  readonly message: string;
  readonly location: Position;
  readonly hint?: string;
  readonly related: readonly { readonly message: string; readonly location: Position }[];
}

/** A finding as `--json` gives it. */
export interface FindingJson {
  readonly rule: string;
  readonly severity: "error" | "warning" | "note";
  readonly message: string;
  readonly location?: Position;
  readonly image?: {
    readonly reference: string;
    readonly platform?: string;
    readonly layer?: string;
    readonly path?: string;
    readonly madeBy?: string;
  };
  readonly facts: readonly string[];
  readonly fix?: string;
}

/** The machine's form of a finding. */
export function findingJson({ location, image, facts = [], ...finding }: Finding): FindingJson {
  const { platform, ...place } = image ?? { reference: "" };
  const shown = platform === undefined ? place : { ...place, platform: formatPlatformFull(platform) };
  return {
    ...finding,
    ...(location === undefined ? {} : { location: positionOf(location) }),
    ...(image === undefined ? {} : { image: shown }),
    facts,
  };
}

/** The machine's form of a failure. Neither the plan's text nor a build's settings are in it: they may hold secrets. */
export function failureJson(failure: Failure): FailureJson {
  switch (failure.kind) {
    case "plan-invalid":
      return {
        kind: failure.kind,
        diagnostics: failure.diagnostics.map(diagnosticJson),
        ...(failure.unsetVariables === undefined
          ? {}
          : { unset: failure.unsetVariables.map(({ name, variable }) => ({ name, variable })) }),
      };
    case "scan-failed": {
      const { cause, ...facts } = failure;
      return { ...facts, ...(cause === undefined ? {} : { cause: failureJson(cause) }) };
    }
    case "vulnerabilities-found":
    case "verification-failed":
    case "preflight-failed":
      return { ...failure, findings: failure.findings.map(findingJson) };
    case "route-refused":
      return refusalJson(failure);
    case "confirm-unreadable":
      return { ...publishedJson(failure), cause: failureJson(failure.cause) };
    case "variant-not-pushed":
      return { kind: failure.kind, store: failure.store, cause: { ...failure.cause } };
    case "platform-mismatch":
      return {
        ...publishedJson(failure),
        declared: formatPlatformFull(failure.declared),
        actual: formatPlatformFull(failure.actual),
      };
    case "document-invalid":
      return { ...publishedJson(failure), detail: failure.detail };
    case "index-not-stored":
      return {
        kind: failure.kind,
        release: failure.release,
        repository: formatRepository(failure.repository),
        digest: failure.digest,
        cause: failureJson(failure.cause),
      };
    case "tags-refused":
      return { kind: failure.kind, refusals: failure.refusals.map(tagRefusalJson) };
    case "rollback-incomplete":
      return { kind: failure.kind, tags: failure.tags.map(rollbackJson) };
    case "release-failed":
      return {
        kind: failure.kind,
        release: failure.release,
        moved: failure.moved.map(formatReference),
        unchanged: failure.unchanged.map(formatReference),
        kept: failure.kept.map(formatReference),
        failedTag: formatReference(failure.failedTag),
        notTried: failure.notTried.map(formatReference),
        cause: failureJson(failure.cause),
        ...(failure.record === undefined ? {} : { record: failure.record }),
      };
    default:
      // All other kinds hold nothing but plain facts.
      return { ...failure };
  }
}

/** The machine's form of one problem of the plan. */
export function diagnosticJson(diagnostic: Diagnostic): DiagnosticJson {
  const { severity, message, location, hint, related = [] } = diagnostic;
  return {
    severity,
    message,
    location: positionOf(location),
    ...(hint === undefined ? {} : { hint }),
    related: related.map((place) => ({ message: place.message, location: positionOf(place.location) })),
  };
}

function refusalJson({ kind, variant, considered }: RouteRefused): FailureJson {
  return {
    kind,
    variant: variant.id,
    platform: formatPlatformFull(variant.platform),
    location: positionOf(variant.location),
    considered,
  };
}

function tagRefusalJson({ tag, ...refusal }: TagRefusal): unknown {
  const about = {
    ...refusal,
    tag: formatReference({ registry: tag.registry, path: tag.path, tag: tag.tag }),
  };
  return about.why === "unreadable" ? { ...about, cause: failureJson(about.cause) } : about;
}

function rollbackJson({ tag, problem }: RollbackIncomplete["tags"][number]): unknown {
  const { kind: why, ...facts } = problem;
  const cause = "cause" in facts ? { cause: failureJson(facts.cause) } : {};
  return { tag: formatReference(tag), why, ...facts, ...cause };
}

function publishedJson({ kind, store, digest }: ConfirmFailure): FailureJson {
  return { kind, store, digest };
}
