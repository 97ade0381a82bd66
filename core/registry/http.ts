import { Agent, ProxyAgent, request, type Dispatcher } from "undici";
import { outgoingBody, paced, readBody, type StreamedBody } from "./http-body.ts";
import { proxyFor } from "./proxy.ts";
import type { RegistryTls, TlsLookup } from "./tls.ts";
import { faultOf, type TransportFault } from "./transport-fault.ts";
import { fail, ok, type Result } from "../result.ts";

/** One exchange with a server. `maxBytes` caps the body of a success; error bodies have a cap of their own. */
export interface HttpRequest {
  readonly method: HttpMethod;
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Uint8Array | string | StreamedBody;
  readonly maxBytes: number;
  /** Hand a success over as its body comes, uncounted: whoever asked must read `stream` to its end, or leave it by `return`. */
  readonly streams?: boolean;
  /** The server may have much to do before it answers (put an upload in its place): it gets more time for its headers. */
  readonly slow?: boolean;
  readonly signal?: AbortSignal | undefined;
  /** host[:port] of the registry that it is for: what is said of its TLS counts where the URL is its own. */
  readonly owner?: string;
  /** May a GET be redirected here? HTTPS never becomes HTTP, whatever this says. */
  readonly mayFollow?: (to: URL) => boolean;
}

export type HttpMethod = "GET" | "HEAD" | "PUT" | "POST" | "PATCH" | "DELETE";

/** A whole answer; with `stream`, its body is still to come. `url` is where it came from after redirects. */
export interface HttpAnswer {
  readonly status: number;
  readonly url: URL;
  readonly body: Uint8Array;
  readonly stream?: AsyncIterable<Uint8Array>;
  /** Values of a header, by its name in lower case. */
  readonly header: (name: string) => readonly string[];
}

/** HTTP/1.1 over kept-alive connections: bounded, redirected safely, never retried here. */
export interface Http {
  send(request: HttpRequest): Promise<Result<HttpAnswer, TransportFault>>;
  close(): Promise<void>;
}

export interface HttpOptions {
  /** For proxies only. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly userAgent: string;
  readonly timeouts: Timeouts;
  /** Certificates of single registries; without it all are spoken to in the same way. */
  readonly tls?: TlsLookup;
}

/** Milliseconds to connect, until the headers came, and between two pieces of a body. */
export interface Timeouts {
  readonly connectMs: number;
  readonly headersMs: number;
  readonly bodyMs: number;
}

const MAX_REDIRECTS = 5;
const MAX_ERROR_BYTES = 64 * 1024;
// Registries move a large upload to its place only when it is complete, and some storage copies it then.
const SLOW_FACTOR = 10;

/** Opens a pool of connections that lives until `close`. */
export function openHttp(options: HttpOptions): Http {
  const dispatchers = new Map<string, Dispatcher>();
  const dispatcherFor = (url: URL, tls: RegistryTls | undefined): Dispatcher => {
    const proxy = proxyFor(url, options.env);
    const key = `${proxy ?? ""} ${tls === undefined ? "" : url.host}`;
    const known = dispatchers.get(key);
    if (known !== undefined) return known;
    const made = makeDispatcher(proxy, options.timeouts, tls);
    dispatchers.set(key, made);
    return made;
  };
  const exchange = async (wanted: HttpRequest): Promise<Result<HttpAnswer, TransportFault>> => {
    const { timeouts } = options;
    const tls = await options.tls?.(wanted.url, wanted.owner);
    if (tls?.ok === false) return fail({ kind: "tls", detail: tls.error, transient: false });
    const outgoing = outgoingBody(wanted.body, wanted.signal, timeouts.bodyMs);
    try {
      const answer = await request(wanted.url, {
        dispatcher: dispatcherFor(wanted.url, tls?.value),
        method: wanted.method,
        headers: { "user-agent": options.userAgent, ...wanted.headers, ...outgoing.headers },
        body: outgoing.body,
        signal: outgoing.signal ?? null,
        // The library would end the connection after each HEAD, for servers that send a body all the same.
        reset: false,
        ...(wanted.slow === true ? { headersTimeout: timeouts.headersMs * SLOW_FACTOR } : {}),
      });
      return await readAnswer(answer, wanted, timeouts);
    } catch (error) {
      return fail(faultOf(outgoing.stalled() ?? error, wanted.signal));
    } finally {
      outgoing.end();
    }
  };
  return {
    send: (wanted) => follow(wanted, exchange),
    close: async () => {
      await Promise.all([...dispatchers.values()].map((dispatcher) => dispatcher.destroy()));
    },
  };
}

