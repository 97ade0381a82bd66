import { digest } from "./run-events.ts";
import { platform, variant } from "./make.ts";
import type { Failure } from "../../core/failure.ts";
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

/**
 * One failure of each kind; a kind that is missing does not compile. `quote` stands wherever something foreign is quoted, so
 * that a test can look for what becomes of it.
 */
export function failuresOfEachKind(quote: string): {
  readonly [K in Kind]: Extract<Failure, { readonly kind: K }>;
} {
  return {
    "plan-not-found": { kind: "plan-not-found", path: quote, detail: quote, nearby: [quote] },
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
      failedTag: { ...repository, tag: "2" },
      notTried: [{ ...repository, tag: "3" }],
      cause: { kind: "registry-unreachable", ...facts, detail: quote },
    },
    "reference-invalid": {
      kind: "reference-invalid",
      problem: "malformed",
      text: quote,
      suggestion: quote,
    },
    "not-an-image": { kind: "not-an-image", reference: quote, digest: digest("a"), detail: quote },
    "route-refused": {
      kind: "route-refused",
      variant: variant("linux/arm64", { location }),
      considered: [
        { node: quote, why: "unsupported" },
        { node: "one", why: "would-emulate" },
        { node: "two", why: "would-run-natively" },
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
    "registry-cancelled": { kind: "registry-cancelled", ...facts },
  };
}
