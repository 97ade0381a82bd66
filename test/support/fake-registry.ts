import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import { refusal, reply } from "./fake-registry-answers.ts";
import { createFakeAuth, type AuthMode, type FakeAuth } from "./fake-registry-auth.ts";
import {
  createFakeUploads,
  type BlobShelf,
  type FakeUploads,
  type UploadOptions,
} from "./fake-registry-uploads.ts";
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

interface State {
  readonly blobs: Map<string, Buffer>;
  /** `repository@digest`; a blob of all repositories is `*@digest`. */
  readonly places: Set<string>;
  readonly uploads: FakeUploads;
  readonly options: FakeRegistryOptions;
  /** `repository@digest` or `repository:tag`. */
  readonly manifests: Map<string, StoredManifest>;
}

const ROUTE = /^\/v2\/(.+)\/(manifests|blobs\/uploads|blobs|tags|referrers)\/([^/]*)$/;

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

/** Listens on a free port of 127.0.0.1 and says which. */
export async function listen(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
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

function answer(state: State, seen: SeenRequest): Answer {
  if (seen.path === "/v2/") return reply(200, "{}");
  const [, repository = "", kind, reference = ""] = ROUTE.exec(seen.path) ?? [];
  const isRead = seen.method === "GET" || seen.method === "HEAD";
  if (kind === "blobs/uploads") return state.uploads.answer(repository, reference, seen);
  if (kind === "blobs" && isRead) return getBlob(state, { repository, reference, seen });
  if (kind === "manifests" && isRead) return getManifest(state, repository, reference);
  if (kind === "manifests" && seen.method === "PUT")
    return putManifest(state, { repository, reference, seen });
  if (kind === "manifests" && seen.method === "DELETE") return deleteManifest(state, repository, reference);
  if (kind === "tags" && reference === "list" && isRead) return listTags(state, repository, seen);
  if (kind === "referrers" && isRead && state.options.referrers === true)
    return listReferrers(state, { repository, reference, seen });
  return refusal(404, "UNSUPPORTED");
}

function createState(options: FakeRegistryOptions): State {
  const blobs = new Map<string, Buffer>();
  const places = new Set<string>();
  const shelf: BlobShelf = {
    has: (repository, digest) => places.has(`${repository}@${digest}`) || places.has(`*@${digest}`),
    find: (digest) => blobs.get(digest),
    put: (repository, bytes) => {
      blobs.set(digestOf(bytes), bytes);
      places.add(`${repository}@${digestOf(bytes)}`);
    },
  };
  return { blobs, places, options, uploads: createFakeUploads(shelf, options), manifests: new Map() };
}

function hasBlob({ places }: State, repository: string, digest: string): boolean {
  return places.has(`${repository}@${digest}`) || places.has(`*@${digest}`);
}

function getBlob(state: State, { repository, reference: digest, seen }: Put): Answer {
  const bytes = hasBlob(state, repository, digest) ? state.blobs.get(digest) : undefined;
  if (bytes === undefined) return refusal(404, "BLOB_UNKNOWN");
  const headers = { "content-type": "application/octet-stream", "docker-content-digest": digest };
  const [, first] = /^bytes=(\d+)-$/.exec(seen.headers.range ?? "") ?? [];
  if (first === undefined || state.options.ranges === false) return reply(200, bytes, headers);
  if (Number(first) >= bytes.length) return refusal(416, "RANGE_INVALID");
  const range = `bytes ${first}-${bytes.length - 1}/${bytes.length}`;
  return reply(206, bytes.subarray(Number(first)), { ...headers, "content-range": range });
}

function deleteManifest(state: State, repository: string, reference: string): Answer {
  if (state.options.deletes === false) return refusal(405, "UNSUPPORTED");
  const found = find(state, repository, reference);
  if (found === undefined) return refusal(404, "MANIFEST_UNKNOWN");
  for (const [name, manifest] of state.manifests)
    if (
      name === `${repository}:${reference}` ||
      (manifest === found && reference.includes(":") && name.startsWith(`${repository}:`))
    )
      state.manifests.delete(name);
  if (reference.includes(":")) state.manifests.delete(`${repository}@${reference}`);
  return reply(202, "");
}

function listTags(state: State, repository: string, seen: SeenRequest): Answer {
  const names = [...state.manifests.keys()];
  if (!names.some((name) => name.startsWith(`${repository}@`))) return refusal(404, "NAME_UNKNOWN");
  const tags = names
    .filter((name) => name.startsWith(`${repository}:`))
    .map((name) => name.slice(repository.length + 1));
  const { page, link } = pageOf(state, tags, seen);
  return reply(200, JSON.stringify({ name: repository, tags: page }), {
    "content-type": "application/json",
    ...link,
  });
}

function listReferrers(state: State, { repository, reference, seen }: Put): Answer {
  const all = [...state.manifests].flatMap(([name, { bytes, digest, mediaType }]) => {
    if (!name.startsWith(`${repository}@`)) return [];
    const document: { readonly subject?: { readonly digest: string }; readonly artifactType?: string } =
      JSON.parse(bytes.toString("utf8"));
    if (document.subject?.digest !== reference) return [];
    return [{ mediaType, digest, size: bytes.length, artifactType: document.artifactType }];
  });
  const { page, link } = pageOf(state, all, seen);
  const mediaType = "application/vnd.oci.image.index.v1+json";
  return reply(200, JSON.stringify({ schemaVersion: 2, mediaType, manifests: page }), {
    "content-type": mediaType,
    ...link,
  });
}

function pageOf<T>(
  { options }: State,
  all: readonly T[],
  { path, query }: SeenRequest,
): { readonly page: readonly T[]; readonly link: Readonly<Record<string, string>> } {
  const { pageSize = all.length } = options;
  const start = Number(query.get("last") ?? 0);
  const end = start + pageSize;
  const link = end < all.length ? { link: `<${path}?n=${pageSize}&last=${end}>; rel="next"` } : {};
  return { page: all.slice(start, end), link };
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
  const subject = subjectOf(seen.body);
  // A subject may be missing: it can come later, or never.
  const missing = contentOf(seen.body).find(
    (digest) => digest !== subject && !isThere(state, repository, digest),
  );
  if (missing !== undefined) return refusal(404, "MANIFEST_BLOB_UNKNOWN", missing);
  if (reference.includes(":") && digestOf(seen.body) !== reference) return refusal(400, "DIGEST_INVALID");
  const { digest } = store(state, { repository, reference, mediaType, bytes: seen.body });
  const named = state.options.referrers === true && subject !== undefined ? { "oci-subject": subject } : {};
  return reply(201, "", { "docker-content-digest": digest, ...named });
}

function isThere(state: State, repository: string, digest: string): boolean {
  return hasBlob(state, repository, digest) || state.manifests.has(`${repository}@${digest}`);
}

// Digests that a manifest or index points at.
function contentOf(bytes: Buffer): readonly string[] {
  return [...bytes.toString("utf8").matchAll(/"digest":\s*"(sha256:[0-9a-f]{64})"/g)].map(
    ([, digest = ""]) => digest,
  );
}

function subjectOf(bytes: Buffer): string | undefined {
  const document: { readonly subject?: { readonly digest: string } } = JSON.parse(bytes.toString("utf8"));
  return document.subject?.digest;
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

function addBlob(
  state: State,
  repository: string,
  bytes: Buffer,
): { readonly digest: string; readonly size: number } {
  const digest = digestOf(bytes);
  state.blobs.set(digest, bytes);
  state.places.add(`${repository}@${digest}`);
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
