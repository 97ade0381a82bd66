import {
  createServer,
  request as forward,
  type ClientRequest,
  type IncomingMessage,
  type ServerResponse,
} from "node:http";
import { createServer as createTlsServer } from "node:https";
import { setTimeout } from "node:timers/promises";
import { TLSSocket } from "node:tls";
import { listen, stop } from "./fake-registry.ts";
import {
  createFaults,
  matches,
  writeAnswer,
  type Answer,
  type Asked,
  type Fault,
  type RequestMatch,
} from "./faults.ts";

/** Stands before a real registry: counts and delays what passes, and breaks what it is told to. */
export interface FaultProxy {
  /** host:port to be used in place of the registry's. */
  readonly host: string;
  /** `METHOD /path` of every request so far, in the order in which they came. */
  log(): readonly string[];
  clearLog(): void;
  /** Milliseconds that every request waits before it is passed on. */
  setLatency(ms: number): void;
  failNext(match: RequestMatch, fault: Fault, times?: number): void;
  /** Keeps the next request that matches, body and all, until the test says what becomes of it. */
  holdNext(match: RequestMatch): Promise<Held>;
  close(): Promise<void>;
}

/** A request that the registry has not seen yet. */
export interface Held {
  /** `METHOD /path`. */
  readonly name: string;
  /** Lets the registry carry it out, whether or not whoever asked still waits; ends when it has. */
  pass(): Promise<void>;
  /** Breaks the connection: the registry never hears of it. */
  drop(): void;
}

/** A request as it came in, before anything is done with it. */
export interface Incoming extends Asked {
  readonly query: URLSearchParams;
  readonly message: IncomingMessage;
}

export interface FaultProxyOptions {
  readonly latencyMs?: number;
  /** Sees every request first, and may answer it in place of the registry (a login, say); a fault changes this answer too. */
  readonly gate?: (request: Incoming) => Answer | undefined;
  /** The fault of a request, asked for before those of `failNext`. */
  readonly faultOf?: (request: Incoming) => Fault | undefined;
  /** Sees every answer of the registry or the gate as it was before its fault. */
  readonly onAnswer?: (request: Incoming, answer: Answer) => void;
  /** Headers of requests that the registry does not get to see. */
  readonly withheld?: readonly string[];
  /** Speaks TLS itself; to the registry it is plain HTTP all the same. */
  readonly tls?: { readonly key: string; readonly cert: string };
}

/** Starts a proxy on a free port of 127.0.0.1; `upstream` is the registry's host:port, plain HTTP. */
export async function startFaultProxy(
  upstream: string,
  options: FaultProxyOptions = {},
): Promise<FaultProxy> {
  const faults = createFaults();
  const seen: string[] = [];
  const holds: { readonly match: RequestMatch; readonly arrived: (held: Held) => void }[] = [];
  let latencyMs = options.latencyMs ?? 0;
  const handle = async (message: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { method = "GET", headers } = message;
    const { pathname: path, searchParams: query } = new URL(message.url ?? "/", "http://registry");
    const incoming: Incoming = { method, path, query, headers, message };
    seen.push(`${method} ${path}`);
    const gated = options.gate?.(incoming);
    const fault = options.faultOf?.(incoming) ?? faults.take(incoming);
    const hold = holds.findIndex(({ match }) => matches(match, incoming));
    if (latencyMs > 0) await setTimeout(latencyMs);
    const way = { upstream, withheld: options.withheld ?? [] };
    const [held] = hold === -1 ? [] : holds.splice(hold, 1);
    if (held !== undefined) return keep(incoming, response, { way, arrived: held.arrived });
    if (fault === undefined && gated === undefined && options.onAnswer === undefined)
      return await stream(message, response, way);
    const answer = async (): Promise<Answer> => {
      const made = gated ?? (await whole(await ask(message, way)));
      options.onAnswer?.(incoming, made);
      return made;
    };
    await writeAnswer(response, answer, fault).catch(() => response.destroy());
  };
  const listener = (message: IncomingMessage, response: ServerResponse): void =>
    void handle(message, response);
  // Node waits two minutes for a handshake, and whoever speaks plain HTTP with us waits with it.
  const server =
    options.tls === undefined
      ? createServer(listener)
      : createTlsServer({ ...options.tls, handshakeTimeout: 500 }, listener);
  const port = await listen(server);
  return {
    host: `127.0.0.1:${port}`,
    log: () => [...seen],
    clearLog: () => seen.splice(0),
    setLatency: (ms) => {
      latencyMs = ms;
    },
    failNext: faults.add,
    holdNext: (match) => new Promise((arrived) => holds.push({ match, arrived })),
    close: () => stop(server),
  };
}

interface Way {
  readonly upstream: string;
  readonly withheld: readonly string[];
}

// Only an answer that somebody looks at or changes is held in memory: layers stream.
async function stream(message: IncomingMessage, response: ServerResponse, way: Way): Promise<void> {
  try {
    const answer = await ask(message, way);
    response.writeHead(answer.statusCode ?? 502, answer.headers);
    answer.pipe(response);
  } catch {
    response.destroy();
  }
}

// The body is read first: whoever sent it may be gone when it is passed on.
async function keep(
  { message, method, path }: Incoming,
  response: ServerResponse,
  { way, arrived }: { readonly way: Way; readonly arrived: (held: Held) => void },
): Promise<void> {
  const body = await read(message);
  arrived({
    name: `${method} ${path}`,
    pass: async () => {
      const answer = await whole(await ask(message, way, body));
      response.writeHead(answer.status, { ...answer.headers, "content-length": answer.body.length });
      response.end(answer.body);
    },
    drop: () => void response.destroy(),
  });
}

// The Host header stays as it came and the scheme is told, so that the registry's Location headers lead back here.
function ask(message: IncomingMessage, { upstream, withheld }: Way, body?: Buffer): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const { method, url } = message;
    const told = message.socket instanceof TLSSocket ? { "x-forwarded-proto": "https" } : {};
    const kept = Object.entries(message.headers).filter(([name]) => !withheld.includes(name));
    const headers = { ...Object.fromEntries(kept), ...told };
    const request: ClientRequest = forward(`http://${upstream}${url ?? "/"}`, { method, headers }, resolve);
    request.on("error", reject);
    if (body === undefined) message.pipe(request);
    else request.end(body);
  });
}

async function whole(answer: IncomingMessage): Promise<Answer> {
  const { "transfer-encoding": _, ...headers } = answer.headers;
  return { status: answer.statusCode ?? 502, headers, body: await read(answer) };
}

async function read(message: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of message) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks);
}
