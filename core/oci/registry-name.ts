import { parseReference, registryHost } from "./reference.ts";

const HUB = "docker.io";
/** Names that people use for Docker Hub: the one in references, and the hosts that answer for it. */
const HUB_NAMES: ReadonlySet<string> = new Set([HUB, `index.${HUB}`, registryHost(HUB)]);

/** Is this text, host[:port], what stands before the first slash of a reference where that names a registry? */
export function isRegistryName(text: string): boolean {
  const parsed = parseReference(`${text}/repository`);
  if (!parsed.ok || parsed.value.path !== expectedPath(parsed.value.registry)) return false;
  return isHub(text) || (parsed.value.registry === text && URL.canParse(`https://${text}`));
}

/**
 * One text for all spellings of a registry's name: letter case, the port that HTTPS has anyway, and the hosts of Docker Hub
 * make no difference. Two registries with the same key are the same server.
 */
export function registryKey(registry: string): string {
  if (isHub(registry)) return HUB;
  const url = `https://${registry}`;
  return URL.canParse(url) ? new URL(url).host : registry.toLowerCase();
}

function isHub(text: string): boolean {
  return HUB_NAMES.has(text.toLowerCase());
}

// References to Docker Hub without an account are to `library/`.
function expectedPath(registry: string): string {
  return registry === HUB ? "library/repository" : "repository";
}
