import type { Digest } from "../oci/digest.ts";

/** The request that failed, as it may be shown: no credentials, no query of a token URL. */
export interface FailedRequest {
  readonly method: string;
  readonly url: string;
  readonly attempts: number;
}

/** One entry of a distribution-spec error body. */
export interface RegistryErrorCode {
  readonly code: string;
  readonly message: string;
}

interface FailureFacts {
  readonly registry: string;
  readonly repository?: string;
  readonly reference?: string;
  readonly request: FailedRequest;
}

/** Nothing answered, or the connection broke: DNS, refused, reset, timeout. `detail` is the transport's own word. */
export interface RegistryUnreachable extends FailureFacts {
  readonly kind: "registry-unreachable";
  readonly detail: string;
}
/** The TLS handshake failed, or plain HTTP answered where TLS was asked. */
export interface RegistryTlsFailed extends FailureFacts {
  readonly kind: "registry-tls-failed";
  readonly detail: string;
}
/**
 * 401, 403, or the token server refused. `credential` says where the one that was tried came from, if any;
 * `credentialProblem` names a source (a helper, say) that should have had one and failed: the likely reason.
 */
export interface RegistryDenied extends FailureFacts {
  readonly kind: "registry-denied";
  readonly status: number;
  readonly codes: readonly RegistryErrorCode[];
  readonly credential?: string;
  readonly credentialProblem?: { readonly source: string; readonly detail: string };
}
/** A credential helper or file could not be used. */
export interface CredentialsUnusable extends FailureFacts {
  readonly kind: "credentials-unusable";
  readonly source: string;
  readonly detail: string;
}
/** 404 for a manifest or blob: the registry says that it is not there; with `page`, it may have been another server's web page. */
export interface ManifestUnknown extends FailureFacts {
  readonly kind: "manifest-unknown";
  readonly page?: true;
  readonly status: number;
  readonly codes: readonly RegistryErrorCode[];
}
/** Any other final answer that is not success. */
export interface RegistryRejected extends FailureFacts {
  readonly kind: "registry-rejected";
  readonly status: number;
  readonly codes: readonly RegistryErrorCode[];
  readonly body?: string;
}
/** What came is not what was asked for: another digest, or truncated. */
export interface DigestMismatch extends FailureFacts {
  readonly kind: "digest-mismatch";
  readonly expected: Digest;
  readonly actual: Digest;
  readonly bytes: number;
}
/** An answer larger than its cap, without the headers it must have, or not a document of the kind asked for. */
export interface RegistryAnswerInvalid extends FailureFacts {
  readonly kind: "registry-answer-invalid";
  readonly detail: string;
}
/** What was to be sent is not as long as its descriptor says: its source is damaged. */
export interface OutgoingBlobInvalid extends FailureFacts {
  readonly kind: "outgoing-blob-invalid";
  readonly size: number;
  /** How many bytes there were, or how many had come when there were already too many. */
  readonly actual: number;
}
/** The run was interrupted while this request was under way. */
export interface RegistryCancelled extends FailureFacts {
  readonly kind: "registry-cancelled";
}

/** Everything that can go wrong between us and a registry. */
export type RegistryFailure =
  | RegistryUnreachable
  | RegistryTlsFailed
  | RegistryDenied
  | CredentialsUnusable
  | ManifestUnknown
  | RegistryRejected
  | DigestMismatch
  | RegistryAnswerInvalid
  | OutgoingBlobInvalid
  | RegistryCancelled;
