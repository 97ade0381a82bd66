import { digestOf } from "../../core/oci/digest-of.ts";
import type { Document } from "../../core/oci/descriptor.ts";
import { formatRepository, type Repository } from "../../core/oci/reference.ts";
import type { Registry, RegistryFailure } from "../../core/registry/registry.ts";
import { fail, ok, type Result } from "../../core/result.ts";
import type { TestImage } from "./images.ts";

/** A registry that is an object: the port and nothing behind it, strict about what it takes. */
export interface MemoryRegistry extends Registry {
  /** What was written, in order: `repository:tag` or `repository@digest`. */
  readonly writes: readonly string[];
  /** What a name holds. */
  readonly find: (name: string) => Document | undefined;
  /** Stores what BuildKit would push. */
  readonly push: (repository: Repository, image: TestImage) => void;
  /** From now on this name cannot be written. */
  readonly refuse: (name: string) => void;
}

type Refuse = (
  kind: "manifest-unknown" | "registry-rejected" | "registry-cancelled",
) => Result<never, RegistryFailure>;

function nameOf(repository: Repository, reference: string): string {
  return `${formatRepository(repository)}${reference.includes(":") ? "@" : ":"}${reference}`;
}

function refuser(method: string, repository: Repository, reference: string): Refuse {
  const facts = {
    registry: repository.registry,
    repository: repository.path,
    reference,
    request: { method, url: `memory:${nameOf(repository, reference)}`, attempts: 1 },
  };
  return (kind) =>
    kind === "registry-cancelled"
      ? fail({ kind, ...facts })
      : fail({ kind, ...facts, status: kind === "manifest-unknown" ? 404 : 400, codes: [] });
}

/** Opens an empty one. Answers come in a later turn, as they do from a network. */
export function memoryRegistry(): MemoryRegistry {
  const documents = new Map<string, Document>();
  const blobs = new Map<string, Uint8Array>();
  const writes: string[] = [];
  const refused = new Set<string>();
  // A registry takes no index before its children, and no content under another digest.
  const accepts = (repository: Repository, reference: string, { bytes, descriptor }: Document): boolean => {
    const children = Buffer.from(bytes)
      .toString("utf8")
      .matchAll(/"digest": *"(sha256:\w+)"/g);
    const isWhole = [...children].every(([, digest = ""]) => documents.has(nameOf(repository, digest)));
    const isItself = !reference.includes(":") || reference === digestOf(bytes);
    return isWhole && isItself && descriptor.digest === digestOf(bytes) && descriptor.size === bytes.length;
  };
  return {
    writes,
    find: (name) => documents.get(name),
    push: (repository, { config, manifest }) => {
      blobs.set(digestOf(config), config);
      documents.set(nameOf(repository, manifest.descriptor.digest), manifest);
    },
    refuse: (name) => void refused.add(name),
    ping: async () => ok(undefined),
    manifest: async (repository, reference, signal) => {
      await Promise.resolve();
      const refuse = refuser("GET", repository, reference);
      if (signal?.aborted === true) return refuse("registry-cancelled");
      const found = documents.get(nameOf(repository, reference));
      return found === undefined ? refuse("manifest-unknown") : ok(found);
    },
    blob: async (repository, { digest }, options) => {
      await Promise.resolve();
      const refuse = refuser("GET", repository, digest);
      if (options?.signal?.aborted === true) return refuse("registry-cancelled");
      const found = blobs.get(digest);
      return found === undefined ? refuse("manifest-unknown") : ok(found);
    },
    putManifest: async (repository, reference, document, signal) => {
      await Promise.resolve();
      const refuse = refuser("PUT", repository, reference);
      if (signal?.aborted === true) return refuse("registry-cancelled");
      const name = nameOf(repository, reference);
      if (refused.has(name) || !accepts(repository, reference, document)) return refuse("registry-rejected");
      documents.set(name, document);
      writes.push(name);
      return ok(undefined);
    },
    close: async () => undefined,
  };
}
