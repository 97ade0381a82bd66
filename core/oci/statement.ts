/**
 * in-toto statements: what an attestation says, and of which content it says so. They come from registries, where anybody may have
 * written them: nothing is taken that was not looked at, and nothing of a size that a reader could not stand.
 * @see https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md
 */
import * as z from "zod/mini";
import { fail, ok, type Result } from "../result.ts";
import { parseDigest, type Digest } from "./digest.ts";

/** What one statement says of its subjects; `predicate` is whatever JSON stands there, for who knows its type. */
export interface Statement {
  /** `https://slsa.dev/provenance/v1`, `https://spdx.dev/Document`. */
  readonly predicateType: string;
  readonly subjects: readonly StatementSubject[];
  readonly predicate: unknown;
}

/** Something that a statement speaks of, by its content. Digests of other algorithms than ours are left out. */
export interface StatementSubject {
  readonly name: string;
  readonly digests: readonly Digest[];
}

/** Bytes that are no statement, or no SBOM; `detail` is for people. */
export interface StatementUnreadable {
  readonly kind: "statement-unreadable";
  readonly problem: "too-large" | "not-json" | "unknown-format";
  readonly detail: string;
}

/** An SBOM of a large image has some ten million bytes. */
export const MAX_STATEMENT_BYTES = 64 * 1024 * 1024;
/** Each value of a JSON text takes memory, however few bytes it is written in. */
const MAX_VALUES = 8_000_000;
const MAX_SUBJECTS = 10_000;

const text = z.catch(z.string(), "");
const digests = z.catch(z.record(z.string(), z.unknown()), {});
const subject = z.looseObject({ name: text, digest: digests });
const statement = z.looseObject({
  predicateType: z.string(),
  subject: z.catch(z.array(z.unknown()), []),
  predicate: z.optional(z.unknown()),
});
/** @see https://github.com/secure-systems-lab/dsse/blob/master/envelope.md */
const envelope = z.looseObject({ payloadType: z.string(), payload: z.string() });

/** Reads a statement, bare or in a DSSE envelope, whose signatures are not looked at. */
export function parseStatement(bytes: Uint8Array): Result<Statement, StatementUnreadable> {
  const json = parseBoundedJson(bytes);
  if (!json.ok) return json;
  const read = statementOf(json.value);
  return read === undefined ? unreadable("unknown-format", "no in-toto statement") : ok(read);
}

/** The statement that a JSON value is; undefined where it is none. */
export function statementOf(json: unknown): Statement | undefined {
  const read = statement.safeParse(json);
  if (!read.success) return undefined;
  const { predicateType, subject: subjects, predicate } = read.data;
  return { predicateType, subjects: subjects.slice(0, MAX_SUBJECTS).flatMap(subjectOf), predicate };
}

/** Reads JSON of hostile origin: not more of it than fits, and an envelope opened. */
export function parseBoundedJson(bytes: Uint8Array): Result<unknown, StatementUnreadable> {
  const json = parse(bytes);
  if (!json.ok) return json;
  const enveloped = envelope.safeParse(json.value);
  return enveloped.success ? parse(Buffer.from(enveloped.data.payload, "base64")) : json;
}

function parse(bytes: Uint8Array): Result<unknown, StatementUnreadable> {
  if (bytes.length > MAX_STATEMENT_BYTES)
    return unreadable("too-large", `${bytes.length} bytes, more than ${MAX_STATEMENT_BYTES} are not read`);
  if (countValues(bytes) > MAX_VALUES)
    return unreadable("too-large", `more than ${MAX_VALUES} values, which are not read`);
  try {
    return ok(JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes)));
  } catch {
    return unreadable("not-json", "not JSON in UTF-8");
  }
}

/** An upper bound of the values in a JSON text: each one but the first follows a comma, a colon or an opening bracket. */
function countValues(bytes: Uint8Array): number {
  let found = 1;
  for (const byte of bytes) if (byte === 0x2c || byte === 0x5b || byte === 0x7b) found += 1;
  return found;
}

function subjectOf(json: unknown): readonly StatementSubject[] {
  const read = subject.safeParse(json);
  if (!read.success) return [];
  const found = ["sha256", "sha512"].flatMap((algorithm) => {
    const hex = read.data.digest[algorithm];
    return typeof hex === "string" ? (parseDigest(`${algorithm}:${hex.toLowerCase()}`) ?? []) : [];
  });
  return [{ name: read.data.name, digests: found }];
}

function unreadable(
  problem: StatementUnreadable["problem"],
  detail: string,
): Result<never, StatementUnreadable> {
  return fail({ kind: "statement-unreadable", problem, detail });
}
