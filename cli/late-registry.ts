import type { RegistryOptions } from "../core/registry/client.ts";
import type { Registry } from "../core/registry/registry.ts";

/**
 * The registry client, imported at its first use: in a build that is when BuildKit has pushed the first variant, so that
 * loading an HTTP client costs no time before the solves.
 */
export function lateRegistry(options: RegistryOptions): Registry {
  let opening: Promise<Registry> | undefined;
  const open = async (): Promise<Registry> => {
    const { openRegistry } = await import("../core/registry/client.ts");
    return openRegistry(options);
  };
  const opened = (): Promise<Registry> => (opening ??= open());
  return {
    ping: async (...call) => await (await opened()).ping(...call),
    manifest: async (...call) => await (await opened()).manifest(...call),
    blob: async (...call) => await (await opened()).blob(...call),
    putManifest: async (...call) => await (await opened()).putManifest(...call),
    close: async () => await (await opening)?.close(),
  };
}