// HTTP/2 is slower for blobs, and a pool without a bound opens one connection per request.
function makeDispatcher(
  proxy: string | undefined,
  timeouts: Timeouts,
  tls: RegistryTls | undefined,
): Dispatcher {
  const common = {
    allowH2: false,
    connections: 8,
    pipelining: 1,
    keepAliveTimeout: 30_000,
    headersTimeout: timeouts.headersMs,
    bodyTimeout: timeouts.bodyMs,
  };
  return proxy === undefined
    ? new Agent({ ...common, connect: { timeout: timeouts.connectMs, ...tls } })
    : new ProxyAgent({
        ...common,
        uri: proxy,
        connectTimeout: timeouts.connectMs,
        // A proxy's own TLS is another matter than that of the registry behind it.
        ...(tls === undefined ? {} : { requestTls: { ...tls } }),
      });
}

type Exchange = (request: HttpRequest) => Promise<Result<HttpAnswer, TransportFault>>;

async function follow(first: HttpRequest, exchange: Exchange): Promise<Result<HttpAnswer, TransportFault>> {
  let current = first;
  for (let hop = 0; hop <= MAX_REDIRECTS; hop += 1) {
    const answer = await exchange(current);
    if (!answer.ok || !isRedirect(current.method, answer.value.status)) return answer;
    const next = nextHop(current, answer.value);
    if (!next.ok) return next;
    current = next.value;
  }
  return fail({ kind: "refused", detail: `more than ${MAX_REDIRECTS} redirects`, transient: false });
}

function isRedirect(method: HttpRequest["method"], status: number): boolean {
  return (method === "GET" || method === "HEAD") && [301, 302, 303, 307, 308].includes(status);
}

function nextHop(from: HttpRequest, answer: HttpAnswer): Result<HttpRequest, TransportFault> {
  const [location = ""] = answer.header("location");
  if (!URL.canParse(location, from.url.href)) return refuse("a redirect without a usable Location");
  const to = new URL(location, from.url);
  if (to.protocol !== "https:" && to.protocol !== "http:") return refuse(`a redirect to ${to.protocol}`);
  if (from.url.protocol === "https:" && to.protocol === "http:")
    return refuse(`a redirect from HTTPS to plain HTTP (${to.origin})`);
  if (from.mayFollow?.(to) === false) return refuse(`a redirect to ${to.origin}`);
  const headers = to.origin === from.url.origin ? from.headers : withoutCredentials(from.headers);
  return ok({ ...from, url: to, headers });
}

function refuse(detail: string): Result<never, TransportFault> {
  return fail({ kind: "refused", detail, transient: false });
}

function withoutCredentials(headers: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => name !== "authorization"));
}

async function readAnswer(
  answer: Dispatcher.ResponseData,
  wanted: HttpRequest,
  { bodyMs }: Timeouts,
): Promise<Result<HttpAnswer, TransportFault>> {
  const isError = answer.statusCode >= 300;
  const header = (name: string): readonly string[] => {
    const value = answer.headers[name];
    return value === undefined ? [] : typeof value === "string" ? [value] : value;
  };
  const head = { status: answer.statusCode, url: wanted.url, header };
  const pieces = paced(answer.body, bodyMs);
  if (wanted.streams === true && !isError) return ok({ ...head, body: new Uint8Array(), stream: pieces });
  const body = await readBody(pieces, isError ? MAX_ERROR_BYTES : wanted.maxBytes);
  if (!body.cut || isError) return ok({ ...head, body: body.bytes });
  const detail = `an answer of more than ${wanted.maxBytes} bytes`;
  return fail({ kind: "refused", detail, transient: false });
}
