import type { Repository, TaggedReference } from "../../core/oci/reference.ts";

/** A repository as people write it, registry first. */
export function nameRepository(repository: Repository): string {
  return `${repository.registry}/${repository.path}`;
}

/** A tag with its repository. */
export function nameReference(reference: TaggedReference): string {
  return `${nameRepository(reference)}:${reference.tag}`;
}
