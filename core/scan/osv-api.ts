import * as z from "zod/mini";
import { Slots } from "../concurrent.ts";
import type { SbomPackage } from "../oci/sbom.ts";
import { proxiedFetch } from "../registry/proxied-fetch.ts";
import { fail, ok, type Result } from "../result.ts";
import { osvPackageOf, systemPackagesUnknown, type OsvPackage } from "./ecosystem.ts";
import type { ScanHost } from "./host.ts";
import { matchRecords, type KnownPackage } from "./match.ts";
import { readRecord, type OsvRecord } from "./osv-record.ts";
import type { ScanFailure, SourceAnswer, VulnerabilitySource } from "./source.ts";

const source = "osv-api" as const;
const API = "https://api.osv.dev";

/** What the API takes at most in one request. */
const BATCH = 1000;
const CONCURRENCY = 8;
const MAX_PAGES = 50;
const MAX_RECORDS = 20_000;
const MAX_ANSWER_BYTES = 32 * 1024 * 1024;
const TIMEOUT_MS = 60_000;
const PROBE_MS = 10_000;
const ATTEMPTS = 3;

const batchAnswer = z.looseObject({
  results: z.array(
    z.looseObject({
      vulns: z.nullish(z.array(z.looseObject({ id: z.string().check(z.regex(/^[\w.:-]{1,200}$/)) }))),
      next_page_token: z.nullish(z.string()),
    }),
  ),
});

/**
 * The API of osv.dev, asked directly. Names and versions of packages are sent there.
 * @see https://google.github.io/osv.dev/api/
 */
export function osvApi(host: ScanHost, _database?: string, url: string = API): VulnerabilitySource {
  const api = createApi(host, url);
  return {
    name: source,
    takes: ["packages"],
    available: async (signal) => {
      const answered = await api.post(
        { queries: [] },
        AbortSignal.any([signal, AbortSignal.timeout(PROBE_MS)]),
      );
      if (answered.ok) return ok(undefined);
      const install = `Let this machine reach ${url}, through HTTPS_PROXY for instance.`;
      const isSlow = answered.error.problem === "cancelled" && !signal.aborted;
      const detail = isSlow ? `${url} does not answer within ${PROBE_MS / 1000} s` : answered.error.detail;
      return fail({ source, detail, install });
    },
    scan: async (input, signal) => {
      if (input.kind !== "packages")
        return fail({ source, problem: "no-sbom", detail: "the API knows packages, not images" });
      return await lookUp(input.packages, api, signal);
    },
  };
}

interface Api {
  post(query: object, signal: AbortSignal): Promise<Result<unknown, ScanFailure>>;
  record(id: string, signal: AbortSignal): Promise<Result<unknown, ScanFailure>>;
}

async function lookUp(
  packages: readonly SbomPackage[],
  api: Api,
  signal: AbortSignal,
): Promise<Result<SourceAnswer, ScanFailure>> {
  const unknown = systemPackagesUnknown(packages);
  if (unknown !== undefined) return fail({ source, problem: "database-incomplete", detail: unknown });
  const known = packages.flatMap((installed): KnownPackage[] => {
    const found = osvPackageOf(installed);
    return found === undefined ? [] : [{ installed, known: found }];
  });
  const asked = new Map(known.map((each) => [JSON.stringify(queryOf(each.known)), queryOf(each.known)]));
  const ids = await askForIds([...asked.values()], api, signal);
  if (!ids.ok) return ids;
  const records = await readRecords([...ids.value], api, signal);
  return records.ok ? ok(matchRecords(records.value, known)) : records;
}

interface Query {
  readonly package: { readonly ecosystem: string; readonly name: string };
  readonly version: string;
  readonly page_token?: string;
}

const queryOf = ({ ecosystem, name, version }: OsvPackage): Query => ({
  package: { ecosystem, name },
  version,
});

