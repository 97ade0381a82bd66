import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import { createFakeAuth, type AuthMode, type FakeAuth } from "./fake-registry-auth.ts";
import { addBlob, answer, createState, find, hasBlob, mediaTypeOf, store } from "./fake-registry-content.ts";
import type { UploadOptions } from "./fake-registry-uploads.ts";
import { createFaults, writeAnswer, type Fault, type RequestMatch } from "./faults.ts";

/** A request as the server saw it. */
export interface SeenRequest {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingMessage["headers"];
  readonly body: Buffer;
}

export interface FakeRegistryOptions extends UploadOptions {
  /** True: the referrers API is there and its answers name the subject; otherwise it is an unknown page. */
  readonly referrers?: boolean;
  /** Tags and referrers come in pages of so many. */
  readonly pageSize?: number;
  /** False: `Range` is ignored. */
  readonly ranges?: boolean;
  /** False: DELETE is refused with 405. */
  readonly deletes?: boolean;
  readonly auth?: AuthMode;
  readonly tls?: { readonly key: string; readonly cert: string };
}

/**
 * A registry in memory behind a real `node:http(s)` server on 127.0.0.1: strict where a real one may be lax (media types,
 * JSON, children and blobs that must be there), it records every request and can be told to fail the next ones.
 */
export interface FakeRegistry {
  /** host:port, as it stands in references. */
  readonly host: string;
  readonly url: string;
  readonly requests: readonly SeenRequest[];
  readonly auth: FakeAuth;
  /** `METHOD /path` of every request to the registry proper, token requests left out. */
  log(): readonly string[];
  /** The next requests that match (`times`, once unless told) meet this fault. */
  failNext(match: RequestMatch, fault: Fault, times?: number): void;
  /** The next upload request with a body loses its connection after so many bytes of it, which are kept or lost. */
  cutUpload(bytes: number, kept?: boolean): void;
  /** Uploads that were begun and neither finished nor cancelled. */
  openUploads(): number;
  /** Connections that were made so far. */
  connections(): number;
  /** Does this repository have this blob? */
  hasBlob(repository: string, digest: string): boolean;
  /** Stores content directly, in this repository or in all of them; the digest is returned. */
  addBlob(
    bytes: Uint8Array | string,
    repository?: string,
  ): { readonly digest: string; readonly size: number };
  addManifest(repository: string, document: unknown, tag?: string): StoredManifest;
  /** What a tag or digest holds. */
  stored(repository: string, reference: string): StoredManifest | undefined;
  close(): Promise<void>;
}

export interface StoredManifest {
  readonly digest: string;
  readonly mediaType: string;
  readonly bytes: Buffer;
}

/** Starts a fake registry on a free port. */
export async function startFakeRegistry(options: FakeRegistryOptions = {}): Promise<FakeRegistry> {
  const state = createState(options);
  const cuts: { readonly bytes: number; readonly kept: boolean }[] = [];
  const requests: SeenRequest[] = [];
  const faults = createFaults();
  const scheme = options.tls === undefined ? "http" : "https";
  const auth = createFakeAuth(options.auth ?? { kind: "none" });
  const handle = async (incoming: IncomingMessage, response: ServerResponse): Promise<void> => {
    const carriesBlob = /\/blobs\/uploads\/./.test(incoming.url ?? "") && incoming.method !== "GET";
    const hasBody = carriesBlob && Number(incoming.headers["content-length"] ?? 0) > 0;
    const cut = hasBody ? cuts.shift() : undefined;
    const seen = await see(incoming, cut?.bytes);
    if (seen === undefined) return;
    requests.push(seen);
    if (cut !== undefined) {
      if (cut.kept) state.uploads.keep(seen.path.split("/").at(-1) ?? "", seen.body);
      incoming.socket.resetAndDestroy();
      return;
    }
    const base = `${scheme}://${incoming.headers.host}`;
    await writeAnswer(response, () => auth.handle(seen, base) ?? answer(state, seen), faults.take(seen));
  };
  const listener = (incoming: IncomingMessage, response: ServerResponse): void =>
    void handle(incoming, response);
  const server = options.tls === undefined ? createServer(listener) : createTlsServer(options.tls, listener);
  let connections = 0;
  server.on("connection", () => {
    connections += 1;
  });
  const host = `127.0.0.1:${await listen(server)}`;
  return {
    host,
    url: `${scheme}://${host}`,
    requests,
    auth,
    log: () =>
      requests.filter(({ path }) => path !== "/token").map(({ method, path }) => `${method} ${path}`),
    failNext: faults.add,
    cutUpload: (bytes, kept = true) => void cuts.push({ bytes, kept }),
    openUploads: () => state.uploads.open(),
    connections: () => connections,
    hasBlob: (repository, digest) => hasBlob(state, repository, digest),
    addBlob: (bytes, repository = "*") => addBlob(state, repository, Buffer.from(bytes)),
    addManifest: (repository, document, tag) => {
      const bytes = Buffer.from(typeof document === "string" ? document : JSON.stringify(document));
      return store(state, { repository, reference: tag, mediaType: mediaTypeOf(bytes) ?? "", bytes });
    },
    stored: (repository, reference) => find(state, repository, reference),
    close: () => stop(server),
  };
}

/** Ends a server and every connection that it holds. */
export async function stop(server: Server): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeAllConnections();
  await closed;
}

/** Listens on a free port, of 127.0.0.1 unless told otherwise, and says which. */
export async function listen(server: Server, at = "127.0.0.1"): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, at, resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("Internal error: no port");
  return address.port;
}

// Undefined where the client left in the middle of its body.
async function see(incoming: IncomingMessage, maxBytes = Infinity): Promise<SeenRequest | undefined> {
  const chunks: Buffer[] = [];
  let size = 0;
  incoming.on("error", () => undefined);
  try {
    for await (const chunk of incoming.iterator({ destroyOnReturn: false })) {
      chunks.push(Buffer.from(chunk).subarray(0, maxBytes - size));
      size += Buffer.from(chunk).length;
      if (size >= maxBytes) break;
    }
  } catch {
    return undefined;
  }
  const url = new URL(incoming.url ?? "/", "http://registry");
  const { method = "GET", headers } = incoming;
  return { method, path: url.pathname, query: url.searchParams, headers, body: Buffer.concat(chunks) };
}
