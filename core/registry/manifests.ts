import {
  invalid,
  MAX_OTHER_BYTES,
  mismatch,
  refused,
  scopeOf,
  statusOf,
  target,
  type Access,
} from "./access.ts";
import type { Call, Called } from "./requester.ts";
import type { RegistryFailure } from "./registry-failure.ts";
import type { Descriptor, Document } from "../oci/descriptor.ts";
import { digestOf } from "../oci/digest-of.ts";
import { parseDigest } from "../oci/digest.ts";
import { DOCUMENT_TYPES } from "../oci/media-type.ts";
import { fail, ok, type Result } from "../result.ts";

const MAX_MANIFEST_BYTES = 4 * 1024 * 1024;
const ACCEPT = [
  "application/vnd.oci.image.index.v1+json",
  "application/vnd.oci.image.manifest.v1+json",
  "application/vnd.docker.distribution.manifest.list.v2+json",
  "application/vnd.docker.distribution.manifest.v2+json",
].join(", ");

/**
 * Asks what a tag or digest names by HEAD, and by GET where HEAD cannot tell all of it. Undefined only where the registry
 * itself says that it is not there.
 */
export async function resolveManifest(
  access: Access,
  reference: string,
  signal: AbortSignal | undefined,
): Promise<Result<Descriptor | undefined, RegistryFailure>> {
  const called = await access.requester.call({ ...readCall(access, reference, signal), method: "HEAD" });
  if (!called.ok) {
    const status = statusOf(called.error);
    // A page instead of an answer (a portal's, a proxy's) says nothing about the registry: its body decides, which HEAD has not.
    if (status !== 404 && status !== 405 && status !== 501) return called;
    if (status === 404 && called.error.kind === "manifest-unknown" && called.error.page !== true)
      return ok(undefined);
    return resolveByGet(access, reference, signal);
  }
  const described = describedBy(called.value, reference);
  if (described === undefined) return resolveByGet(access, reference, signal);
  const expected = parseDigest(reference);
  const sameKind = expected?.split(":")[0] === described.digest.split(":")[0];
  if (expected === undefined || !sameKind || expected === described.digest) return ok(described);
  return mismatch(called.value, { expected, actual: described.digest, bytes: described.size });
}

/** Reads a manifest or index by tag or digest, and checks it against the digest asked for or announced. */
export async function readManifest(
  access: Access,
  reference: string,
  signal: AbortSignal | undefined,
): Promise<Result<Document, RegistryFailure>> {
  const called = await access.requester.call(readCall(access, reference, signal));
  if (!called.ok) return called;
  const { answer } = called.value;
  const expected = parseDigest(reference) ?? parseDigest(answer.header("docker-content-digest")[0] ?? "");
  const digest = digestOf(answer.body, expected);
  if (expected !== undefined && expected !== digest)
    return mismatch(called.value, { expected, actual: digest, bytes: answer.body.length });
  const mediaType = mediaTypeOf(called.value);
  if (mediaType === undefined) return invalid(called.value, "the answer is not a manifest in JSON");
  return ok({ bytes: answer.body, descriptor: { mediaType, digest, size: answer.body.length } });
}

/** Writes a manifest or index; the answer comes along, for what else it may say. */
export async function writeManifest(
  access: Access,
  wanted: {
    readonly reference: string;
    readonly document: Document;
    readonly signal: AbortSignal | undefined;
  },
): Promise<Result<Called, RegistryFailure>> {
  const { reference, document, signal } = wanted;
  const called = await access.requester.call({
    ...target(access.repository, "manifests", reference),
    method: "PUT",
    scope: scopeOf(access.repository, true),
    headers: { "content-type": document.descriptor.mediaType },
    body: document.bytes,
    maxBytes: MAX_OTHER_BYTES,
    signal,
  });
  if (!called.ok) return called;
  const { answer } = called.value;
  const stored = parseDigest(answer.header("docker-content-digest")[0] ?? "");
  const expected = digestOf(document.bytes, stored);
  if (stored !== undefined && stored !== expected)
    return mismatch(called.value, { expected, actual: stored, bytes: document.bytes.length });
  // The specification's answer is 201; another success counts where the registry says what it stored.
  if (answer.status === 201 || stored !== undefined) return called;
  return invalid(called.value, `status ${answer.status} where 201 says that a manifest is stored`);
}

/** Removes a tag, or a manifest by its digest; what is not there is removed. */
export async function deleteManifest(
  access: Access,
  reference: string,
  signal: AbortSignal | undefined,
): Promise<Result<void, RegistryFailure>> {
  const call: Call = {
    ...target(access.repository, "manifests", reference),
    method: "DELETE",
    scope: `repository:${access.repository.path}:pull,push,delete`,
    headers: {},
    maxBytes: MAX_OTHER_BYTES,
    signal,
  };
  const called = await access.requester.call(call);
  if (called.ok) return ok(undefined);
  if (called.error.kind !== "manifest-unknown") return called;
  return called.error.page === true
    ? refused(access, call, "a web page, where the registry's API should be")
    : ok(undefined);
}

function readCall({ repository, writes }: Access, reference: string, signal: AbortSignal | undefined): Call {
  return {
    ...target(repository, "manifests", reference),
    method: "GET",
    scope: scopeOf(repository, writes),
    headers: { accept: ACCEPT },
    maxBytes: MAX_MANIFEST_BYTES,
    signal,
  };
}

async function resolveByGet(
  access: Access,
  reference: string,
  signal: AbortSignal | undefined,
): Promise<Result<Descriptor | undefined, RegistryFailure>> {
  const read = await readManifest(access, reference, signal);
  if (read.ok) return ok(read.value.descriptor);
  if (read.error.kind !== "manifest-unknown") return read;
  if (read.error.page !== true) return ok(undefined);
  const { kind: _, status, codes: _codes, page: _page, ...facts } = read.error;
  const detail = `a web page with status ${status}, where the registry's API should be`;
  return fail({ kind: "registry-answer-invalid", ...facts, detail });
}

function describedBy({ answer }: Called, reference: string): Descriptor | undefined {
  const digest = parseDigest(answer.header("docker-content-digest")[0] ?? "") ?? parseDigest(reference);
  const mediaType = answer.header("content-type")[0]?.split(";")[0]?.trim() ?? "";
  const length = answer.header("content-length")[0] ?? "";
  if (digest === undefined || !DOCUMENT_TYPES.includes(mediaType)) return undefined;
  return /^[1-9]\d{0,9}$/.test(length) ? { mediaType, digest, size: Number(length) } : undefined;
}

// The document's own word goes before the header's: some registries and proxies answer text/plain.
function mediaTypeOf({ answer }: Called): string | undefined {
  try {
    const parsed: unknown = JSON.parse(Buffer.from(answer.body).toString("utf8"));
    if (typeof parsed !== "object" || parsed === null || Array.isArray(parsed)) return undefined;
    if ("mediaType" in parsed && typeof parsed.mediaType === "string" && parsed.mediaType !== "")
      return parsed.mediaType;
    return answer.header("content-type")[0]?.split(";")[0]?.trim();
  } catch {
    return undefined;
  }
}
