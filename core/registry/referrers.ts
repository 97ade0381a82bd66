import { hasCode, invalid, scopeOf, statusOf, type Access } from "./access.ts";
import { readManifest, writeManifest } from "./manifests.ts";
import { MAX_PAGE_BYTES, readPages } from "./pages.ts";
import type { Call, Called } from "./requester.ts";
import type { RegistryFailure } from "./registry-failure.ts";
import { isListedReferrer } from "../oci/attestation.ts";
import type { Descriptor, Document } from "../oci/descriptor.ts";
import { parseDigest, type Digest } from "../oci/digest.ts";
import { digestOf } from "../oci/digest-of.ts";
import { parseDocument } from "../oci/documents.ts";
import { OCI_INDEX } from "../oci/media-type.ts";
import { fail, ok, type Result } from "../result.ts";

/** What is known of the referrers API of one registry, so that one without it is asked once only. */
export interface ReferrersMemory {
  missing: boolean;
  /** It has taken a manifest with a subject and left the list to us. */
  listless: boolean;
  /** Lists kept in tags are read and written again: one change at a time, for each tag. */
  readonly changes: Map<string, Promise<unknown>>;
}

/** Begins without having asked. */
export function createReferrersMemory(): ReferrersMemory {
  return { missing: false, listless: false, changes: new Map() };
}

interface Known {
  readonly access: Access;
  readonly memory: ReferrersMemory;
}

/**
 * Lists the manifests whose subject is this digest: by the API, or by the tag that stands for it where there is none.
 * @see https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#listing-referrers
 */
export async function listReferrers(
  { access, memory }: Known,
  digest: Digest,
  signal: AbortSignal | undefined,
): Promise<Result<readonly Descriptor[], RegistryFailure>> {
  if (!memory.missing) {
    const listed = await readPages(access, listCall(access, digest, signal), descriptorsOf);
    if (listed.ok || !isApiMissing(listed.error)) return listed;
    // A repository that is unknown says nothing of the API.
    if (!hasCode(listed.error, "NAME_UNKNOWN")) memory.missing = true;
  }
  const read = await readList(access, digest, signal);
  return read.ok ? ok(read.value?.manifests ?? []) : read;
}

/**
 * Keeps the list of referrers in its tag where the registry does not: to be called with the answer to each manifest that was
 * written. A registry with the API names the subject in its answer.
 * @see https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#pushing-manifests-with-subject
 */
export async function keepReferrer(
  { access, memory }: Known,
  { document, called }: { readonly document: Document; readonly called: Called },
  signal: AbortSignal | undefined,
): Promise<Result<void, RegistryFailure>> {
  const parsed = parseDocument(document.bytes);
  if (!parsed.ok || parsed.value.subject === undefined || !isListedReferrer(parsed.value))
    return ok(undefined);
  if (called.answer.header("oci-subject").length > 0) return ok(undefined);
  memory.listless = true;
  const subject = parsed.value.subject.digest;
  const { annotations } = parsed.value;
  const artifactType =
    parsed.value.artifactType ??
    (parsed.value.kind === "manifest" ? parsed.value.config.mediaType : undefined);
  const entry: Descriptor = {
    mediaType: parsed.value.mediaType,
    digest: digestOf(document.bytes),
    size: document.bytes.length,
    ...(Object.keys(annotations).length === 0 ? {} : { annotations }),
    ...(artifactType === undefined ? {} : { artifactType }),
  };
  return inTurn({ access, memory }, subject, async () => {
    const list = await readList(access, subject, signal);
    if (!list.ok) return list;
    if (list.value?.manifests.some(({ digest }) => digest === entry.digest) === true) return ok(undefined);
    const document = changedList(list.value?.bytes, (others) => [...others, entry]);
    return writeList(access, { subject, document, signal });
  });
}

/**
 * The subject of a manifest that is about to be removed, where the registry leaves its list of referrers to us.
 * @see https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#deleting-manifests
 */
export async function subjectInList(
  { access, memory }: Known,
  reference: string,
  signal: AbortSignal | undefined,
): Promise<Result<Digest | undefined, RegistryFailure>> {
  if (!(memory.missing || memory.listless) || parseDigest(reference) === undefined) return ok(undefined);
  const read = await readManifest(access, reference, signal);
  if (!read.ok) return read.error.kind === "manifest-unknown" ? ok(undefined) : read;
  const parsed = parseDocument(read.value.bytes);
  return ok(parsed.ok ? parsed.value.subject?.digest : undefined);
}

