import type { Digest } from "./digest.ts";

/** A repository in a registry: `registry` is host[:port] (never empty; Docker Hub is `docker.io`), `path` the name within it. */
export interface Repository {
  readonly registry: string;
  readonly path: string;
}

/** A repository and a tag that may move. */
export interface TaggedReference extends Repository {
  readonly tag: string;
}

/** A repository and a digest that never moves. */
export interface CanonicalReference extends Repository {
  readonly digest: Digest;
}

/** What an image reference may say; neither tag nor digest means the whole repository. */
export interface Reference extends Repository {
  readonly tag?: string;
  readonly digest?: Digest;
}
