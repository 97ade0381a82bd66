import type { FakeRegistryOptions, SeenRequest, StoredManifest } from "./fake-registry.ts";
import { refusal, reply } from "./fake-registry-answers.ts";
import { createFakeUploads, type BlobShelf, type FakeUploads } from "./fake-registry-uploads.ts";
import type { Answer } from "./faults.ts";
import { digestOf } from "../../core/oci/digest-of.ts";

/** What a fake registry holds. */
export interface State {
  readonly blobs: Map<string, Buffer>;
  /** `repository@digest`; a blob of all repositories is `*@digest`. */
  readonly places: Set<string>;
  readonly uploads: FakeUploads;
  readonly options: FakeRegistryOptions;
  /** `repository@digest` or `repository:tag`. */
  readonly manifests: Map<string, StoredManifest>;
}

const ROUTE = /^\/v2\/(.+)\/(manifests|blobs\/uploads|blobs|tags|referrers)\/([^/]*)$/;

/** What a registry answers to a request that may pass. */
export function answer(state: State, seen: SeenRequest): Answer {
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

/** Begins without content. */
export function createState(options: FakeRegistryOptions): State {
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

/** Does this repository have this blob? */
export function hasBlob({ places }: State, repository: string, digest: string): boolean {
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

/** What a document says that it is. */
export function mediaTypeOf(bytes: Buffer): string | undefined {
  try {
    const document: unknown = JSON.parse(bytes.toString("utf8"));
    if (typeof document !== "object" || document === null || !("mediaType" in document)) return undefined;
    return String(document.mediaType);
  } catch {
    return undefined;
  }
}

/** Stores a blob in a repository, or in all of them (`*`). */
export function addBlob(
  state: State,
  repository: string,
  bytes: Buffer,
): { readonly digest: string; readonly size: number } {
  const digest = digestOf(bytes);
  state.blobs.set(digest, bytes);
  state.places.add(`${repository}@${digest}`);
  return { digest, size: bytes.length };
}

/** Stores a manifest under its digest, and a tag if one is given. */
export function store(
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

/** What a tag or digest holds. */
export function find(state: State, repository: string, reference: string): StoredManifest | undefined {
  return state.manifests.get(`${repository}${reference.includes(":") ? "@" : ":"}${reference}`);
}
