import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import { createFakeAuth, type AuthMode, type FakeAuth } from "./fake-registry-auth.ts";
import { createFaults, writeAnswer, type Answer, type Fault, type RequestMatch } from "./faults.ts";
import { digestOf } from "../../core/oci/digest-of.ts";

/** A request as the server saw it. */
export interface SeenRequest {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingMessage["headers"];
  readonly body: Buffer;
}

export interface FakeRegistryOptions {
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
  /** Stores content directly; the digest is returned. */
  addBlob(bytes: Uint8Array | string): { readonly digest: string; readonly size: number };
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

interface State {
  readonly blobs: Map<string, Buffer>;
  /** `repository@digest` or `repository:tag`. */
  readonly manifests: Map<string, StoredManifest>;
}

const ROUTE = /^\/v2\/(.+)\/(manifests|blobs)\/([^/]+)$/;

/** Starts a fake registry on a free port. */
export async function startFakeRegistry(options: FakeRegistryOptions = {}): Promise<FakeRegistry> {
  const state: State = { blobs: new Map(), manifests: new Map() };
  const requests: SeenRequest[] = [];
  const faults = createFaults();
  const scheme = options.tls === undefined ? "http" : "https";
  const auth = createFakeAuth(options.auth ?? { kind: "none" });
  const handle = async (incoming: IncomingMessage, response: ServerResponse): Promise<void> => {
    const seen = await see(incoming);
    requests.push(seen);
    const base = `${scheme}://${incoming.headers.host}`;
    await writeAnswer(response, () => auth.handle(seen, base) ?? answer(state, seen), faults.take(seen));
  };
  const listener = (incoming: IncomingMessage, response: ServerResponse): void =>
    void handle(incoming, response);
  const server = options.tls === undefined ? createServer(listener) : createTlsServer(options.tls, listener);
  const host = `127.0.0.1:${await listen(server)}`;
  return {
    host,
    url: `${scheme}://${host}`,
    requests,
    auth,
    log: () =>
      requests.filter(({ path }) => path !== "/token").map(({ method, path }) => `${method} ${path}`),
    failNext: faults.add,
    addBlob: (bytes) => addBlob(state, Buffer.from(bytes)),
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

/** Listens on a free port of 127.0.0.1 and says which. */
export async function listen(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("Internal error: no port");
  return address.port;
}

async function see(incoming: IncomingMessage): Promise<SeenRequest> {
  const chunks: Buffer[] = [];
  for await (const chunk of incoming) chunks.push(Buffer.from(chunk));
  const url = new URL(incoming.url ?? "/", "http://registry");
  const { method = "GET", headers } = incoming;
  return { method, path: url.pathname, query: url.searchParams, headers, body: Buffer.concat(chunks) };
}

function answer(state: State, seen: SeenRequest): Answer {
  if (seen.path === "/v2/") return reply(200, "{}");
  const [, repository = "", kind, reference = ""] = ROUTE.exec(seen.path) ?? [];
  if (kind === "blobs" && seen.method === "GET") return getBlob(state, reference);
  if (kind === "manifests" && seen.method === "GET") return getManifest(state, repository, reference);
  if (kind === "manifests" && seen.method === "PUT")
    return putManifest(state, { repository, reference, seen });
  return refusal(404, "UNSUPPORTED");
}

function getBlob(state: State, digest: string): Answer {
  const bytes = state.blobs.get(digest);
  if (bytes === undefined) return refusal(404, "BLOB_UNKNOWN");
  return reply(200, bytes, { "content-type": "application/octet-stream" });
}

function getManifest(state: State, repository: string, reference: string): Answer {
  const found = find(state, repository, reference);
  if (found === undefined) return refusal(404, "MANIFEST_UNKNOWN");
  const headers = { "content-type": found.mediaType, "docker-content-digest": found.digest };
  return reply(200, found.bytes, headers);
}

interface Put {
  readonly repository: string;
  readonly reference: string;
  readonly seen: SeenRequest;
}

function putManifest(state: State, { repository, reference, seen }: Put): Answer {
  const mediaType = seen.headers["content-type"] ?? "";
  if (mediaType === "" || mediaTypeOf(seen.body) !== mediaType) return refusal(400, "MANIFEST_INVALID");
  const missing = contentOf(seen.body).find((digest) => !isThere(state, repository, digest));
  if (missing !== undefined) return refusal(404, "MANIFEST_BLOB_UNKNOWN", missing);
  if (reference.includes(":") && digestOf(seen.body) !== reference) return refusal(400, "DIGEST_INVALID");
  const { digest } = store(state, { repository, reference, mediaType, bytes: seen.body });
  return reply(201, "", { "docker-content-digest": digest });
}

function isThere(state: State, repository: string, digest: string): boolean {
  return state.blobs.has(digest) || state.manifests.has(`${repository}@${digest}`);
}

// Digests that a manifest or index points at.
function contentOf(bytes: Buffer): readonly string[] {
  return [...bytes.toString("utf8").matchAll(/"digest":\s*"(sha256:[0-9a-f]{64})"/g)].map(
    ([, digest = ""]) => digest,
  );
}

function mediaTypeOf(bytes: Buffer): string | undefined {
  try {
    const document: unknown = JSON.parse(bytes.toString("utf8"));
    if (typeof document !== "object" || document === null || !("mediaType" in document)) return undefined;
    return String(document.mediaType);
  } catch {
    return undefined;
  }
}

function addBlob(state: State, bytes: Buffer): { readonly digest: string; readonly size: number } {
  const digest = digestOf(bytes);
  state.blobs.set(digest, bytes);
  return { digest, size: bytes.length };
}

function store(
  state: State,
  wanted: {
    readonly repository: string;
    readonly reference: string | undefined;
    readonly mediaType: string;
    readonly bytes: Buffer;
  },
): StoredManifest {
  const { repository, reference, mediaType, bytes } = wanted;
  const manifest: StoredManifest = { digest: digestOf(bytes), mediaType, bytes };
  state.manifests.set(`${repository}@${manifest.digest}`, manifest);
  if (reference !== undefined && !reference.includes(":"))
    state.manifests.set(`${repository}:${reference}`, manifest);
  return manifest;
}

function find(state: State, repository: string, reference: string): StoredManifest | undefined {
  return state.manifests.get(`${repository}${reference.includes(":") ? "@" : ":"}${reference}`);
}

function refusal(status: number, code: string, detail = ""): Answer {
  const body = { errors: [{ code, message: `the fake registry says ${code} ${detail}`.trim() }] };
  return reply(status, JSON.stringify(body), { "content-type": "application/json" });
}

function reply(
  status: number,
  body: string | Buffer,
  headers: Readonly<Record<string, string>> = {},
): Answer {
  return { status, headers, body: Buffer.from(body) };
}
