import { findCredential } from "./credentials.ts";
import { factsOf } from "./failures.ts";
import { openHttp, type Timeouts } from "./http.ts";
import { plainHttpOf } from "./origin.ts";
import { createRequester, type Call, type Called, type Requester } from "./requester.ts";
import type { Patience, Timing } from "./retry.ts";
import type { RegistryFailure } from "./registry-failure.ts";
import type { Registry } from "./registry.ts";
import type { Store } from "./store.ts";
import { systemTiming } from "./timing.ts";
import { createTlsLookup, settingsOf } from "./tls.ts";
import type { TokenTools } from "./token.ts";
import type { TransportFault } from "./transport-fault.ts";
import type { Descriptor, Document } from "../oci/descriptor.ts";
import { digestOf } from "../oci/digest-of.ts";
import { parseDigest, type Digest } from "../oci/digest.ts";
import { formatRepository, type Repository } from "../oci/reference.ts";
import type { RegistrySettings } from "../plan/plan.ts";
import { fail, ok, type Result } from "../result.ts";

/** How registries are spoken to; only the first four are usually given. */
export interface RegistryOptions {
  /** For credentials and proxies. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The user's home folder, absolute. */
  readonly home: string;
  /** `buildx-plan/<version>`. */
  readonly userAgent: string;
  /** With `write` every token is asked for pull and push at once, so that one serves a whole publish. */
  readonly access: "read" | "write";
  /** Plain HTTP (true) or HTTPS (false) for a registry; undefined leaves it to the rule: HTTPS except on loopback. */
  readonly plainHttp?: (registry: string) => boolean | undefined;
  /** What the plan says of single registries: certificates, and where neither they nor plain HTTP matter. */
  readonly registries?: readonly RegistrySettings[];
  readonly timing?: Timing;
  readonly timeouts?: Timeouts;
  readonly patience?: Patience;
}

const MAX_MANIFEST_BYTES = 4 * 1024 * 1024;
const MAX_BLOB_BYTES = 4 * 1024 * 1024;
const MAX_OTHER_BYTES = 64 * 1024;
const TIMEOUTS: Timeouts = { connectMs: 10_000, headersMs: 30_000, bodyMs: 30_000 };
const PATIENCE: Patience = { attempts: 5, budgetMs: 60_000 };

const ACCEPT = [
  "application/vnd.oci.image.index.v1+json",
  "application/vnd.oci.image.manifest.v1+json",
  "application/vnd.docker.distribution.manifest.list.v2+json",
  "application/vnd.docker.distribution.manifest.v2+json",
].join(", ");

/**
 * Opens the client of all registries of a run, on HTTP/1.1 with connections kept alive until `close`.
 * No request is made to find out how to make requests: each goes out at once and is repeated if the registry asks for a login.
 * @see https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md
 */
export function openRegistry(options: RegistryOptions): Registry {
  const { registries = [] } = options;
  const tls = createTlsLookup({ ...options, registries });
  const http = openHttp({ ...options, timeouts: options.timeouts ?? TIMEOUTS, tls });
  const tools: TokenTools = {
    http,
    timing: options.timing ?? systemTiming,
    patience: options.patience ?? PATIENCE,
  };
  const requesters = new Map<string, Requester>();
  // One for each repository: logins may differ between them, and tokens do.
  const requester = (registry: string, repository?: string): Requester => {
    const key = `${registry}/${repository ?? ""}`;
    const known = requesters.get(key);
    if (known !== undefined) return known;
    const credentials = () => findCredential(registry, repository, options);
    const made = createRequester({
      registry,
      plainHttp: options.plainHttp?.(registry) ?? plainHttpOf(settingsOf(registry, registries)),
      tools,
      credentials,
    });
    requesters.set(key, made);
    return made;
  };
  const writes = options.access === "write";
  const store = (repository: Repository): Store<RegistryFailure> => {
    const sender = requester(repository.registry, repository.path);
    return {
      name: formatRepository(repository),
      repository,
      manifest: (reference, signal) => readManifest(sender, { repository, reference, writes, signal }),
      blob: (descriptor, limits) =>
        readBlob(sender, {
          repository,
          descriptor,
          writes,
          maxBytes: MAX_BLOB_BYTES,
          signal: undefined,
          ...limits,
        }),
      putManifest: (reference, document, signal) =>
        putManifest(sender, { repository, reference, document, signal }),
      resolve: notYet,
      openBlob: notYet,
      putBlob: notYet,
      tags: notYet,
      referrers: notYet,
      delete: notYet,
    };
  };
  return {
    ping: (registry, signal) => ping(requester(registry), signal),
    store,
    warnings: () => [],
    close: () => http.close(),
  };
}

function notYet(): never {
  throw new Error("Internal error: not built yet");
}

async function ping(
  requester: Requester,
  signal: AbortSignal | undefined,
): Promise<Result<void, RegistryFailure>> {
  const wanted: Call = {
    method: "GET",
    path: "/v2/",
    scope: "",
    headers: {},
    maxBytes: MAX_OTHER_BYTES,
    signal,
  };
  const called = await requester.call(wanted);
  if (!called.ok) return called;
  const isPage = called.value.answer.header("content-type")[0]?.startsWith("text/html") === true;
  return isPage ? invalid(called.value, "a web page where the registry's API should be") : ok(undefined);
}

