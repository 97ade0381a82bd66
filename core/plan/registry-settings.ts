import { registryKey } from "../oci/registry-name.ts";
import type { RegistrySettings } from "./plan.ts";

/** What a plan says of a registry, however that is spelt. */
export function settingsOf(
  registry: string,
  registries: readonly RegistrySettings[],
): RegistrySettings | undefined {
  const key = registryKey(registry);
  return registries.find((each) => registryKey(each.registry) === key);
}
