import { X509Certificate } from "node:crypto";
import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { createSecureContext, getCACertificates, type SecureContext } from "node:tls";
import { isRegistryName, registryKey } from "../oci/registry-name.ts";
import type { RegistrySettings } from "../plan/plan.ts";
import { settingsOf } from "../plan/registry-settings.ts";
import { fail, ok, type Result } from "../result.ts";

/** How TLS is spoken with one registry, where that is not the way of all others. */
export interface RegistryTls {
  readonly secureContext: SecureContext;
  /** False: a certificate that nobody vouches for is taken. */
  readonly rejectUnauthorized: boolean;
}

/**
 * What to speak TLS to a URL with: undefined is the usual way, the error says why files cannot be used. `owner` is the
 * host[:port] of the registry that the request is for. What is said of a registry counts on its own host only: never for a
 * token server or a storage that it names, though that may be another registry of the plan.
 */
export type TlsLookup = (
  url: URL,
  owner: string | undefined,
) => Promise<Result<RegistryTls | undefined, string>>;

export interface TlsOptions {
  readonly registries: readonly RegistrySettings[];
  /** For DOCKER_CONFIG. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly home: string;
  /** Where the machine keeps certificates of registries; only tests have it elsewhere. */
  readonly machineFolder?: string;
}

/** Looks into the plan's settings, and into Docker's folders where they say nothing; each registry's files are read once. */
export function createTlsLookup(options: TlsOptions): TlsLookup {
  const known = new Map<string, ReturnType<TlsLookup>>();
  return async (url, owner) => {
    if (owner === undefined || !isOwnHost(url, owner)) return ok(undefined);
    const found = known.get(url.host) ?? makeTls(owner, options);
    known.set(url.host, found);
    return await found;
  };
}

function isOwnHost(url: URL, owner: string): boolean {
  const own = `https://${owner}`;
  return url.protocol === "https:" && URL.canParse(own) && new URL(own).host === url.host;
}

interface Files {
  readonly ca: readonly string[];
  /** Client certificates, each with its key. */
  readonly pairs: readonly { readonly cert: string; readonly key: string }[];
}

async function makeTls(owner: string, options: TlsOptions): ReturnType<TlsLookup> {
  const settings = settingsOf(owner, options.registries);
  const files = (settings && plannedFiles(settings)) ?? (await dockerFiles(owner, options));
  if (files === undefined) return ok(undefined);
  try {
    return ok(await readTls(files, settings?.insecure !== true));
  } catch (error) {
    return fail(error instanceof Unusable ? error.message : String(error));
  }
}

function plannedFiles({ insecure, ca, cert, key }: RegistrySettings): Files | undefined {
  if (!insecure && ca === undefined && cert === undefined) return undefined;
  const pairs = cert === undefined || key === undefined ? [] : [{ cert, key }];
  return { ca: ca === undefined ? [] : [ca], pairs };
}

/**
 * Docker's own convention: in a folder with the registry's name `*.crt` are authorities, and `NAME.cert` with `NAME.key` are
 * client certificates. The user's folder comes before the machine's.
 * @see https://docs.docker.com/engine/security/certificates/
 */
async function dockerFiles(
  owner: string,
  { env, home, machineFolder = "/etc/docker/certs.d" }: TlsOptions,
): Promise<Files | undefined> {
  const key = registryKey(owner);
  const names = [...new Set([owner, key])].filter(isRegistryName);
  const users = join(env["DOCKER_CONFIG"] || join(home, ".docker"), "certs.d");
  for (const folder of [users, machineFolder].flatMap((root) => names.map((name) => join(root, name)))) {
    const entries = await readdir(folder).catch(() => []);
    const paths = (ending: string): readonly string[] =>
      entries
        .filter((name) => name.endsWith(ending))
        .toSorted()
        .map((name) => join(folder, name));
    const pairs = paths(".cert").map((cert) => ({ cert, key: cert.replace(/\.cert$/, ".key") }));
    const ca = paths(".crt");
    if (ca.length > 0 || pairs.length > 0) return { ca, pairs };
  }
  return undefined;
}

/** A file that is not what it should be; stays within this module. */
class Unusable extends Error {}

async function readTls({ ca, pairs }: Files, rejectUnauthorized: boolean): Promise<RegistryTls> {
  const authorities = await Promise.all(ca.map(readCertificates));
  const read = await Promise.all(
    pairs.map(async ({ cert, key }) => ({ cert: await readPem(cert), key: await readPem(key) })),
  );
  for (const [index, pair] of read.entries()) checkPair(pair, pairs[index]?.cert ?? "");
  const secureContext = createSecureContext({
    // Those that count everywhere, of NODE_EXTRA_CA_CERTS too, count here as well.
    ...(ca.length === 0 ? {} : { ca: [...getCACertificates("default"), ...authorities.flat()] }),
    ...(read.length === 0 ? {} : { cert: read.map(({ cert }) => cert), key: read.map(({ key }) => key) }),
  });
  return { secureContext, rejectUnauthorized };
}

function checkPair(pair: { readonly cert: string; readonly key: string }, path: string): void {
  try {
    createSecureContext(pair);
  } catch (error) {
    throw new Unusable(`the client certificate ${path} and its key are not usable (${reasonOf(error)})`);
  }
}

const CERTIFICATE =
  /-----BEGIN (?:TRUSTED |X509 )?CERTIFICATE-----[^-]+-----END (?:TRUSTED |X509 )?CERTIFICATE-----/g;

async function readCertificates(path: string): Promise<readonly string[]> {
  const found = (await readPem(path)).match(CERTIFICATE) ?? [];
  if (found.length === 0) throw new Unusable(`${path} holds no certificate in PEM form`);
  try {
    for (const certificate of found) void new X509Certificate(certificate);
  } catch (error) {
    throw new Unusable(`${path} holds a certificate that cannot be read (${reasonOf(error)})`);
  }
  return found;
}

const MAX_PEM_BYTES = 4 * 1024 * 1024;

/** A plan may name any file, so a device or pipe, which would never end, is not read. */
async function readPem(path: string): Promise<string> {
  try {
    const found = await stat(path);
    if (!found.isFile() || found.size > MAX_PEM_BYTES) throw new Unusable(`${path} is no PEM file`);
    return await readFile(path, "utf8");
  } catch (error) {
    throw error instanceof Unusable ? error : new Unusable(`${path} cannot be read (${reasonOf(error)})`);
  }
}

function reasonOf(error: unknown): string {
  if (error instanceof Error && "code" in error && typeof error.code === "string") return error.code;
  return error instanceof Error ? error.message : String(error);
}
