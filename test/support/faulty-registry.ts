import type { RegistryFailure } from "../../core/registry/registry-failure.ts";
import type { Registry } from "../../core/registry/registry.ts";
import type { Store } from "../../core/registry/store.ts";
import { fail } from "../../core/result.ts";

/**
 * What becomes of a request: refused; carried out, and its answer lost; or the program is killed before or after it was carried
 * out, which an exception stands for here.
 */
export type RequestFault = "refused" | "answer-lost" | "killed-before" | "killed-after";

/** The program ends here, as by `kill -9`. */
export class Killed extends Error {}

/** A registry whose n-th write (from 0) meets a fault; undefined where none does. */
export function faultyRegistry(
  inner: Registry,
  fault: { readonly at: number; readonly kind: RequestFault } | undefined,
): Registry {
  let writes = 0;
  const meet = async <T>(reference: string, write: () => Promise<T>) => {
    const now = writes;
    writes += 1;
    if (fault === undefined || fault.at !== now) return await write();
    if (fault.kind === "killed-before") throw new Killed();
    if (fault.kind === "refused") return fail(failure(reference, "registry-denied"));
    await write();
    if (fault.kind === "killed-after") throw new Killed();
    return fail(failure(reference, "registry-unreachable"));
  };
  const store = (repository: Parameters<Registry["store"]>[0]): Store<RegistryFailure> => {
    const real = inner.store(repository);
    return {
      ...real,
      putManifest: (reference, document, signal) =>
        meet(reference, () => real.putManifest(reference, document, signal)),
      delete: (reference, signal) => meet(reference, () => real.delete(reference, signal)),
    };
  };
  return { ...inner, store };
}

function failure(reference: string, kind: "registry-denied" | "registry-unreachable"): RegistryFailure {
  const facts = {
    registry: "one.example",
    reference,
    request: { method: "PUT", url: `memory:${reference}`, attempts: 1 },
  };
  return kind === "registry-denied"
    ? { kind, ...facts, status: 403, codes: [] }
    : { kind, ...facts, detail: "socket hang up" };
}
