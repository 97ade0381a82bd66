import { createHash, type Hash } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { rm, stat } from "node:fs/promises";
import { pipeline } from "node:stream/promises";
import { fail, ok, type Result } from "../result.ts";

/** As much of `fetch` as a download needs. */
export type Fetch = (
  url: string,
  options: { headers: Record<string, string>; signal: AbortSignal },
) => Promise<FetchAnswer>;

type FetchAnswer = Pick<Response, "ok" | "status" | "headers" | "body">;

/** A file to fetch, and what it must turn out to be. */
export interface Download {
  readonly url: string;
  readonly sha256: string;
  /** Where it is kept. A part of an earlier, interrupted download is continued. */
  readonly file: string;
  readonly maxBytes: number;
  readonly fetch: Fetch;
  readonly signal: AbortSignal;
  readonly onBytes: (received: number, total: number | undefined) => void;
}

const ANSWER_TIMEOUT_MS = 20_000;
const SILENCE_TIMEOUT_MS = 30_000;

/**
 * Fetches a file and checks its SHA-256 before anyone may use it; a file that is not the expected one is removed.
 * The error is one sentence about what went wrong.
 */
export async function downloadVerified(download: Download): Promise<Result<void, string>> {
  const received = await receive(download).catch((error: unknown) => fail(describe(error, download)));
  if (!received.ok) return received;
  const actual = received.value.digest("hex");
  if (actual === download.sha256) return ok(undefined);
  await rm(download.file, { force: true });
  return fail(
    `${download.url} is not the expected file: its SHA-256 is ${actual} and not ${download.sha256}`,
  );
}

async function receive(download: Download): Promise<Result<Hash, string>> {
  const hash = createHash("sha256");
  const have = (await stat(download.file).catch(() => undefined))?.size ?? 0;
  const silence = new AbortController();
  const response = await answer(download, have, silence.signal);
  // Asked for more than there is: the part is the whole file, or not of this file at all. Its digest will tell.
  if (response.status === 416) return ok(await hashFile(download.file, hash));
  if (!response.ok || response.body === null)
    return fail(`${download.url} was answered with status ${response.status}`);
  const isContinued = response.status === 206;
  if (isContinued) await hashFile(download.file, hash);
  const length = Number(response.headers.get("content-length") ?? Number.NaN);
  const before = isContinued ? have : 0;
  const total = Number.isNaN(length) ? undefined : before + length;
  if (total !== undefined && total > download.maxBytes) return fail(tooLarge(download));
  await pipeline(
    counted(response.body, { ...download, hash, before, total, silence }),
    createWriteStream(download.file, { flags: isContinued ? "a" : "w", mode: 0o600 }),
  );
  return ok(hash);
}

async function answer(download: Download, have: number, silence: AbortSignal): Promise<FetchAnswer> {
  const late = new AbortController();
  const timer = setTimeout(
    () => late.abort(new Error(`no answer within ${ANSWER_TIMEOUT_MS / 1000} s`)),
    ANSWER_TIMEOUT_MS,
  );
  try {
    return await download.fetch(download.url, {
      headers: have > 0 ? { range: `bytes=${have}-` } : {},
      signal: AbortSignal.any([download.signal, late.signal, silence]),
    });
  } finally {
    clearTimeout(timer);
  }
}

interface Counting extends Download {
  readonly hash: Hash;
  readonly before: number;
  readonly total: number | undefined;
  readonly silence: AbortController;
}

/** Hashes and counts what passes; ends the transfer when it exceeds its cap or falls silent. */
async function* counted(body: AsyncIterable<Uint8Array>, counting: Counting): AsyncGenerator<Uint8Array> {
  let received = counting.before;
  const quiet = (): void =>
    counting.silence.abort(new Error(`nothing came for ${SILENCE_TIMEOUT_MS / 1000} s`));
  let timer = setTimeout(quiet, SILENCE_TIMEOUT_MS);
  try {
    for await (const piece of body) {
      clearTimeout(timer);
      received += piece.length;
      if (received > counting.maxBytes) throw new Error(tooLarge(counting));
      counting.hash.update(piece);
      counting.onBytes(received, counting.total);
      yield piece;
      timer = setTimeout(quiet, SILENCE_TIMEOUT_MS);
    }
  } finally {
    clearTimeout(timer);
  }
}

async function hashFile(file: string, hash: Hash): Promise<Hash> {
  for await (const piece of createReadStream(file)) hash.update(piece);
  return hash;
}

function tooLarge(download: Download): string {
  return `${download.url} is larger than ${download.maxBytes} bytes`;
}

/** `fetch` hides the reason in the cause. */
function describe(error: unknown, download: Download): string {
  if (!(error instanceof Error)) return `${download.url}: ${String(error)}`;
  const reason = error.cause instanceof Error ? error.cause.message : error.message;
  return reason.includes(download.url) ? reason : `${download.url}: ${reason}`;
}
