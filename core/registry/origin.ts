import type { Http, HttpAnswer, HttpRequest } from "./http.ts";
import { isLoopback, type ChallengeOrigin } from "./realm.ts";
import type { TransportFault } from "./transport-fault.ts";
import type { Result } from "../result.ts";

/** One registry's address, and the scheme that it turned out to speak. */
export interface Origin {
  /** Its base URL as far as it is known. */
  base(): URL;
  /** Who a challenge from there comes from. */
  challenger(): ChallengeOrigin;
  /** Is it on this very machine? */
  readonly loopback: boolean;
  /** Sends a request made for the base URL that it is given; on loopback perhaps twice, to find the scheme. */
  send(build: (base: URL) => HttpRequest): Promise<Result<HttpAnswer, TransportFault>>;
}

/**
 * HTTPS everywhere, except where `plainHttp` says otherwise; on loopback plain HTTP is tried first and HTTPS where the answer
 * sounds like TLS, which costs no request in the usual case and is what Docker's daemon ends with as well.
 */
export function createOrigin(host: string, http: Http, plainHttp: boolean | undefined): Origin {
  const loopback = isLoopback(new URL(`http://${host}`).hostname);
  let scheme: "http" | "https" | undefined =
    plainHttp === undefined ? undefined : plainHttp ? "http" : "https";
  if (!loopback) scheme ??= "https";
  const at = (name: "http" | "https"): URL => new URL(`${name}://${host}`);
  const findScheme = async (
    build: (base: URL) => HttpRequest,
  ): Promise<Result<HttpAnswer, TransportFault>> => {
    const plain = await http.send(build(at("http")));
    if (!soundsLikeTls(plain)) {
      if (plain.ok) scheme = "http";
      return plain;
    }
    const secure = await http.send(build(at("https")));
    if (!secure.ok && !isCertificateFault(secure.error)) return plain;
    scheme = "https";
    return secure;
  };
  return {
    loopback,
    base: () => at(scheme ?? "http"),
    challenger: () => ({ host, plainHttp: (scheme ?? "http") === "http" }),
    send: (build) => (scheme === undefined ? findScheme(build) : http.send(build(at(scheme)))),
  };
}

// Go and nginx answer 400 in plain HTTP and say so; others close the connection or send a TLS alert, which no HTTP parser takes.
function soundsLikeTls(result: Result<HttpAnswer, TransportFault>): boolean {
  if (result.ok)
    return (
      result.value.status === 400 &&
      /HTTP request (was sent )?to (an )?HTTPS/i.test(Buffer.from(result.value.body).toString("utf8"))
    );
  const { code = "" } = result.error;
  return code.startsWith("HPE_") || code === "UND_ERR_SOCKET" || code === "ECONNRESET";
}

// The server does speak TLS, and its certificate is the trouble; every other TLS error may mean that it does not.
function isCertificateFault(fault: TransportFault): boolean {
  return fault.kind === "tls" && !/^(EPROTO|ERR_SSL_|ERR_TLS_HANDSHAKE)/.test(fault.code ?? "");
}
