import { hasCode, invalid, scopeOf, statusOf, type Access } from "./access.ts";
import { factsOf } from "./failures.ts";
import { createSource } from "./outgoing.ts";
import type { Setback } from "./requester.ts";
import type { RegistryFailure } from "./registry-failure.ts";
import { nextDelayMs } from "./retry.ts";
import type { BlobOutcome, OutgoingBlob, StoreFailure } from "./store.ts";
import {
  askSession,
  cancelSession,
  isSessionLost,
  isThere,
  sendChunks,
  sendWhole,
  sessionOf,
  uploadCall,
  uploadsPath,
  type Session,
  type Upload,
} from "./upload-session.ts";
import { fail, ok, type Result } from "../result.ts";

// What is lost at most when a connection breaks in the middle of a blob that is sent in chunks.
const CHUNK_BYTES = 64 * 1024 * 1024;
const PROGRESS_BYTES = 1024 * 1024;
// A lost session and a registry without chunks are answers to begin anew; wrong content may look the same, and stays wrong.
const MAX_REFUSALS = 2;

/**
 * Makes sure that a blob is in the repository: mounts it, or looks for it and uploads it. A mount that the registry does not
 * do is an upload already begun, so it needs no look before.
 * @see https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#pushing-blobs
 */
export async function putBlob(
  access: Access,
  blob: OutgoingBlob,
  options: { readonly chunkBytes?: number; readonly signal?: AbortSignal | undefined } = {},
): Promise<Result<BlobOutcome, StoreFailure>> {
  const { chunkBytes = CHUNK_BYTES, signal } = options;
  const { descriptor, mountFrom } = blob;
  const scope = scopeOf(access.repository, true);
  const upload: Upload = { access, descriptor, source: createSource(blob), scope, chunkBytes, signal };
  if (mountFrom !== undefined) {
    const wide: Upload = { ...upload, scope: scopeOf(access.repository, true, mountFrom) };
    const mounted = await mount(wide, mountFrom);
    if (!mounted.ok) return mounted;
    if (mounted.value === "mounted") return ok("mounted");
    if (mounted.value !== "refused") return sendAll(wide, mounted.value);
  }
  const there = await look(upload);
  if (!there.ok) return there;
  if (there.value) return ok("present");
  const begun = await begin(upload);
  return begun.ok ? sendAll(upload, begun.value) : begun;
}

async function mount(
  upload: Upload,
  from: string,
): Promise<Result<"mounted" | "refused" | Session, RegistryFailure>> {
  const { access, descriptor } = upload;
  const query = `?mount=${encodeURIComponent(descriptor.digest)}&from=${encodeURIComponent(from)}`;
  const called = await access.requester.call(uploadCall(upload, "POST", uploadsPath(access, query)));
  if (called.ok)
    return called.value.answer.status === 201 ? ok("mounted") : sessionOf(called.value, access, 0);
  // It may not be read there, or this registry mounts nothing: it can still be looked for and uploaded.
  const status = statusOf(called.error) ?? 500;
  return status >= 400 && status < 500 && status !== 429 && status !== 408 ? ok("refused") : called;
}

async function look(upload: Upload): Promise<Result<boolean, RegistryFailure>> {
  const { access, descriptor } = upload;
  const path = `/v2/${access.repository.path}/blobs/${descriptor.digest}`;
  const called = await access.requester.call(uploadCall(upload, "HEAD", path));
  if (!called.ok) {
    const status = statusOf(called.error);
    return status === 404 || status === 405 || status === 501 ? ok(false) : called;
  }
  const length = Number(called.value.answer.header("content-length")[0] ?? 0);
  if (length === 0 || length === descriptor.size) return ok(true);
  return invalid(called.value, `a blob of ${length} bytes, where ${descriptor.size} are expected`);
}

async function begin(upload: Upload): Promise<Result<Session, RegistryFailure>> {
  const { access } = upload;
  const called = await access.requester.call(uploadCall(upload, "POST", uploadsPath(access)));
  return called.ok ? sessionOf(called.value, access, 0) : called;
}

/** How far an upload has come; it outlives attempts. */
interface Progress {
  session: Session | undefined;
  chunked: boolean;
  /** A registry that takes no chunks is sent none again. */
  mayChunk: boolean;
  /** How often it was begun anew because a registry did not take it as it was sent. */
  refusals: number;
  attempt: number;
  spentMs: number;
}

