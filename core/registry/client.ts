import { invalid, MAX_OTHER_BYTES, type Access } from "./access.ts";
import { readBlob, streamBlob } from "./blobs.ts";
import { findCredential } from "./credentials.ts";
import { openHttp, type Timeouts } from "./http.ts";
import { mayPush } from "./may-push.ts";
import { plainHttpOf } from "./origin.ts";
import { deleteManifest, readManifest, resolveManifest, writeManifest } from "./manifests.ts";
import {
  createReferrersMemory,
  dropReferrer,
  keepReferrer,
  listReferrers,
  subjectInList,
  type ReferrersMemory,
} from "./referrers.ts";
import { createRequester, type Call, type Requester } from "./requester.ts";
import type { Patience, Timing } from "./retry.ts";
import type { RegistryFailure } from "./registry-failure.ts";
import type { Registry } from "./registry.ts";
import type { Store } from "./store.ts";
import { listTags } from "./tags.ts";
import { systemTiming } from "./timing.ts";
import { createTlsLookup } from "./tls.ts";
import type { TokenTools } from "./token.ts";
import { createSharedUploads } from "./share.ts";
import { putBlob } from "./upload.ts";
import { createWarnings } from "./warnings.ts";
import { formatRepository, type Repository } from "../oci/reference.ts";
import type { RegistrySettings } from "../plan/plan.ts";
import { settingsOf } from "../plan/registry-settings.ts";
import { ok, type Result } from "../result.ts";

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
  /** Blobs of more bytes are sent in chunks of so many, once their first upload broke. */
  readonly chunkBytes?: number;
}

const TIMEOUTS: Timeouts = { connectMs: 10_000, headersMs: 30_000, bodyMs: 30_000 };
const PATIENCE: Patience = { attempts: 5, budgetMs: 60_000 };

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
  const warnings = createWarnings();
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
      onWarning: (headers, secrets) => warnings.add(registry, headers, secrets),
    });
    requesters.set(key, made);
    return made;
  };
  const uploads = createSharedUploads();
  const memories = new Map<string, ReferrersMemory>();
  const memoryOf = (registry: string): ReferrersMemory => {
    const memory = memories.get(registry) ?? createReferrersMemory();
    memories.set(registry, memory);
    return memory;
  };
  const { timing, patience } = tools;
  const writes = options.access === "write";
  const accessTo = (repository: Repository): Access => {
    const sender = requester(repository.registry, repository.path);
    return { requester: sender, repository, writes, timing, patience };
  };
  const store = (repository: Repository): Store<RegistryFailure> => {
    const memory = memoryOf(repository.registry);
    const access = accessTo(repository);
    return {
      name: formatRepository(repository),
      repository,
      resolve: (reference, signal) => resolveManifest(access, reference, signal),
      manifest: (reference, signal) => readManifest(access, reference, signal),
      blob: (descriptor, limits) => readBlob(access, descriptor, limits),
      openBlob: (descriptor, limits) => streamBlob(access, descriptor, limits),
      putBlob: (blob, signal) => {
        const key = `${formatRepository(repository)}@${blob.descriptor.digest}`;
        const { chunkBytes } = options;
        const work = () =>
          putBlob(access, blob, { signal, ...(chunkBytes === undefined ? {} : { chunkBytes }) });
        return uploads.once(key, signal, work);
      },
      putManifest: async (reference, document, signal) => {
        const written = await writeManifest(access, { reference, document, signal });
        if (!written.ok) return written;
        return keepReferrer({ access, memory }, { document, called: written.value }, signal);
      },
      tags: (signal) => listTags(access, signal),
      referrers: (digest, signal) => listReferrers({ access, memory }, digest, signal),
      keepsReferrersInTags: () => memory.missing,
      delete: async (reference, signal) => {
        const subject = await subjectInList({ access, memory }, reference, signal);
        if (!subject.ok) return subject;
        const deleted = await deleteManifest(access, reference, signal);
        if (!deleted.ok || subject.value === undefined) return deleted;
        return dropReferrer({ access, memory }, { subject: subject.value, removed: reference }, signal);
      },
    };
  };
  return {
    ping: (registry, signal) => ping(requester(registry), signal),
    mayPush: (repository, signal) => mayPush(accessTo(repository), signal),
    store,
    warnings: () => warnings.all(),
    close: () => http.close(),
  };
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
