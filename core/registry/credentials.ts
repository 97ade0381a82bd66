import { readFile } from "node:fs/promises";
import { join } from "node:path";
import {
  credentialInAuths,
  helperFor,
  parseDockerConfig,
  parseEnvironmentConfig,
  type DockerConfig,
} from "./credential-config.ts";
import type { Credential, CredentialProblem } from "./credential-entry.ts";
import { askHelper } from "./credential-helper.ts";
import { serverAddress } from "./credential-keys.ts";
import { fail, ok, type Result } from "../result.ts";

/** Where credentials may come from: the environment of the run and the user's home folder. */
export interface CredentialSources {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Absolute path. */
  readonly home: string;
}

/** What was found; without `credential` the registry is met anonymously. */
export interface CredentialAnswer {
  readonly credential?: Credential;
  /** A source that should have had an answer and failed: the likely reason if the registry now says 401. */
  readonly problem?: CredentialProblem;
}

const MAX_CONFIG_BYTES = 1024 * 1024;

/**
 * Finds the login for a registry (host[:port], `docker.io` for Docker Hub) as Docker does: DOCKER_AUTH_CONFIG, then the first
 * config file that exists, where a credential helper hides the file's own entries. Fails where a source that the user set up
 * is unreadable: going on anonymously would only hide why a login is not seen.
 */
export async function findCredential(
  registry: string,
  repository: string | undefined,
  sources: CredentialSources,
): Promise<Result<CredentialAnswer, CredentialProblem>> {
  const fromEnvironment = inEnvironment(registry, repository, sources.env);
  if (!fromEnvironment.ok) return fail(fromEnvironment.error);
  if (fromEnvironment.value.credential !== undefined) return fromEnvironment;
  const config = await readConfig(sources);
  if (!config.ok) return fail(config.error);
  if (config.value === undefined) return fromEnvironment;
  const found = await inConfig(config.value, { registry, repository, env: sources.env });
  return found.ok ? ok({ ...fromEnvironment.value, ...found.value }) : found;
}

/** The config files in the order in which they are tried; DOCKER_CONFIG stands for `~/.docker`, not besides it. */
export function configPaths({ env, home }: CredentialSources): readonly string[] {
  const docker = env["DOCKER_CONFIG"] || join(home, ".docker");
  const folders = [env["XDG_RUNTIME_DIR"], env["XDG_CONFIG_HOME"], join(home, ".config")];
  return [
    join(docker, "config.json"),
    ...(env["REGISTRY_AUTH_FILE"] ? [env["REGISTRY_AUTH_FILE"]] : []),
    ...folders.flatMap((folder) => (folder ? [join(folder, "containers", "auth.json")] : [])),
  ];
}

// Docker itself only warns of a variable that it cannot read, and goes on to the file.
function inEnvironment(
  registry: string,
  repository: string | undefined,
  env: CredentialSources["env"],
): Result<CredentialAnswer, CredentialProblem> {
  const text = env["DOCKER_AUTH_CONFIG"];
  if (!text) return ok({});
  const config = parseEnvironmentConfig(text);
  if (!config.ok) return ok({ problem: config.error });
  const found = credentialInAuths(config.value, registry, repository);
  if (!found.ok) return fail(found.error);
  return ok(found.value === undefined ? {} : { credential: found.value });
}

async function readConfig(
  sources: CredentialSources,
): Promise<Result<DockerConfig | undefined, CredentialProblem>> {
  for (const path of configPaths(sources)) {
    const text = await readIfThere(path);
    if (!text.ok) return fail(text.error);
    if (text.value !== undefined) return parseDockerConfig(text.value, path);
  }
  return ok(undefined);
}

async function readIfThere(path: string): Promise<Result<string | undefined, CredentialProblem>> {
  try {
    const bytes = await readFile(path);
    if (bytes.length > MAX_CONFIG_BYTES)
      return fail({ source: path, detail: `it is larger than ${MAX_CONFIG_BYTES} bytes` });
    return ok(bytes.toString("utf8"));
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : "unreadable";
    if (code === "ENOENT" || code === "ENOTDIR" || code === "EISDIR") return ok(undefined);
    return fail({ source: path, detail: `it cannot be read (${code})` });
  }
}

interface Wanted {
  readonly registry: string;
  readonly repository: string | undefined;
  readonly env: CredentialSources["env"];
}

async function inConfig(
  config: DockerConfig,
  wanted: Wanted,
): Promise<Result<CredentialAnswer, CredentialProblem>> {
  const helper = helperFor(config, wanted.registry);
  if (helper === undefined) {
    const found = credentialInAuths(config, wanted.registry, wanted.repository);
    if (!found.ok) return found;
    return ok(found.value === undefined ? {} : { credential: found.value });
  }
  const answer = await askHelper(helper, serverAddress(wanted.registry), wanted.env);
  if (!answer.ok) return answer;
  if (answer.value.kind === "refused") return ok({ problem: answer.value.problem });
  return ok(answer.value.credential === undefined ? {} : { credential: answer.value.credential });
}
