import type { Http, HttpAnswer, HttpRequest } from "./http.ts";
import { isLoopback, type ChallengeOrigin } from "./realm.ts";
import type { TransportFault } from "./transport-fault.ts";
import type { RegistrySettings } from "../plan/plan.ts";
import type { Result } from "../result.ts";

/** Is plain HTTP spoken? "perhaps" is found out with the first request; undefined leaves it to the rule. */
export type PlainHttp = boolean | "perhaps" | undefined;

/** What the plan says of a registry's scheme: either one is taken where it is insecure, and certificates are for HTTPS. */
export function plainHttpOf(settings: RegistrySettings | undefined): PlainHttp {
  if (settings?.insecure === true) return "perhaps";
  return settings?.ca === undefined && settings?.cert === undefined ? undefined : false;
}

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
 * HTTPS everywhere, except where `plainHttp` says otherwise; on loopback, and where either will do, plain HTTP is tried first and
 * HTTPS where the answer sounds like TLS, which costs no request in the usual case and is what Docker's daemon ends with as well.
 */
export function createOrigin(host: string, http: Http, plainHttp: PlainHttp): Origin {
  const loopback = isLoopback(new URL(`http://${host}`).hostname);
  const own: Http["send"] = async (request) => await http.send({ ...request, owner: host });
  let scheme: "http" | "https" | undefined =
    typeof plainHttp === "boolean" ? (plainHttp ? "http" : "https") : undefined;
  if (!loopback && plainHttp === undefined) scheme = "https";
  // Without a port the two schemes are two ports, of which one may be closed or only lead to the other.
  const hasPort = /:\d+$/.test(host);
  const at = (name: "http" | "https"): URL => new URL(`${name}://${host}`);
  const findScheme = async (
    build: (base: URL) => HttpRequest,
  ): Promise<Result<HttpAnswer, TransportFault>> => {
    const plain = await own(build(at("http")));
    if (!soundsLikeTls(plain) && !(plainHttp === "perhaps" && isElsewhere(plain, hasPort))) {
      if (plain.ok) scheme = "http";
      return plain;
    }
    const secure = await own(build(at("https")));
    if (!secure.ok && !isCertificateFault(secure.error)) return plain;
    scheme = "https";
    return secure;
  };
  return {
    loopback,
    base: () => at(scheme ?? "http"),
    challenger: () => ({ host, plainHttp: (scheme ?? "http") === "http" }),
    send: (build) => (scheme === undefined ? findScheme(build) : own(build(at(scheme)))),
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

// Nobody is at port 80, or somebody who only redirects to HTTPS; or a proxy made nothing of what it got.
function isElsewhere(result: Result<HttpAnswer, TransportFault>, hasPort: boolean): boolean {
  if (result.ok && GATEWAY_ERRORS.has(result.value.status)) return true;
  if (hasPort) return false;
  return result.ok ? result.value.url.protocol === "https:" : result.error.kind === "unreachable";
}

const GATEWAY_ERRORS: ReadonlySet<number> = new Set([502, 503, 504]);

// The server does speak TLS, and its certificate is the trouble; every other TLS error may mean that it does not.
function isCertificateFault(fault: TransportFault): boolean {
  return fault.kind === "tls" && !/^(EPROTO|ERR_SSL_|ERR_TLS_HANDSHAKE)/.test(fault.code ?? "");
}
