import { hasCode, invalid, MAX_OTHER_BYTES, mismatch, statusOf, type Access } from "./access.ts";
import type { Source } from "./outgoing.ts";
import { followLocation } from "./location.ts";
import type { Call, Called, Setback } from "./requester.ts";
import type { RegistryFailure } from "./registry-failure.ts";
import type { Descriptor } from "../oci/descriptor.ts";
import { parseDigest } from "../oci/digest.ts";
import { fail, ok, type Result } from "../result.ts";

/** An upload on its way: whose, to where, of what. */
export interface Upload {
  readonly access: Access;
  readonly descriptor: Descriptor;
  readonly source: Source;
  /** Token scope of all its requests; that of a mount is wider. */
  readonly scope: string;
  readonly chunkBytes: number;
  readonly signal: AbortSignal | undefined;
}

/** A registry's place for an upload; each answer names the next location. */
export interface Session {
  readonly url: string;
  /** The least that each chunk but the last must have. */
  readonly minChunkBytes: number;
  /** How many bytes the registry has. */
  readonly offset: number;
}

const CANCEL_MS = 2_000;
const OCTETS = { "content-type": "application/octet-stream" };

/** A request of an upload, to a location that the registry gave or to a path. */
export function uploadCall(upload: Upload, method: Call["method"], path: string): Call {
  const { access, descriptor, scope, signal } = upload;
  const { path: repository } = access.repository;
  const reference = descriptor.digest;
  return {
    method,
    path,
    repository,
    reference,
    scope,
    headers: {},
    maxBytes: MAX_OTHER_BYTES,
    signal,
  };
}

/** Path that begins an upload, with a query or without. */
export function uploadsPath({ repository }: Access, query = ""): string {
  return `/v2/${repository.path}/blobs/uploads/${query}`;
}

/** Reads where an upload goes on. */
export function sessionOf(
  called: Called,
  access: Access,
  offset: number,
  minChunkBytes = 0,
): Result<Session, RegistryFailure> {
  const { answer } = called;
  const url = followLocation(answer.header("location")[0], answer.url, access.requester.challenger());
  if (url === undefined) return invalid(called, "no usable Location for the upload");
  const least = answer.header("oci-chunk-min-length")[0] ?? "";
  const minimum = /^\d{1,12}$/.test(least) ? Number(least) : minChunkBytes;
  return ok({ url: url.href, offset, minChunkBytes: minimum });
}

/** Sends a blob in one piece. */
export async function sendWhole(upload: Upload, session: Session): Promise<Result<void, Setback>> {
  const body = upload.source.body(0, upload.descriptor.size);
  return complete(upload, { ...uploadCall(upload, "PUT", ending(upload, session)), body });
}

/** Sends what the registry does not have yet, in chunks; `onProgress` sees each session in which one more has arrived. */
export async function sendChunks(
  upload: Upload,
  first: Session,
  onProgress: (session: Session) => void,
): Promise<Result<void, Setback>> {
  const { size } = upload.descriptor;
  let session = first;
  while (session.offset < size) {
    const sent = await sendChunk(upload, session);
    if (!sent.ok) return sent;
    session = sent.value;
    onProgress(session);
  }
  return complete(upload, uploadCall(upload, "PUT", ending(upload, session)));
}

/** What a registry says of an upload that broke: where it goes on now, and whether it can. */
export interface Standing {
  readonly session: Session;
  readonly usable: boolean;
}

/** Asks the registry how much it has; undefined where it does not know the upload any more. */
export async function askSession(
  upload: Upload,
  session: Session,
): Promise<Result<Standing | undefined, Setback>> {
  const called = await upload.access.requester.callOnce(uploadCall(upload, "GET", session.url));
  if (!called.ok) return called.error.transient || isCancelled(called.error) ? called : ok(undefined);
  const offset = endOf(called.value);
  // `0-0` may be one byte, and some registries say it of none: neither is worth the doubt.
  const usable = offset !== undefined && offset >= 2 && offset <= upload.descriptor.size;
  const next = sessionOf(called.value, upload.access, offset ?? 0, session.minChunkBytes);
  return ok({ session: next.ok ? next.value : { ...session, offset: offset ?? 0 }, usable });
}

