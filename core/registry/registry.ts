import type { Repository } from "../oci/reference.ts";
import type { Result } from "../result.ts";
import type { RegistryFailure } from "./registry-failure.ts";
import type { Store } from "./store.ts";

/** The registries of a run: the one edge to the network that publishing and inspecting use. */
export interface Registry {
  /** Is this registry there, does it speak the distribution API, and are the credentials accepted? */
  ping(registry: string, signal?: AbortSignal): Promise<Result<void, RegistryFailure>>;
  /** Does this repository take what we push? It is asked without leaving anything behind. */
  mayPush(repository: Repository, signal?: AbortSignal): Promise<Result<void, RegistryFailure>>;
  /** One repository of a registry; asks nothing by itself. Two calls for one repository share logins and connections. */
  store(repository: Repository): Store<RegistryFailure>;
  /** What registries said in `Warning` headers so far, each text once for each registry. */
  warnings(): readonly RegistryWarning[];
  /** Ends idle connections. */
  close(): Promise<void>;
}

/**
 * A registry's word to its users, a planned end of service for instance.
 * @see https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#warnings
 */
export interface RegistryWarning {
  readonly registry: string;
  readonly text: string;
}