async function readManifest(
  requester: Requester,
  wanted: {
    readonly repository: Repository;
    readonly reference: string;
    readonly writes: boolean;
    readonly signal: AbortSignal | undefined;
  },
): Promise<Result<Document, RegistryFailure>> {
  const { repository, reference, writes, signal } = wanted;
  const called = await requester.call({
    ...target(repository, reference, "manifests"),
    method: "GET",
    scope: scopeOf(repository, writes),
    headers: { accept: ACCEPT },
    maxBytes: MAX_MANIFEST_BYTES,
    signal,
  });
  if (!called.ok) return called;
  const { answer } = called.value;
  const expected = parseDigest(reference) ?? parseDigest(answer.header("docker-content-digest")[0] ?? "");
  const digest = digestOf(answer.body, expected);
  if (expected !== undefined && expected !== digest) return mismatch(called.value, expected, digest);
  const mediaType = mediaTypeOf(called.value);
  if (mediaType === undefined) return invalid(called.value, "the answer is not a manifest in JSON");
  return ok({ bytes: answer.body, descriptor: { mediaType, digest, size: answer.body.length } });
}

async function readBlob(
  requester: Requester,
  wanted: {
    readonly repository: Repository;
    readonly descriptor: Pick<Descriptor, "digest"> & Partial<Pick<Descriptor, "size">>;
    readonly writes: boolean;
    readonly maxBytes: number;
    readonly signal: AbortSignal | undefined;
  },
): Promise<Result<Uint8Array, RegistryFailure>> {
  const { repository, descriptor, writes, maxBytes, signal } = wanted;
  const { digest, size } = descriptor;
  const call: Call = {
    ...target(repository, digest, "blobs"),
    method: "GET",
    scope: scopeOf(repository, writes),
    headers: {},
    maxBytes: size ?? maxBytes,
    signal,
    ...(size === undefined ? {} : { check: ({ body }) => truncation(body, size) }),
  };
  if (size !== undefined && size > maxBytes) {
    const detail = `a blob of ${size} bytes, where ${maxBytes} are taken at most`;
    return fail({ kind: "registry-answer-invalid", ...factsOf(requester.facts(call)), detail });
  }
  const called = await requester.call(call);
  if (!called.ok) return called;
  const { body } = called.value.answer;
  const actual = digestOf(body, digest);
  return actual === digest ? ok(body) : mismatch(called.value, digest, actual);
}

// A body without Content-Length that breaks off looks complete to the transport.
function truncation(body: Uint8Array, size: number): TransportFault | undefined {
  if (body.length >= size) return undefined;
  return {
    kind: "unreachable",
    detail: `the body ended after ${body.length} of ${size} bytes`,
    transient: true,
  };
}

async function putManifest(
  requester: Requester,
  wanted: {
    readonly repository: Repository;
    readonly reference: string;
    readonly document: Document;
    readonly signal: AbortSignal | undefined;
  },
): Promise<Result<void, RegistryFailure>> {
  const { repository, reference, document, signal } = wanted;
  const called = await requester.call({
    ...target(repository, reference, "manifests"),
    method: "PUT",
    scope: scopeOf(repository, true),
    headers: { "content-type": document.descriptor.mediaType },
    body: document.bytes,
    maxBytes: MAX_OTHER_BYTES,
    signal,
  });
  if (!called.ok) return called;
  const { answer } = called.value;
  const stored = parseDigest(answer.header("docker-content-digest")[0] ?? "");
  const expected = digestOf(document.bytes, stored);
  if (stored !== undefined && stored !== expected)
    return mismatch(called.value, expected, stored, document.bytes);
  // The specification's answer is 201; another success counts where the registry says what it stored.
  if (answer.status === 201 || stored !== undefined) return ok(undefined);
  return invalid(called.value, `status ${answer.status} where 201 says that a manifest is stored`);
}

function target(
  { path }: Repository,
  reference: string,
  kind: "manifests" | "blobs",
): { readonly path: string; readonly repository: string; readonly reference: string } {
  return { path: `/v2/${path}/${kind}/${reference}`, repository: path, reference };
}

function scopeOf({ path }: Repository, writes: boolean): string {
  return `repository:${path}:${writes ? "pull,push" : "pull"}`;
}

// The document's own word goes before the header's: some registries and proxies answer text/plain.
function mediaTypeOf({ answer }: Called): string | undefined {
  try {
    const parsed: unknown = JSON.parse(Buffer.from(answer.body).toString("utf8"));
    if (typeof parsed !== "object" || parsed === null || Array.isArray(parsed)) return undefined;
    if ("mediaType" in parsed && typeof parsed.mediaType === "string" && parsed.mediaType !== "")
      return parsed.mediaType;
    return answer.header("content-type")[0]?.split(";")[0]?.trim();
  } catch {
    return undefined;
  }
}

function invalid(called: Called, detail: string): Result<never, RegistryFailure> {
  return fail({ kind: "registry-answer-invalid", ...factsOf(called.facts), detail });
}

function mismatch(
  { answer, facts }: Called,
  expected: Digest,
  actual: Digest,
  bytes: Uint8Array = answer.body,
): Result<never, RegistryFailure> {
  return fail({ kind: "digest-mismatch", ...factsOf(facts), expected, actual, bytes: bytes.length });
}