/** Asks for many packages at once, and for further pages of those that have them. */
async function askForIds(
  queries: readonly Query[],
  api: Api,
  signal: AbortSignal,
): Promise<Result<ReadonlySet<string>, ScanFailure>> {
  const ids = new Set<string>();
  let open = queries;
  for (let page = 0; open.length > 0; page += 1) {
    if (page === MAX_PAGES) return invalid(`more than ${MAX_PAGES} pages`);
    const next: Query[] = [];
    for (let from = 0; from < open.length; from += BATCH) {
      const batch = open.slice(from, from + BATCH);
      const answered = await api.post({ queries: batch }, signal);
      if (!answered.ok) return answered;
      const read = batchAnswer.safeParse(answered.value);
      if (!read.success || read.data.results.length !== batch.length)
        return invalid("it does not answer each query");
      read.data.results.forEach(({ vulns, next_page_token: token }, at) => {
        for (const { id } of vulns ?? []) ids.add(id);
        const query = batch[at];
        if (token && query !== undefined) next.push({ ...query, page_token: token });
      });
    }
    if (ids.size > MAX_RECORDS) return invalid(`more than ${MAX_RECORDS} vulnerabilities`);
    open = next;
  }
  return ok(ids);
}

async function readRecords(
  ids: readonly string[],
  api: Api,
  signal: AbortSignal,
): Promise<Result<readonly OsvRecord[], ScanFailure>> {
  const slots = new Slots(CONCURRENCY);
  const stop = new AbortController();
  const either = AbortSignal.any([signal, stop.signal]);
  const all = await Promise.all(
    ids.map((id) =>
      slots.hold(async (): Promise<Result<OsvRecord, ScanFailure>> => {
        const answered = await api.record(id, either);
        const record = answered.ok ? readRecord(answered.value) : undefined;
        if (record !== undefined) return ok(record);
        stop.abort();
        return answered.ok ? invalid(`${id} is no record`) : answered;
      }),
    ),
  );
  const failed = all.filter((each) => !each.ok);
  // The first failure stops the others, which then say that they were stopped.
  const first = failed.find(({ error }) => error.problem !== "cancelled") ?? failed[0];
  return first ?? ok(all.flatMap((each) => (each.ok ? [each.value] : [])));
}

function createApi(host: ScanHost, url: string): Api {
  const fetch = proxiedFetch(host.env);
  const headers = { "user-agent": host.userAgent, "content-type": "application/json" };
  const call = async (path: string, body: string | undefined, signal: AbortSignal) => {
    const options = { headers, signal: AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]) };
    return await fetch(`${url}${path}`, body === undefined ? options : { ...options, method: "POST", body });
  };
  const ask = async (path: string, body: string | undefined, signal: AbortSignal) => {
    let said = "";
    for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
      if (signal.aborted) break;
      try {
        const answer = await call(path, body, signal);
        if (answer.ok) return parse(await textOf(answer));
        await answer.body?.cancel();
        said = `${url} answers with status ${answer.status}`;
        if (answer.status < 500 && answer.status !== 429) break;
      } catch (error) {
        said = `${url} cannot be reached: ${causeOf(error)}`;
      }
    }
    return signal.aborted
      ? fail({ source, problem: "cancelled" as const, detail: said || "the scan was interrupted" })
      : fail({ source, problem: "source-failed" as const, detail: said });
  };
  return {
    post: async (query, signal) => await ask("/v1/querybatch", JSON.stringify(query), signal),
    record: async (id, signal) => await ask(`/v1/vulns/${encodeURIComponent(id)}`, undefined, signal),
  };
}

/** The whole body, unless it is too much; undefined then. */
async function textOf(answer: { readonly body: AsyncIterable<unknown> | null }): Promise<string | undefined> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of answer.body ?? []) {
    if (!(chunk instanceof Uint8Array)) continue;
    bytes += chunk.length;
    if (bytes > MAX_ANSWER_BYTES) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

function parse(text: string | undefined): Result<unknown, ScanFailure> {
  if (text === undefined) return invalid(`more than ${MAX_ANSWER_BYTES} bytes`);
  try {
    return ok(JSON.parse(text));
  } catch {
    return invalid("it is not JSON");
  }
}

function causeOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? error.cause.message : error.message;
}

function invalid(detail: string): Result<never, ScanFailure> {
  return fail({ source, problem: "answer-invalid", detail });
}
