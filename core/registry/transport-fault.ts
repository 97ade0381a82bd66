/**
 * Why there is no answer. `transient` says whether the same request may well succeed in a moment.
 * `tls`: the handshake failed; `refused`: we would not go on (redirect, size); `cancelled`: the caller's signal.
 */
export interface TransportFault {
  readonly kind: "unreachable" | "tls" | "refused" | "cancelled";
  /** The transport's own word, `connect ECONNREFUSED 127.0.0.1:5000` for instance. */
  readonly detail: string;
  readonly transient: boolean;
  /** Node's or the HTTP library's code of it, where there is one. */
  readonly code?: string;
}

// What OpenSSL and Node call a certificate or handshake that they will not take.
const TLS_CODE =
  /^(ERR_TLS_|ERR_SSL_|CERT_|UNABLE_TO_|DEPTH_ZERO_|SELF_SIGNED_|HOSTNAME_MISMATCH|INVALID_(CA|PURPOSE)|EPROTO|UND_ERR_PRX_TLS)/;
// A name that does not exist and a proxy that says no stay so; a name server without an answer (EAI_AGAIN) may recover.
const FINAL_CODE =
  /^(ENOTFOUND|UND_ERR_INVALID_ARG|UND_ERR_ABORTED|UND_ERR_DESTROYED|UND_ERR_CLOSED|ERR_INVALID_URL|UND_ERR_NOT_SUPPORTED)$/;

/** Sorts whatever the HTTP library throws. */
export function faultOf(error: unknown, signal: AbortSignal | undefined): TransportFault {
  if (signal?.aborted === true) return { kind: "cancelled", detail: "cancelled", transient: false };
  const code = codeOf(error);
  const detail = detailOf(error, code);
  if (TLS_CODE.test(code)) return { kind: "tls", detail, transient: false, code };
  return { kind: "unreachable", detail, transient: !FINAL_CODE.test(code), code };
}

function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return "";
  if ("code" in error && typeof error.code === "string") return error.code;
  return codeOf(error.cause);
}

// An AggregateError (every address of a name refused) has no message of its own.
function detailOf(error: unknown, code: string): string {
  if (error instanceof AggregateError && error.message === "") {
    const messages = error.errors.map((each: unknown) =>
      each instanceof Error ? each.message : String(each),
    );
    return [...new Set(messages)].join(", ");
  }
  // Node adds advice on its own command line, which is not ours.
  const message = error instanceof Error ? error.message.split(/\n|; if the root CA/)[0]?.trim() : undefined;
  return message || code || "unknown transport error";
}