/** Tells the registry that an upload is given up; whether it listens does not matter any more. */
export async function cancelSession(upload: Upload, session: Session): Promise<void> {
  const call = uploadCall(upload, "DELETE", session.url);
  await upload.access.requester.callOnce({ ...call, signal: AbortSignal.timeout(CANCEL_MS) });
}

/** Is the blob there? */
export async function isThere(upload: Upload): Promise<Result<boolean, Setback>> {
  const { repository } = upload.access;
  const path = `/v2/${repository.path}/blobs/${upload.descriptor.digest}`;
  const called = await upload.access.requester.callOnce(uploadCall(upload, "HEAD", path));
  if (called.ok) return ok(true);
  const status = statusOf(called.error.failure);
  return status === 404 || status === 405 ? ok(false) : called;
}

/** Does the registry no longer know the upload, or not take it as it was sent? Another one may do. */
export function isSessionLost(failure: RegistryFailure): boolean {
  const status = statusOf(failure);
  return (
    status === 404 ||
    status === 416 ||
    hasCode(failure, "BLOB_UPLOAD_UNKNOWN", "BLOB_UPLOAD_INVALID", "RANGE_INVALID")
  );
}

function isCancelled({ failure }: Setback): boolean {
  return failure.kind === "registry-cancelled";
}

async function sendChunk(upload: Upload, session: Session): Promise<Result<Session, Setback>> {
  const { offset, minChunkBytes } = session;
  const length = Math.min(Math.max(upload.chunkBytes, minChunkBytes), upload.descriptor.size - offset);
  const end = offset + length;
  const called = await upload.access.requester.callOnce({
    ...uploadCall(upload, "PATCH", session.url),
    headers: { ...OCTETS, "content-range": `${offset}-${end - 1}` },
    body: upload.source.body(offset, length),
  });
  if (!called.ok) return called;
  const arrived = endOf(called.value) ?? end;
  if (arrived <= offset || arrived > end)
    return wrong(invalid(called.value, `Range ends at ${arrived}, after a chunk from ${offset} to ${end}`));
  const next = sessionOf(called.value, upload.access, arrived, minChunkBytes);
  return next.ok ? next : wrong(next);
}

async function complete(upload: Upload, call: Call): Promise<Result<void, Setback>> {
  const { digest } = upload.descriptor;
  const put: Call = { ...call, body: call.body ?? new Uint8Array(), headers: OCTETS, slow: true };
  const called = await upload.access.requester.callOnce(put);
  if (!called.ok) return called;
  const { answer } = called.value;
  const stored = parseDigest(answer.header("docker-content-digest")[0] ?? "");
  const isComparable = stored?.split(":")[0] === digest.split(":")[0];
  if (stored !== undefined && isComparable && stored !== digest) {
    const bytes = upload.descriptor.size;
    return wrong(mismatch(called.value, { expected: digest, actual: stored, bytes }));
  }
  if (answer.status === 201 || stored === digest) return ok(undefined);
  return wrong(invalid(called.value, `status ${answer.status} where 201 says that a blob is stored`));
}

// Appended as text: a location's own query may be signed, and is not to be spelled anew.
function ending({ descriptor }: Upload, { url }: Session): string {
  return `${url}${url.includes("?") ? "&" : "?"}digest=${encodeURIComponent(descriptor.digest)}`;
}

// `Range: 0-99` says that there are 100 bytes.
function endOf({ answer }: Called): number | undefined {
  const [, last] = /^(?:bytes=)?0-(\d{1,15})$/.exec(answer.header("range")[0] ?? "") ?? [];
  return last === undefined ? undefined : Number(last) + 1;
}

function wrong(failed: Result<never, RegistryFailure>): Result<never, Setback> {
  if (failed.ok) throw new Error("Internal error: no failure");
  return fail({ failure: failed.error, transient: false });
}
