/*
 * What BuildKit is told of registries. A daemon of ours gets all of it in its configuration. Any other can be told two things with
 * a build: that the registry of a cache or all registries of one push are insecure, and whom `buildctl`, which fetches the tokens,
 * is to trust then. Its own configuration is the place for the rest.
 */
import { registryKey } from "../oci/registry-name.ts";
import { parseReference, type Repository } from "../oci/reference.ts";
import type { CacheEntry } from "../plan/build.ts";
import type { RegistrySettings } from "../plan/plan.ts";
import { settingsOf } from "../plan/registry-settings.ts";
import type { BuildKit } from "./buildkit.ts";

/**
 * The repositories, of those that an image is for, that BuildKit pushes to in one go. It takes either all or none of an output's
 * registries for insecure, so these are those that are like the first; the others have to get their copies from there.
 */
export function pushedByBuilder(
  repositories: readonly Repository[],
  registries: readonly RegistrySettings[],
): readonly Repository[] {
  const isLikeFirst = isPushedInsecurely(repositories, registries);
  return repositories.filter(({ registry }) => isTold(registry, registries) === isLikeFirst);
}

/** Must BuildKit be told that the registries of this push are insecure? */
export function isPushedInsecurely(
  [first]: readonly Repository[],
  registries: readonly RegistrySettings[],
): boolean {
  return first !== undefined && isTold(first.registry, registries);
}

/** The attributes of a cache, in which BuildKit is told where its registry is insecure. The plan's own word counts more. */
export function cacheAttributes(
  { type, attributes }: CacheEntry,
  registries: readonly RegistrySettings[],
): CacheEntry["attributes"] {
  const reference = parseReference(attributes["ref"] ?? "");
  if (type !== "registry" || !reference.ok || !isTold(reference.value.registry, registries))
    return attributes;
  return { "registry.insecure": "true", ...attributes };
}

// What a build says replaces the daemon's configuration of that registry, so that a client certificate would be lost.
function isTold(registry: string, registries: readonly RegistrySettings[]): boolean {
  const settings = settingsOf(registry, registries);
  return settings?.insecure === true && settings.cert === undefined;
}

/**
 * Values of `--registry-auth-tlscontext`: whom `buildctl` trusts as token server of a registry. Client certificates are not among
 * them, because it would show them to whatever host the registry names.
 */
export function tokenServerTrust(registries: readonly RegistrySettings[]): readonly (readonly string[])[] {
  return registries.flatMap(({ registry, insecure, ca }) => {
    const trust = insecure ? "insecure=true" : ca === undefined ? undefined : `ca=${ca}`;
    return trust === undefined ? [] : [[`host=${hostOf(registry)}`, trust]];
  });
}

/**
 * The part of buildkitd's configuration that is about registries.
 * @see https://github.com/moby/buildkit/blob/v0.33.1/docs/buildkitd.toml.md
 */
export function registryConfiguration(registries: readonly RegistrySettings[]): readonly string[] {
  return registries.flatMap(({ registry, insecure, ca, cert, key }) => {
    if (!insecure && ca === undefined && cert === undefined) return [];
    const table = `registry.${quote(nameOf(registry))}`;
    return [
      `[${table}]`,
      // Said even where it is not so: BuildKit speaks plain HTTP with loopback by itself. Both together mean the one or the other.
      `http = ${insecure}`,
      ...(insecure ? ["insecure = true"] : []),
      ...(ca === undefined ? [] : [`ca = [${quote(ca)}]`]),
      ...(cert === undefined || key === undefined
        ? []
        : [`[[${table}.keypair]]`, `key = ${quote(key)}`, `cert = ${quote(cert)}`]),
    ];
  });
}

/** The same BuildKit, which is told with each build and check what the plan says of registries. */
export function withRegistries(buildkit: BuildKit, registries: readonly RegistrySettings[]): BuildKit {
  if (registries.length === 0) return buildkit;
  return {
    ...buildkit,
    solve: async (request, ...rest) => await buildkit.solve({ registries, ...request }, ...rest),
    lint: async (request, signal) => await buildkit.lint({ registries, ...request }, signal),
  };
}

// BuildKit looks a registry up by its name in the reference, and knows Docker Hub by one name only.
function nameOf(registry: string): string {
  const key = registryKey(registry);
  return key === "docker.io" ? key : registry;
}

// What asks for a token is the host that answers.
function hostOf(registry: string): string {
  const name = nameOf(registry);
  return name === "docker.io" ? "registry-1.docker.io" : name;
}

/** A TOML string: JSON's escapes are a part of TOML's. */
function quote(value: string): string {
  return JSON.stringify(value);
}
