import * as z from "zod/mini";
import { registryKeys, serverAddress } from "./credential-keys.ts";
import { parseAuthEntry, type Credential, type CredentialProblem } from "./credential-entry.ts";
import { fail, ok, type Result } from "../result.ts";

/** What of a Docker config file says how to log in; entries are only judged when they are asked for. */
export interface DockerConfig {
  readonly source: string;
  readonly auths: Readonly<Record<string, unknown>>;
  readonly credsStore?: string;
  readonly credHelpers: Readonly<Record<string, string>>;
}

const configFile = z.object({
  auths: z.nullish(z.record(z.string(), z.unknown())),
  credsStore: z.nullish(z.string()),
  credHelpers: z.nullish(z.record(z.string(), z.string())),
});

const environmentConfig = z.strictObject({
  auths: z.optional(z.record(z.string(), z.strictObject({ auth: z.string() }))),
});

/** Reads the text of a Docker config file (or a containers auth.json, which is the same in what matters here). */
export function parseDockerConfig(text: string, source: string): Result<DockerConfig, CredentialProblem> {
  const parsed = configFile.safeParse(parseJson(text));
  if (!parsed.success) return fail({ source, detail: "it is not a Docker config file in JSON" });
  const { auths, credsStore, credHelpers } = parsed.data;
  return ok({
    source,
    auths: auths ?? {},
    credHelpers: credHelpers ?? {},
    ...(credsStore ? { credsStore } : {}),
  });
}

/**
 * Reads the value of DOCKER_AUTH_CONFIG: one JSON object that holds `auths` with `auth` fields and nothing else.
 * @see https://github.com/docker/cli/blob/master/cli/config/configfile/file.go (parseEnvConfig)
 */
export function parseEnvironmentConfig(text: string): Result<DockerConfig, CredentialProblem> {
  const source = "DOCKER_AUTH_CONFIG";
  const parsed = environmentConfig.safeParse(parseJson(text));
  if (!parsed.success)
    return fail({ source, detail: "it is not one JSON object of the form {auths: {host: {auth}}}" });
  return ok({ source, auths: parsed.data.auths ?? {}, credHelpers: {} });
}

/** The credential that `auths` holds for a registry: a key of the repository before one of the host. */
export function credentialInAuths(
  config: DockerConfig,
  registry: string,
  repository: string | undefined,
): Result<Credential | undefined, CredentialProblem> {
  for (const key of registryKeys(config.auths, registry, repository)) {
    const entry = parseAuthEntry(config.auths[key], config.source);
    if (!entry.ok || entry.value !== undefined) return entry;
  }
  return ok(undefined);
}

/** The helper to ask for this registry, if any: its own in `credHelpers` (an empty name means none), else `credsStore`. */
export function helperFor(config: DockerConfig, registry: string): string | undefined {
  for (const key of [serverAddress(registry), registry]) {
    if (Object.hasOwn(config.credHelpers, key)) return config.credHelpers[key] || undefined;
  }
  return config.credsStore;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
