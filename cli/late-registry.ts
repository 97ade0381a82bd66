import type { RegistryOptions } from "../core/registry/client.ts";
import { formatRepository, type Repository } from "../core/oci/reference.ts";
import type { RegistryFailure } from "../core/registry/registry-failure.ts";
import type { Registry } from "../core/registry/registry.ts";
import type { Store } from "../core/registry/store.ts";

/**
 * The registry client, imported at its first use: in a build that is when BuildKit has pushed the first variant, so that
 * loading an HTTP client costs no time before the solves.
 */
export function lateRegistry(options: RegistryOptions): Registry {
  let opening: Promise<Registry> | undefined;
  let registry: Registry | undefined;
  const open = async (): Promise<Registry> => {
    const { openRegistry } = await import("../core/registry/client.ts");
    registry = openRegistry(options);
    return registry;
  };
  const opened = (): Promise<Registry> => (opening ??= open());
  const store = (repository: Repository): Store<RegistryFailure> => {
    const real = async (): Promise<Store<RegistryFailure>> => (await opened()).store(repository);
    return {
      name: formatRepository(repository),
      repository,
      resolve: async (...call) => await (await real()).resolve(...call),
      manifest: async (...call) => await (await real()).manifest(...call),
      blob: async (...call) => await (await real()).blob(...call),
      openBlob: async function* (...call) {
        yield* (await real()).openBlob(...call);
      },
      putBlob: async (...call) => await (await real()).putBlob(...call),
      putManifest: async (...call) => await (await real()).putManifest(...call),
      tags: async (...call) => await (await real()).tags(...call),
      referrers: async (...call) => await (await real()).referrers(...call),
      delete: async (...call) => await (await real()).delete(...call),
    };
  };
  return {
    ping: async (...call) => await (await opened()).ping(...call),
    mayPush: async (...call) => await (await opened()).mayPush(...call),
    store,
    warnings: () => registry?.warnings() ?? [],
    close: async () => await (await opening)?.close(),
  };
}