async function sendAll(upload: Upload, first: Session): Promise<Result<BlobOutcome, StoreFailure>> {
  const progress: Progress = {
    session: first,
    chunked: false,
    mayChunk: true,
    refusals: 0,
    attempt: 1,
    spentMs: 0,
  };
  const ended = await sendPersistently(upload, progress);
  if (ended.ok) return ended;
  if (progress.session !== undefined) await cancelSession(upload, progress.session);
  const problem = upload.source.problem();
  if (problem?.kind === "thrown") throw problem.error;
  if (problem?.kind === "failure") return fail(problem.failure);
  if (problem?.kind !== "length") return ended;
  const facts = upload.access.requester.facts(uploadCall(upload, "PUT", uploadsPath(upload.access)));
  const { size } = upload.descriptor;
  return fail({ kind: "outgoing-blob-invalid", ...factsOf(facts), size, actual: problem.actual });
}

async function sendPersistently(
  upload: Upload,
  progress: Progress,
): Promise<Result<BlobOutcome, RegistryFailure>> {
  for (;;) {
    const sent = await send(upload, progress);
    if (sent.ok) return ok("uploaded");
    if (upload.source.problem() !== undefined) return fail(sent.error.failure);
    const recovered = await recover(upload, progress, sent.error);
    if (!recovered.ok) return recovered;
    if (recovered.value === "there") return ok("uploaded");
  }
}

async function send(upload: Upload, progress: Progress): Promise<Result<void, Setback>> {
  const { session } = progress;
  if (session === undefined) throw new Error("Internal error: nowhere to upload to");
  if (!progress.chunked) return sendWhole(upload, session);
  return sendChunks(upload, session, (next) => {
    if (next.offset - session.offset >= PROGRESS_BYTES) progress.attempt = 1;
    progress.session = next;
  });
}

// After a break: is it there already, how much of it is there, or where does it begin anew?
async function recover(
  upload: Upload,
  progress: Progress,
  first: Setback,
): Promise<Result<"there" | "again", RegistryFailure>> {
  let setback = first;
  const isRefused = !first.transient;
  if (isRefused && !mayBeginAnew(first.failure, progress)) return fail(first.failure);
  for (;;) {
    if (!(await waited(upload, progress, setback))) return fail(setback.failure);
    const next = isRefused ? await restart(upload, progress) : await resume(upload, progress);
    if (next.ok) return next;
    if (!next.error.transient) return fail(next.error.failure);
    setback = next.error;
  }
}

// A refusal is final, unless it is of this session or of chunks as such; counts those that are not.
function mayBeginAnew(failure: RegistryFailure, progress: Progress): boolean {
  if (failure.kind === "registry-denied" || failure.kind === "registry-cancelled") return false;
  const status = statusOf(failure) ?? 0;
  if (status < 400 || status === 413 || progress.refusals >= MAX_REFUSALS) return false;
  progress.refusals += 1;
  if (progress.chunked) {
    progress.mayChunk = false;
    return true;
  }
  return isSessionLost(failure) && !hasCode(failure, "NAME_UNKNOWN", "NAME_INVALID", "DIGEST_INVALID");
}

async function waited({ access, signal }: Upload, progress: Progress, setback: Setback): Promise<boolean> {
  const { attempt, spentMs } = progress;
  const state = { attempt, spentMs, retryAfterMs: setback.retryAfterMs };
  const delayMs = nextDelayMs(state, access.patience, access.timing.random);
  if (delayMs === undefined) return false;
  await access.timing.sleep(delayMs, signal);
  progress.attempt += 1;
  progress.spentMs += delayMs;
  return true;
}

async function resume(upload: Upload, progress: Progress): Promise<Result<"there" | "again", Setback>> {
  // The answer to the last request may be all that was lost.
  const there = await isThere(upload);
  if (!there.ok) return there;
  if (there.value) {
    progress.session = undefined;
    return ok("there");
  }
  if (progress.session === undefined) return restart(upload, progress);
  const asked = await askSession(upload, progress.session);
  if (!asked.ok) return asked;
  const before = progress.session.offset;
  progress.session = asked.value?.session;
  if (asked.value?.usable !== true || !progress.mayChunk) return restart(upload, progress);
  if (asked.value.session.offset - before >= PROGRESS_BYTES) progress.attempt = 1;
  progress.chunked = true;
  return ok("again");
}

async function restart(upload: Upload, progress: Progress): Promise<Result<"again", Setback>> {
  const { access, descriptor, chunkBytes } = upload;
  const old = progress.session;
  progress.session = undefined;
  if (old !== undefined) await cancelSession(upload, old);
  const called = await access.requester.callOnce(uploadCall(upload, "POST", uploadsPath(access)));
  if (!called.ok) return called;
  const begun = sessionOf(called.value, access, 0);
  if (!begun.ok) return fail({ failure: begun.error, transient: false });
  progress.session = begun.value;
  progress.chunked = progress.mayChunk && descriptor.size > chunkBytes;
  return ok("again");
}
