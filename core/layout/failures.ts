import type { Digest } from "../oci/digest.ts";
import type { LayoutFailure } from "../oci/layout-failure.ts";
import { BlobUnreadable } from "../registry/store.ts";
import type { StoreFailure } from "../registry/store.ts";
import { fail, ok } from "../result.ts";
import type { Result } from "../result.ts";

/** Something is there that is no layout, or one that is damaged. */
export function invalid(path: string, detail: string): LayoutFailure {
  return { kind: "layout-invalid", path, detail };
}

/** The bytes of a digest are not those of its name. */
export function damaged(path: string, digest: Digest, detail: string): LayoutFailure {
  return { kind: "layout-content-damaged", path, digest, detail };
}

/** The layout does not have what was asked for. */
export function contentMissing(path: string, reference: string, known: readonly string[]): LayoutFailure {
  return { kind: "layout-content-missing", path, reference, known };
}

/** Throws where the caller has left; streams and `attempt` turn it into a value. */
export function leaveIfAborted(path: string, signal: AbortSignal | undefined): void {
  if (signal?.aborted === true) throw new BlobUnreadable({ kind: "layout-cancelled", path });
}

/** Runs what touches files, and answers what the system had against it, or why a stream could not be read, as a value. */
export async function attemptWith<T>(
  path: string,
  action: () => Promise<T>,
): Promise<Result<T, StoreFailure>> {
  try {
    return ok(await action());
  } catch (error) {
    if (error instanceof BlobUnreadable) return fail(error.failure);
    if (!isSystemError(error)) throw error;
    return fail({ kind: "layout-inaccessible", path, detail: error.message });
  }
}

/** The same, where no other store's content is read. */
export async function attempt<T>(path: string, action: () => Promise<T>): Promise<Result<T, LayoutFailure>> {
  return ownFailure(await attemptWith(path, action));
}

/** What only a layout had a part in, and no other store. */
export function ownFailure<T>(result: Result<T, StoreFailure>): Result<T, LayoutFailure> {
  if (result.ok) return result;
  const { error } = result;
  if (isLayoutFailure(error)) return fail(error);
  throw new Error(`Internal error: a layout failed with ${error.kind}`);
}

/** Is it the system's answer that there is no such file? */
export function isNotThere(error: unknown): boolean {
  return isSystemError(error) && (error.code === "ENOENT" || error.code === "ENOTDIR");
}

function isLayoutFailure(failure: StoreFailure): failure is LayoutFailure {
  return failure.kind.startsWith("layout-");
}

// A path with a NUL in it never reaches the system: Node itself refuses it.
function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  if (!(error instanceof Error) || !("code" in error)) return false;
  return "syscall" in error || error.code === "ERR_INVALID_ARG_VALUE";
}
