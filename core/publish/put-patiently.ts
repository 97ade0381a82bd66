import type { Document } from "../oci/descriptor.ts";
import type { Timing } from "../registry/retry.ts";
import type { Store, StoreFailure } from "../registry/store.ts";
import { systemTiming } from "../registry/timing.ts";
import { ok, type Result } from "../result.ts";

/** For waits; the real clock unless a test has its own. */
export interface PutOptions {
  readonly signal?: AbortSignal | undefined;
  readonly timing?: Pick<Timing, "sleep"> | undefined;
}

// Some registries need a moment until what they took is seen by what names it.
export const LAG_WAITS_MS: readonly number[] = [250, 500, 1_000, 2_000];
const LAG_CODES: ReadonlySet<string> = new Set(["MANIFEST_UNKNOWN", "MANIFEST_BLOB_UNKNOWN", "BLOB_UNKNOWN"]);

/** Writes a document whose content is known to be there: a registry that does not see it yet is asked again. */
export async function putPatiently<F extends StoreFailure>(
  store: Store<F>,
  { reference, document }: { readonly reference: string; readonly document: Document },
  { signal, timing = systemTiming }: PutOptions,
): Promise<Result<void, F>> {
  let result = await store.putManifest(reference, document, signal);
  for (const waitMs of LAG_WAITS_MS) {
    if (result.ok || !isLag(result.error) || signal?.aborted === true) break;
    await timing.sleep(waitMs, signal);
    result = await store.putManifest(reference, document, signal);
  }
  return result;
}

/** Moves a tag. A request without an answer may have been carried out all the same: the tag itself says so. */
export async function moveTag<F extends StoreFailure>(
  store: Store<F>,
  move: TagMove,
  options: PutOptions,
): Promise<Result<void, F>> {
  const { tag: reference, document } = move;
  return await checkMoved(store, move, {
    put: await putPatiently(store, { reference, document }, options),
    signal: options.signal,
  });
}

/** The same without patience: for whoever has to look at the tag anew before the next attempt. */
export async function moveTagOnce<F extends StoreFailure>(
  store: Store<F>,
  move: TagMove,
  signal: AbortSignal | undefined,
): Promise<Result<void, F>> {
  return await checkMoved(store, move, {
    put: await store.putManifest(move.tag, move.document, signal),
    signal,
  });
}

interface TagMove {
  readonly tag: string;
  readonly document: Document;
}

async function checkMoved<F extends StoreFailure>(
  store: Store<F>,
  { tag, document }: TagMove,
  { put, signal }: { readonly put: Result<void, F>; readonly signal: AbortSignal | undefined },
): Promise<Result<void, F>> {
  if (put.ok || put.error.kind !== "registry-unreachable") return put;
  const read = await store.manifest(tag, signal);
  return read.ok && read.value.descriptor.digest === document.descriptor.digest ? ok(undefined) : put;
}

/** Does a registry not see yet what it took? */
export function isLag(failure: StoreFailure): boolean {
  if (failure.kind === "manifest-unknown") return true;
  if (failure.kind !== "registry-rejected") return false;
  return failure.status === 404 || failure.codes.some(({ code }) => LAG_CODES.has(code));
}
