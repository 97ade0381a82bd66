import type { StreamedBody } from "./http-body.ts";
import { BlobUnreadable, type OutgoingBlob, type StoreFailure } from "./store.ts";

/** Where the bytes of an upload come from, and what went wrong there: the HTTP library only sees that a body broke off. */
export interface Source {
  /** The bytes from `from` on, `length` of them, read anew for each attempt. */
  body(from: number, length: number): StreamedBody;
  /** Why it could not be read, or is not what it should be. */
  problem(): SourceProblem | undefined;
}

/** `failure`: it said so itself; `length`: more or fewer bytes than promised; `thrown`: a bug of whoever gave it. */
export type SourceProblem =
  | { readonly kind: "failure"; readonly failure: StoreFailure }
  | { readonly kind: "length"; readonly actual: number }
  | { readonly kind: "thrown"; readonly error: unknown };

/** Begins without having read anything. */
export function createSource({ descriptor, open }: OutgoingBlob): Source {
  let problem: SourceProblem | undefined;
  async function* read(from: number, length: number, signal: AbortSignal): AsyncGenerator<Uint8Array> {
    const end = from + length;
    let at = from;
    for await (const piece of open(from, signal)) {
      at += piece.length;
      if (at > descriptor.size) throw wrongLength(at);
      const kept = piece.subarray(0, piece.length - Math.max(0, at - end));
      if (kept.length > 0) yield kept;
      // The last piece is read to its end instead, where its source has a last word on the digest.
      if (at >= end && end < descriptor.size) return;
    }
    if (at < end) throw wrongLength(at);
  }
  const wrongLength = (actual: number): Error => {
    problem = { kind: "length", actual };
    return new Error(`a blob of ${descriptor.size} bytes has ${actual}`);
  };
  async function* watch(pieces: AsyncIterable<Uint8Array>, signal: AbortSignal): AsyncGenerator<Uint8Array> {
    try {
      yield* pieces;
    } catch (error) {
      // Once nobody takes any more, it is only told to stop.
      if (!signal.aborted) problem ??= problemOf(error);
      throw error;
    }
  }
  return {
    body: (from, length) => ({ length, open: (signal) => watch(read(from, length, signal), signal) }),
    problem: () => problem,
  };
}

function problemOf(error: unknown): SourceProblem {
  return error instanceof BlobUnreadable
    ? { kind: "failure", failure: error.failure }
    : { kind: "thrown", error };
}
