import { Agent, ProxyAgent, request, type Dispatcher } from "undici";
import { proxyFor } from "./proxy.ts";
import type { RegistryTls, TlsLookup } from "./tls.ts";
import { faultOf, type TransportFault } from "./transport-fault.ts";
import { fail, ok, type Result } from "../result.ts";

/** One exchange with a server. `maxBytes` caps the body of a success; error bodies have a cap of their own. */
export interface HttpRequest {
  readonly method: "GET" | "HEAD" | "PUT" | "POST";
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Uint8Array | string;
  readonly maxBytes: number;
  readonly signal?: AbortSignal | undefined;
  /** host[:port] of the registry that it is for: what is said of its TLS counts where the URL is its own. */
  readonly owner?: string;
  /** May a GET be redirected here? HTTPS never becomes HTTP, whatever this says. */
  readonly mayFollow?: (to: URL) => boolean;
}

/** A whole answer. `url` is where it came from after redirects. */
export interface HttpAnswer {
  readonly status: number;
  readonly url: URL;
  readonly body: Uint8Array;
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
    const tls = await options.tls?.(wanted.url, wanted.owner);
    if (tls?.ok === false) return fail({ kind: "tls", detail: tls.error, transient: false });
    try {
      const answer = await request(wanted.url, {
        dispatcher: dispatcherFor(wanted.url, tls?.value),
        method: wanted.method,
        headers: { "user-agent": options.userAgent, ...wanted.headers },
        body: wanted.body ?? null,
        signal: wanted.signal ?? null,
      });
      return await readAnswer(answer, wanted);
    } catch (error) {
      return fail(faultOf(error, wanted.signal));
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
): Promise<Result<HttpAnswer, TransportFault>> {
  const isError = answer.statusCode >= 300;
  const body = await readBody(answer.body, isError ? MAX_ERROR_BYTES : wanted.maxBytes);
  if (body.cut && !isError)
    return fail({
      kind: "refused",
      detail: `an answer of more than ${wanted.maxBytes} bytes`,
      transient: false,
    });
  const header = (name: string): readonly string[] => {
    const value = answer.headers[name];
    return value === undefined ? [] : typeof value === "string" ? [value] : value;
  };
  return ok({ status: answer.statusCode, url: wanted.url, body: body.bytes, header });
}

async function readBody(
  body: AsyncIterable<Uint8Array>,
  maxBytes: number,
): Promise<{ readonly bytes: Uint8Array; readonly cut: boolean }> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of body) {
    chunks.push(chunk);
    size += chunk.length;
    // Leaving the loop destroys the stream, and its connection with it: the rest is never read.
    if (size > maxBytes) return { bytes: Buffer.concat(chunks).subarray(0, maxBytes), cut: true };
  }
  return { bytes: Buffer.concat(chunks), cut: false };
}
