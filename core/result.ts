/**
 * The outcome of something that may fail in an expected way: a value, or the facts of the failure.
 * Exceptions are left for bugs; everything a user can cause or meet travels as `error`.
 */
export type Result<T, E> = Ok<T> | Failed<E>;
export interface Ok<T> {
  readonly ok: true;
  readonly value: T;
}
export interface Failed<E> {
  readonly ok: false;
  readonly error: E;
}

/** Wraps a value as the successful outcome. */
export function ok<T>(value: T): Ok<T> {
  return { ok: true, value };
}

/** Wraps the facts of an expected failure. */
export function fail<E>(error: E): Failed<E> {
  return { ok: false, error };
}