/** Takes a manifest that was removed out of its subject's list. */
export async function dropReferrer(
  { access, memory }: Known,
  { subject, removed }: { readonly subject: Digest; readonly removed: string },
  signal: AbortSignal | undefined,
): Promise<Result<void, RegistryFailure>> {
  return inTurn({ access, memory }, subject, async () => {
    const list = await readList(access, subject, signal);
    if (!list.ok) return list;
    if (list.value?.manifests.some(({ digest }) => digest === removed) !== true) return ok(undefined);
    const document = changedList(list.value.bytes, (entries) =>
      entries.filter((each) => !isOf(each, removed)),
    );
    return writeList(access, { subject, document, signal });
  });
}

/** The tag that stands for the referrers of a digest. */
export function referrersTag(digest: Digest): string {
  const [algorithm = "", hex = ""] = digest.split(":");
  return `${algorithm.slice(0, 32)}-${hex.slice(0, 64)}`;
}

function listCall({ repository, writes }: Access, digest: Digest, signal: AbortSignal | undefined): Call {
  return {
    method: "GET",
    path: `/v2/${repository.path}/referrers/${digest}`,
    repository: repository.path,
    scope: scopeOf(repository, writes),
    headers: { accept: OCI_INDEX },
    maxBytes: MAX_PAGE_BYTES,
    signal,
  };
}

function isApiMissing(failure: RegistryFailure): boolean {
  const status = statusOf(failure);
  if (status === 404 || status === 405 || status === 501) return true;
  return status === 400 && hasCode(failure, "UNSUPPORTED");
}

function descriptorsOf(called: Called): Result<readonly Descriptor[], RegistryFailure> {
  const parsed = parseDocument(called.answer.body);
  if (parsed.ok && parsed.value.kind === "index") return ok(parsed.value.manifests);
  return invalid(called, "the answer is no list of referrers");
}

interface List {
  readonly manifests: readonly Descriptor[];
  readonly bytes: Uint8Array;
}

async function readList(
  access: Access,
  digest: Digest,
  signal: AbortSignal | undefined,
): Promise<Result<List | undefined, RegistryFailure>> {
  const tag = referrersTag(digest);
  const read = await readManifest(access, tag, signal);
  if (!read.ok) return read.error.kind === "manifest-unknown" ? ok(undefined) : read;
  const { bytes } = read.value;
  const parsed = parseDocument(bytes);
  if (parsed.ok && parsed.value.kind === "index") return ok({ manifests: parsed.value.manifests, bytes });
  const { registry, path } = access.repository;
  const url = `/v2/${path}/manifests/${tag}`;
  const detail = `the tag ${tag}, which stands for a list of referrers, holds something else`;
  const request = { method: "GET", url, attempts: 1 };
  return fail({
    kind: "registry-answer-invalid",
    registry,
    repository: path,
    reference: tag,
    request,
    detail,
  });
}

async function writeList(
  access: Access,
  wanted: {
    readonly subject: Digest;
    readonly document: Document;
    readonly signal: AbortSignal | undefined;
  },
): Promise<Result<void, RegistryFailure>> {
  const written = await writeManifest(access, { ...wanted, reference: referrersTag(wanted.subject) });
  return written.ok ? ok(undefined) : written;
}

// Two that change one list at once would each lose what the other wrote.
async function inTurn(
  { access, memory }: Known,
  subject: Digest,
  work: () => Promise<Result<void, RegistryFailure>>,
): Promise<Result<void, RegistryFailure>> {
  const key = `${access.repository.path}@${subject}`;
  const before = memory.changes.get(key) ?? Promise.resolve();
  const change = before.then(work);
  memory.changes.set(key, change);
  const changed = await change;
  if (memory.changes.get(key) === change) memory.changes.delete(key);
  return changed;
}

// What others wrote into the list stays as it is, fields that we do not know included.
function changedList(
  bytes: Uint8Array | undefined,
  change: (entries: readonly unknown[]) => readonly unknown[],
): Document {
  const old: unknown = bytes === undefined ? {} : JSON.parse(Buffer.from(bytes).toString("utf8"));
  const fields = typeof old === "object" && old !== null ? old : {};
  const entries: readonly unknown[] =
    "manifests" in fields && Array.isArray(fields.manifests) ? fields.manifests : [];
  const list = { ...fields, schemaVersion: 2, mediaType: OCI_INDEX, manifests: change(entries) };
  const text = new TextEncoder().encode(JSON.stringify(list));
  return { bytes: text, descriptor: { mediaType: OCI_INDEX, digest: digestOf(text), size: text.length } };
}

function isOf(entry: unknown, digest: string): boolean {
  return typeof entry === "object" && entry !== null && "digest" in entry && entry.digest === digest;
}
