import type { Digest } from "../oci/digest.ts";

/** What a variant is made of: the same digest, the same image (as far as a build is a function of its inputs). */
export interface Inputs {
  /** Over the plan's part, Dockerfile, context files, base images and versions of what builds. */
  readonly digest: Digest;
  /** What is not in the digest because nobody can tell it beforehand. With any of these a variant is built always, unless the plan says otherwise. */
  readonly unknown: readonly UnknownInput[];
}

/**
 * Something that a build reads and that cannot be told beforehand: `remote-add`: ADD of a URL without a checksum; `git-context`: a git
 * context or ADD without a commit; `http-context`; `secret`, `ssh`: their values are never looked at; `base-image`: a base that could not be
 * resolved; `dynamic`: a reference that only the build itself can tell; `frontend`: a `# syntax=` that could not be resolved, or that is none of
 * Docker's, so that the Dockerfile may mean anything; `changing`: a file that something wrote to whenever it was read.
 */
export interface UnknownInput {
  readonly kind:
    | "remote-add"
    | "git-context"
    | "http-context"
    | "secret"
    | "ssh"
    | "base-image"
    | "dynamic"
    | "frontend"
    | "changing";
  /** As a reader knows it: the URL (without credentials), the id of the secret, the reference. */
  readonly name: string;
  /** Line (1-based) of the Dockerfile that asks for it. */
  readonly line?: number;
}

/** Something on this disk that a build reads could not be read. */
export interface InputsUnreadable {
  readonly kind: "inputs-unreadable";
  readonly path: string;
  /** Half a sentence: "this user may not read it". */
  readonly reason: string;
}
