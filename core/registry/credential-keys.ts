/**
 * How Docker's and containers' config files name a registry. Docker Hub goes by `https://index.docker.io/v1/` for historical
 * reasons; other keys may be a bare host, a URL, or (containers only) a host with the beginning of a repository's path.
 * @see https://github.com/containers/image/blob/main/docs/containers-auth.json.5.md
 */
const HUB_KEY = "https://index.docker.io/v1/";
const HUB_HOSTS: readonly string[] = ["docker.io", "index.docker.io", "registry-1.docker.io"];

/** The name under which Docker keeps a registry's login, and by which a credential helper is asked. */
export function serverAddress(registry: string): string {
  return HUB_HOSTS.includes(registry) ? HUB_KEY : registry;
}

/** The host[:port] of an `auths` key, however it is written. */
export function hostOfKey(key: string): string {
  const [scheme, afterScheme] = key.includes("://") ? splitOnce(key, "://") : ["", key];
  const [authority] = splitOnce(afterScheme, "/");
  if (scheme !== "" && authority === "") return `${scheme}:`;
  return scheme === "" ? authority : bracketed(authority);
}

/** The keys of `auths` that speak for this registry, best first: repository, its parents, then the host. */
export function registryKeys(
  auths: Readonly<Record<string, unknown>>,
  registry: string,
  repository: string | undefined,
): readonly string[] {
  const hosts = HUB_HOSTS.includes(registry) ? HUB_HOSTS : [registry];
  const exact = [...repositoryKeys(hosts, repository), serverAddress(registry), ...hosts];
  const byHost = Object.keys(auths).filter((key) => isHostKey(key) && hosts.includes(hostOfKey(key)));
  return [...new Set([...exact.filter((key) => Object.hasOwn(auths, key)), ...byHost])];
}

function repositoryKeys(hosts: readonly string[], repository: string | undefined): readonly string[] {
  const parts = repository === undefined ? [] : repository.split("/");
  const paths = parts.map((_, index) => parts.slice(0, parts.length - index).join("/"));
  return paths.flatMap((path) => hosts.map((host) => `${host}/${path}`));
}

// A key with a path of its own speaks for that repository only; /v1/ and /v2/ are the API's, not a repository's.
function isHostKey(key: string): boolean {
  const afterScheme = key.includes("://") ? splitOnce(key, "://")[1] : key;
  return /^(v[12]\/?)?$/.test(splitOnce(afterScheme, "/")[1]);
}

function splitOnce(text: string, separator: string): readonly [string, string] {
  const at = text.indexOf(separator);
  return at < 0 ? [text, ""] : [text.slice(0, at), text.slice(at + separator.length)];
}

// "::1:6555" of a URL without brackets can only mean host ::1, port 6555.
function bracketed(authority: string): string {
  if (authority.startsWith("[") || authority.split(":").length < 3) return authority;
  const colon = authority.lastIndexOf(":");
  return `[${authority.slice(0, colon)}]${authority.slice(colon)}`;
}
