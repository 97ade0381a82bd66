import type { RegistryErrorCode, RegistryFailure } from "../registry/registry-failure.ts";

/**
 * Why a registry did not do what was asked, as the second half of a finding's sentence: `docker.io does not answer (ENOTFOUND)`.
 * Messages and codes are the registry's own.
 */
export function whyNot(failure: RegistryFailure): string {
  const { registry } = failure;
  switch (failure.kind) {
    case "registry-unreachable":
      return `${registry} does not answer (${failure.detail})`;
    case "registry-tls-failed":
      return `there is no TLS connection to ${registry} (${failure.detail})`;
    case "registry-denied":
      return `${registry} refused it (${said(failure)})`;
    case "credentials-unusable":
      return `the credentials from ${failure.source} cannot be used (${failure.detail})`;
    case "manifest-unknown":
      return `${registry} does not have it (${said(failure)})`;
    case "registry-rejected":
      return `${registry} answered ${said(failure)}`;
    case "digest-mismatch":
      return `${registry} sent other content than was asked for`;
    case "registry-answer-invalid":
    case "outgoing-blob-invalid":
      return `the answer of ${registry} cannot be used${"detail" in failure ? ` (${failure.detail})` : ""}`;
    case "registry-cancelled":
      return `${registry} gave no answer in time`;
    default:
      return failure satisfies never;
  }
}

/** May the same request succeed in a while, with nothing done about it? */
export function mayPass(failure: RegistryFailure): boolean {
  if (failure.kind === "registry-cancelled") return true;
  return failure.kind === "registry-rejected" && (failure.status === 429 || failure.status >= 500);
}

/** `status 403, DENIED: requested access to the resource is denied` */
function said(failure: { readonly status: number; readonly codes: readonly RegistryErrorCode[] }): string {
  const codes = failure.codes.map(({ code, message }) => (message === "" ? code : `${code}: ${message}`));
  return [`status ${failure.status}`, ...codes.slice(0, 3)].join(", ");
}
