import { digest } from "./run-events.ts";
import { platform, variant } from "./make.ts";
import type { Failure } from "../../core/failure.ts";
import type { Finding } from "../../core/findings/finding.ts";
import type { Location } from "../../core/plan/source.ts";

type Kind = Failure["kind"];

const file = { path: "buildx-plan.yaml", text: "version: 1\nimages: {app: {token: plan-text}}\n" };
const location: Location = { file, range: { start: 11, end: 17 } };
const repository = { registry: "registry.example", path: "team/app" };
const facts = {
  registry: "registry.example",
  repository: "team/app",
  reference: "1.2",
  request: { method: "PUT", url: "https://registry.example/v2/team/app/manifests/1.2", attempts: 1 },
};

function finding(quote: string): Finding {
  return {
    rule: "entrypoint-architecture",
    severity: "error",
    message: quote,
    location,
    image: {
      reference: quote,
      platform: platform("linux/arm64"),
      layer: digest("a"),
      path: quote,
      madeBy: quote,
    },
    facts: [quote],
    fix: quote,
  };
}

/**
 * One failure of each kind; a kind that is missing does not compile. `quote` stands wherever something foreign is quoted, so
 * that a test can look for what becomes of it.
 */
export function failuresOfEachKind(quote: string): {
  readonly [K in Kind]: Extract<Failure, { readonly kind: K }>;
} {
  return {
    "plan-not-found": { kind: "plan-not-found", path: quote, detail: quote, nearby: [quote] },
    "init-nothing-found": {
      kind: "init-nothing-found",
      directory: quote,
      from: "compose",
      lookedAt: [
        { source: "bake", files: [quote], unusable: quote },
        { source: "compose", files: [quote] },
        { source: "dockerfile", files: [quote], after: "bake" },
      ],
    },
    "init-unusable": { kind: "init-unusable", source: "bake", files: [quote], reasons: [quote] },
    "init-exists": { kind: "init-exists", path: quote },
    "init-unwritable": { kind: "init-unwritable", path: quote, detail: quote },
    "plan-too-large": { kind: "plan-too-large", path: quote, bytes: 10_000_000, maxBytes: 1_000_000 },
    "plan-invalid": {
      kind: "plan-invalid",
      diagnostics: [
        {
          severity: "error",
          message: quote,
          location,
          hint: quote,
          related: [{ message: quote, location }],
        },
      ],
    },
    "override-invalid": {
      kind: "override-invalid",
      option: "--set",
      value: quote,
      detail: quote,
      hint: quote,
    },
    "test-failed": {
      kind: "test-failed",
      variant: "app linux/arm64",
      command: quote,
      node: quote,
      execution: "emulated",
      reason: "exit-code",
      exitCode: 3,
      expected: { exitCode: 0, output: quote, timeoutMs: 60_000 },
      detail: quote,
      log: [quote],
    },
    "variant-not-staged": {
      kind: "variant-not-staged",
      variant: "app linux/arm64",
      lookedAt: [{ registry: "registry.example", path: "team/app", tag: "staged" }],
      why: { kind: "staging-malformed", digest: `sha256:${"a".repeat(64)}`, detail: quote },
    },
    "staging-contended": { kind: "staging-contended", attempts: 10 },
    "solve-stalled": { kind: "solve-stalled", stallMs: 600_000, step: quote, log: [quote] },
    "emulator-crashed": {
      kind: "emulator-crashed",
      crash: { signature: "signal", signal: 11, line: quote, isSilent: true },
      step: quote,
      exitCode: 139,
      log: [quote],
      dockerfile: { path: quote, line: 3 },
    },
    "signing-unready": { kind: "signing-unready", variable: quote, role: "password" },
    "sign-failed": { kind: "sign-failed", repository: quote, log: [quote] },
    "signature-unverified": { kind: "signature-unverified", repository: quote, log: [quote] },
    "sign-cancelled": { kind: "sign-cancelled" },
    "scan-unavailable": {
      kind: "scan-unavailable",
      tried: [
        { source: "grype", detail: quote, install: quote },
        { source: "trivy", detail: quote, install: quote },
      ],
    },
    "scan-failed": {
      kind: "scan-failed",
      of: quote,
      source: "grype",
      problem: "source-failed",
      detail: quote,
      cause: { kind: "layout-invalid", path: quote, detail: quote },
    },
    "vulnerabilities-found": { kind: "vulnerabilities-found", of: quote, findings: [finding(quote)] },
    "verification-failed": { kind: "verification-failed", of: quote, findings: [finding(quote)] },
    "preflight-failed": { kind: "preflight-failed", findings: [finding(quote)] },
    "layout-missing": { kind: "layout-missing", path: quote },
    "layout-invalid": { kind: "layout-invalid", path: quote, detail: quote },
    "layout-content-missing": {
      kind: "layout-content-missing",
      path: quote,
      reference: quote,
      known: [quote],
    },
    "layout-content-damaged": {
      kind: "layout-content-damaged",
      path: quote,
      digest: digest("a"),
      detail: quote,
    },
    "layout-inaccessible": { kind: "layout-inaccessible", path: quote, detail: quote },
    "layout-cancelled": { kind: "layout-cancelled", path: quote },
    "release-incomplete": {
      kind: "release-incomplete",
      release: quote,
      missing: [quote],
      unexpected: [quote],
    },
    "index-refused": {
      kind: "index-refused",
      release: quote,
      cause: { kind: "platform-twice", platform: quote, digests: [digest("a"), digest("b")] },
    },
    "index-not-stored": {
      kind: "index-not-stored",
      release: quote,
      repository,
      digest: digest("a"),
      cause: { kind: "registry-unreachable", ...facts, detail: quote },
    },
    "release-failed": {
      kind: "release-failed",
      release: quote,
      moved: [{ ...repository, tag: "1" }],
      unchanged: [{ ...repository, tag: "1.2" }],
      kept: [{ ...repository, tag: "1.2.3" }],
      failedTag: { ...repository, tag: "2" },
      notTried: [{ ...repository, tag: "3" }],
      cause: { kind: "registry-unreachable", ...facts, detail: quote },
      record: `/state/${quote}.json`,
    },
    "attestations-missing": { kind: "attestations-missing", release: quote, platforms: [quote] },
    "tags-refused": {
      kind: "tags-refused",
      refusals: [
        {
          release: "app",
          tag: { ...repository, tag: "1" },
          why: "unreadable",
          cause: { kind: "registry-unreachable", ...facts, detail: quote },
        },
        {
          release: "app",
          tag: { ...repository, tag: "2" },
          why: "foreign",
          digest: digest("a"),
          detail: quote,
        },
        { release: "app", tag: { ...repository, tag: "3" }, why: "exists", digest: digest("a") },
        {
          release: "app",
          tag: { ...repository, tag: "latest" },
          why: "shrinks",
          digest: digest("a"),
          lost: ["linux/arm64", quote],
        },
        {
          release: "app",
          tag: { ...repository, tag: "latest" },
          why: "older",
          digest: digest("a"),
          by: "version",
          now: quote,
          next: quote,
        },
      ],
    },
    "record-unwritable": {
      kind: "record-unwritable",
      path: quote,
      when: "before-build",
      detail: quote,
    },
    "record-unreadable": { kind: "record-unreadable", path: quote, detail: quote },
    "record-invalid": { kind: "record-invalid", path: quote, detail: quote },
    "rollback-incomplete": {
      kind: "rollback-incomplete",
      tags: [
        {
          tag: { ...repository, tag: "1" },
          problem: { kind: "moved-since", current: digest("b") },
        },
        { tag: { ...repository, tag: "2" }, problem: { kind: "moved-since", current: null } },
        {
          tag: { ...repository, tag: "3" },
          problem: {
            kind: "stays",
            cause: {
              kind: "registry-rejected",
              ...facts,
              status: 405,
              codes: [{ code: "UNSUPPORTED", message: quote }],
            },
          },
        },
        {
          tag: { ...repository, tag: "4" },
          problem: { kind: "failed", cause: { kind: "registry-unreachable", ...facts, detail: quote } },
        },
      ],
    },
    "reference-invalid": {
      kind: "reference-invalid",
      problem: "malformed",
      text: quote,
      suggestion: quote,
    },
    "layout-reference-invalid": { kind: "layout-reference-invalid", problem: "no-path", text: quote },
    "transfer-failed": {
      kind: "transfer-failed",
      from: quote,
      to: "registry.example/team/app",
      digest: digest("a"),
      cause: { kind: "registry-unreachable", ...facts, detail: quote },
    },
    "transfer-invalid": { kind: "transfer-invalid", store: quote, digest: digest("a"), detail: quote },
    "tags-not-moved": {
      kind: "tags-not-moved",
      digest: digest("a"),
      moved: [quote],
      failed: quote,
      notTried: [quote],
      cause: { kind: "registry-rejected", ...facts, status: 400, codes: [], body: quote },
    },
    "source-moved": {
      kind: "source-moved",
      source: quote,
      tag: "1.2",
      expected: digest("a"),
      actual: digest("b"),
    },
    "child-refused": {
      kind: "child-refused",
      child: quote,
      digest: digest("a"),
      problem: { kind: "no-image", mediaType: quote },
    },
    "attestation-missing": { kind: "attestation-missing", child: quote, digest: digest("a") },
    "stitch-refused": {
      kind: "stitch-refused",
      cause: { kind: "platform-twice", platform: quote, digests: [digest("a"), digest("b")] },
    },
    "gc-incomplete": {
      kind: "gc-incomplete",
      store: quote,
      via: quote,
      cause: { kind: "registry-unreachable", ...facts, detail: quote },
    },
    "gc-unreadable": { kind: "gc-unreadable", store: quote, digest: digest("a"), via: quote, detail: quote },
    "gc-changed": { kind: "gc-changed", store: quote, names: [quote] },
    "gc-not-deleted": {
      kind: "gc-not-deleted",
      store: quote,
      deleted: [quote],
      failed: quote,
      notTried: [quote],
      cause: { kind: "registry-rejected", ...facts, status: 405, codes: [], body: quote },
    },
    "not-an-image": { kind: "not-an-image", reference: quote, digest: digest("a"), detail: quote },
    "route-refused": {
      kind: "route-refused",
      variant: variant("linux/arm64", { location, builders: ["one", quote] }),
      considered: [
        { node: quote, why: "unsupported" },
        { node: "one", why: "would-emulate" },
        { node: "two", why: "would-run-natively" },
        { node: "three", why: "not-permitted" },
        { node: "four", why: "lost" },
      ],
    },
    "tool-missing": { kind: "tool-missing", tool: quote, neededFor: quote, install: quote },
    "builder-unreachable": { kind: "builder-unreachable", builder: quote, address: quote, detail: quote },
    "builder-not-found": { kind: "builder-not-found", builder: quote, known: [quote, "default"] },
    "builder-unsuitable": {
      kind: "builder-unsuitable",
      builder: quote,
      detail: quote,
      waysOut: [quote, "another"],
    },
    "managed-not-started": { kind: "managed-not-started", detail: quote, log: [quote], mend: quote },
    "step-failed": {
      kind: "step-failed",
      step: quote,
      message: quote,
      exitCode: 2,
      log: [quote],
      dockerfile: { path: "Dockerfile", line: 7 },
    },
    "solve-refused": { kind: "solve-refused", message: `${quote}\n${quote}` },
    "push-failed": { kind: "push-failed", registry: "registry.example", message: quote },
    "node-lost": { kind: "node-lost", node: "arm", detail: quote },
    "result-missing": { kind: "result-missing", detail: quote },
    "solve-timed-out": { kind: "solve-timed-out", timeoutMs: 2_700_000, step: quote },
    "install-failed": {
      kind: "install-failed",
      tool: "BuildKit",
      attempts: [
        { source: "path", reason: quote },
        { source: "archive", reason: quote },
      ],
    },
    "connect-cancelled": { kind: "connect-cancelled" },
    "install-cancelled": { kind: "install-cancelled", tool: "BuildKit" },
    "solve-cancelled": { kind: "solve-cancelled" },
    "confirm-unreadable": {
      kind: "confirm-unreadable",
      store: quote,
      digest: digest("pushed"),
      cause: { kind: "registry-unreachable", ...facts, detail: quote },
    },
    "load-failed": { kind: "load-failed", detail: quote },
    "variant-not-pushed": {
      kind: "variant-not-pushed",
      store: quote,
      cause: {
        kind: "transfer-failed",
        from: quote,
        to: quote,
        digest: digest("pushed"),
        cause: { kind: "registry-unreachable", ...facts, detail: quote },
      },
    },
    "platform-mismatch": {
      kind: "platform-mismatch",
      store: quote,
      digest: digest("pushed"),
      declared: platform("linux/arm64"),
      actual: platform("linux/amd64"),
    },
    "document-invalid": { kind: "document-invalid", store: quote, digest: digest("pushed"), detail: quote },
    "registry-unreachable": { kind: "registry-unreachable", ...facts, detail: quote },
    "registry-tls-failed": { kind: "registry-tls-failed", ...facts, detail: quote },
    "registry-denied": {
      kind: "registry-denied",
      ...facts,
      status: 403,
      codes: [{ code: "DENIED", message: quote }],
      credential: "~/.docker/config.json",
    },
    "credentials-unusable": {
      kind: "credentials-unusable",
      ...facts,
      source: "docker-credential-pass",
      detail: quote,
    },
    "manifest-unknown": {
      kind: "manifest-unknown",
      ...facts,
      status: 404,
      codes: [{ code: "MANIFEST_UNKNOWN", message: quote }],
    },
    "registry-rejected": { kind: "registry-rejected", ...facts, status: 500, codes: [], body: quote },
    "digest-mismatch": {
      kind: "digest-mismatch",
      ...facts,
      expected: digest("a"),
      actual: digest("b"),
      bytes: 1234,
    },
    "registry-answer-invalid": { kind: "registry-answer-invalid", ...facts, detail: quote },
    "outgoing-blob-invalid": { kind: "outgoing-blob-invalid", ...facts, size: 1234, actual: 1000 },
    "registry-cancelled": { kind: "registry-cancelled", ...facts },
  };
}
