import {
  createServer,
  request as forward,
  type ClientRequest,
  type IncomingMessage,
  type ServerResponse,
} from "node:http";
import { createServer as createTlsServer } from "node:https";
import { TLSSocket } from "node:tls";
import { listen, stop } from "./fake-registry.ts";
import { createFaults, writeAnswer, type Answer, type Fault, type RequestMatch } from "./faults.ts";

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
  close(): Promise<void>;
}

export interface FaultProxyOptions {
  readonly latencyMs?: number;
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
  let latencyMs = options.latencyMs ?? 0;
  const handle = (incoming: IncomingMessage, response: ServerResponse): void => {
    const method = incoming.method ?? "GET";
    const path = new URL(incoming.url ?? "/", "http://registry").pathname;
    seen.push(`${method} ${path}`);
    const fault = faults.take({ method, path, headers: incoming.headers });
    setTimeout(() => void pass(incoming, response, { upstream, fault }), latencyMs);
  };
  // Node waits two minutes for a handshake, and whoever speaks plain HTTP with us waits with it.
  const server =
    options.tls === undefined
      ? createServer(handle)
      : createTlsServer({ ...options.tls, handshakeTimeout: 500 }, handle);
  const port = await listen(server);
  return {
    host: `127.0.0.1:${port}`,
    log: () => [...seen],
    clearLog: () => seen.splice(0),
    setLatency: (ms) => {
      latencyMs = ms;
    },
    failNext: faults.add,
    close: () => stop(server),
  };
}

// Only an answer that a fault changes is held in memory: layers stream.
async function pass(
  incoming: IncomingMessage,
  response: ServerResponse,
  { upstream, fault }: { readonly upstream: string; readonly fault: Fault | undefined },
): Promise<void> {
  if (fault !== undefined) {
    await writeAnswer(response, async () => whole(await ask(incoming, upstream)), fault);
    return;
  }
  try {
    const answer = await ask(incoming, upstream);
    response.writeHead(answer.statusCode ?? 502, answer.headers);
    answer.pipe(response);
  } catch {
    response.destroy();
  }
}

// The Host header stays as it came and the scheme is told, so that the registry's Location headers lead back here.
function ask(incoming: IncomingMessage, upstream: string): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const { method, url } = incoming;
    const headers =
      incoming.socket instanceof TLSSocket
        ? { ...incoming.headers, "x-forwarded-proto": "https" }
        : incoming.headers;
    const request: ClientRequest = forward(`http://${upstream}${url ?? "/"}`, { method, headers }, resolve);
    request.on("error", reject);
    incoming.pipe(request);
  });
}

async function whole(answer: IncomingMessage): Promise<Answer> {
  const chunks: Buffer[] = [];
  for await (const chunk of answer) chunks.push(Buffer.from(chunk));
  const { "transfer-encoding": _, ...headers } = answer.headers;
  return { status: answer.statusCode ?? 502, headers, body: Buffer.concat(chunks) };
}
