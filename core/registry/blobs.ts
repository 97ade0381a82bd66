import { createHash } from "node:crypto";
import { invalid, mismatch, refused, scopeOf, target, type Access } from "./access.ts";
import { failureOfFault } from "./failures.ts";
import type { Call, Called } from "./requester.ts";
import type { RegistryFailure } from "./registry-failure.ts";
import { nextDelayMs } from "./retry.ts";
import { BlobUnreadable } from "./store.ts";
import { faultOf, type TransportFault } from "./transport-fault.ts";
import type { Descriptor } from "../oci/descriptor.ts";
import { digestOf } from "../oci/digest-of.ts";
import { parseDigest } from "../oci/digest.ts";
import { ok, type Result } from "../result.ts";

const MAX_BLOB_BYTES = 4 * 1024 * 1024;
// A connection that breaks again and again is tried further only while it brings something.
const PROGRESS_BYTES = 1024 * 1024;

/** Reads a small blob whole. */
export async function readBlob(
  access: Access,
  { digest, size }: Pick<Descriptor, "digest"> & Partial<Pick<Descriptor, "size">>,
  options: { readonly maxBytes?: number; readonly signal?: AbortSignal } = {},
): Promise<Result<Uint8Array, RegistryFailure>> {
  const { maxBytes = MAX_BLOB_BYTES, signal } = options;
  const call: Call = {
    ...blobCall(access, digest, signal),
    maxBytes: size ?? maxBytes,
    ...(size === undefined ? {} : { check: ({ body }) => truncation(body.length, size) }),
  };
  if (size !== undefined && size > maxBytes)
    return refused(access, call, `a blob of ${size} bytes, where ${maxBytes} are taken at most`);
  const called = await access.requester.call(call);
  if (!called.ok) return called;
  const { body } = called.value.answer;
  const actual = digestOf(body, digest);
  return actual === digest
    ? ok(body)
    : mismatch(called.value, { expected: digest, actual, bytes: body.length });
}

/** Streams a blob from byte `from` on, in constant memory; a break is mended by asking for the rest. @throws BlobUnreadable */
export async function* streamBlob(
  access: Access,
  { digest, size }: Descriptor,
  { from = 0, signal }: { readonly from?: number; readonly signal?: AbortSignal } = {},
): AsyncGenerator<Uint8Array, void, undefined> {
  if (from > 0 && from >= size) return;
  const hash = from === 0 ? createHash(digest.startsWith("sha512:") ? "sha512" : "sha256") : undefined;
  const { timing, patience } = access;
  let offset = from;
  let attempt = 1;
  let spentMs = 0;
  let called: Called | undefined;
  do {
    const asked = await access.requester.call(streamCall(access, digest, { offset, signal }));
    if (!asked.ok) throw new BlobUnreadable(asked.error);
    called = asked.value;
    const before = offset;
    let fault: TransportFault | undefined;
    try {
      for await (const piece of rest(called, offset, size)) {
        offset += piece.length;
        hash?.update(piece);
        yield piece;
      }
      fault = truncation(offset, size);
    } catch (error) {
      if (error instanceof BlobUnreadable) throw error;
      fault = faultOf(error, signal);
    }
    if (fault === undefined) break;
    if (offset - before >= PROGRESS_BYTES) attempt = 1;
    const delayMs = fault.transient
      ? nextDelayMs({ attempt, spentMs, retryAfterMs: undefined }, patience, timing.random)
      : undefined;
    if (delayMs === undefined)
      throw new BlobUnreadable(failureOfFault(fault, { ...called.facts, attempts: attempt }));
    await timing.sleep(delayMs, signal);
    spentMs += delayMs;
    attempt += 1;
  } while (offset < size);
  const actual = hash === undefined ? digest : parseDigest(`${digest.split(":")[0]}:${hash.digest("hex")}`);
  if (actual !== undefined && actual !== digest)
    throw unreadable(mismatch(called, { expected: digest, actual, bytes: offset }));
}

// What an answer still gives, without what a registry that knows no ranges repeats.
async function* rest(called: Called, offset: number, size: number): AsyncGenerator<Uint8Array> {
  const { answer } = called;
  const pieces = answer.stream ?? [];
  const start = startOf(called, offset, size);
  // Leaving the stream before its first piece would leave its connection open.
  if (!start.ok) {
    for await (const _ of pieces) break;
    throw unreadable(start);
  }
  let at = start.value;
  for await (const piece of pieces) {
    const skipped = Math.min(Math.max(0, offset - at), piece.length);
    at += piece.length;
    if (at > size) throw unreadable(invalid(called, `more than the ${size} bytes that the blob has`));
    if (skipped < piece.length) yield piece.subarray(skipped);
  }
}

// The byte that an answer begins with: what was asked for, or 0 where the range was ignored.
function startOf(called: Called, offset: number, size: number): Result<number, RegistryFailure> {
  const { status, header } = called.answer;
  if (status === 200) return ok(0);
  const [given = ""] = header("content-range");
  const [, start, total] = /^bytes (\d+)-\d+\/(\d+|\*)$/.exec(given) ?? [];
  const isAsked = status === 206 && Number(start) === offset && (total === "*" || Number(total) === size);
  if (isAsked) return ok(offset);
  return invalid(called, `status ${status}, Content-Range "${given.slice(0, 100)}", asked from ${offset}`);
}

function blobCall(
  { repository, writes }: Access,
  digest: string,
  signal: AbortSignal | undefined,
): Omit<Call, "maxBytes"> {
  const scope = scopeOf(repository, writes);
  return { ...target(repository, "blobs", digest), method: "GET", scope, headers: {}, signal };
}

function streamCall(
  access: Access,
  digest: string,
  { offset, signal }: { readonly offset: number; readonly signal: AbortSignal | undefined },
): Call {
  const headers: Readonly<Record<string, string>> = offset === 0 ? {} : { range: `bytes=${offset}-` };
  return { ...blobCall(access, digest, signal), headers, maxBytes: 0, streams: true };
}

function unreadable(failed: Result<never, RegistryFailure>): Error {
  if (failed.ok) throw new Error("Internal error: no failure");
  return new BlobUnreadable(failed.error);
}

// A body without Content-Length that breaks off looks complete to the transport.
function truncation(bytes: number, size: number): TransportFault | undefined {
  if (bytes >= size) return undefined;
  const detail = `the body ended after ${bytes} of ${size} bytes`;
  return { kind: "unreachable", detail, transient: true };
}
