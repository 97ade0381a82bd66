import type { Digest } from "../oci/digest.ts";
import type { Repository } from "../oci/reference.ts";
import type { Location } from "./source.ts";

/** What BuildKit is asked to do for one variant. All paths are absolute; all text is interpolated. */
export interface Build {
  readonly context: BuildContext;
  /** Path of the Dockerfile: absolute for a local context, relative to the context for a remote one. */
  readonly dockerfile: string;
  readonly target?: string;
  readonly args: Readonly<Record<string, string>>;
  readonly contexts: Readonly<Record<string, BuildContext>>;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Annotations;
  readonly secrets: readonly Secret[];
  /** Secrets of the plan that have no value in this environment: they are not passed on. Absent: none. */
  readonly unsetSecrets?: readonly UnsetSecret[];
  readonly ssh: readonly SshAgent[];
  readonly cacheFrom: readonly CacheEntry[];
  readonly cacheTo: readonly CacheEntry[];
  readonly attest: Attestations;
  readonly noCache: boolean;
  readonly pull: boolean;
  /** Repositories that the variant is pushed into by digest. Empty where nothing is tagged. */
  readonly repositories: readonly Repository[];
  /** Who pushes: BuildKit itself, or this program what BuildKit has handed over as an OCI layout. */
  readonly push: "builder" | "client";
  /** Attributes of the pushed image's exporter (`compression`, `compression-level`, `force-compression`, `rewrite-timestamp`, ...). */
  readonly image: Readonly<Record<string, string>>;
  /** Results to write to disk besides, or instead of, the pushed image. */
  readonly outputs: readonly FileOutput[];
}

/**
 * A folder of the project; something that BuildKit fetches itself (git or http URL, `docker-image://`); an image in
 * an OCI layout folder, named by tag or digest; or what another variant of the plan becomes in this very run.
 */
export type BuildContext =
  | { readonly kind: "local"; readonly path: string }
  | { readonly kind: "remote"; readonly url: string }
  | { readonly kind: "variant"; readonly variant: string }
  | { readonly kind: "oci-layout"; readonly path: string; readonly reference: OciLayoutReference };

/** Which image of an OCI layout: `latest` where the plan names none, as buildx has it. */
export type OciLayoutReference =
  | { readonly kind: "tag"; readonly tag: string }
  | { readonly kind: "digest"; readonly digest: Digest };

/** Annotations per level that BuildKit itself writes; the index level is the release's. */
export interface Annotations {
  readonly manifest: Readonly<Record<string, string>>;
  readonly manifestDescriptor: Readonly<Record<string, string>>;
}

/** A build secret: a file, a variable of the environment, or the value of a secret variable of the plan (never shown, never an argument of a process). */
export type Secret =
  | { readonly id: string; readonly kind: "file"; readonly path: string }
  | { readonly id: string; readonly kind: "env"; readonly variable: string }
  | { readonly id: string; readonly kind: "value"; readonly value: string };

/** A build secret that nothing gives a value; `variable` is that of the environment that could. */
export interface UnsetSecret {
  readonly kind: "unset";
  readonly id: string;
  readonly variable?: string;
  readonly location: Location;
}

/** Forwarded agent sockets or keys; no paths means the agent of SSH_AUTH_SOCK. */
export interface SshAgent {
  readonly id: string;
  readonly paths: readonly string[];
}

/** A cache import or export: its type (`registry`, `local`, `gha`, `s3`, ...) and attributes, as BuildKit names them. */
export interface CacheEntry {
  readonly type: string;
  readonly attributes: Readonly<Record<string, string>>;
}

/** `undefined` = none is made. The values are the attributes given to BuildKit, `mode=min` for instance. */
export interface Attestations {
  readonly provenance?: Readonly<Record<string, string>>;
  readonly sbom?: Readonly<Record<string, string>>;
}

/** `local` and `tar` hold the files of the image, `oci` and `docker` the image; `dest` is absolute and this platform's own. */
export interface FileOutput {
  readonly type: "local" | "tar" | "oci" | "docker";
  readonly dest: string;
  readonly attributes: Readonly<Record<string, string>>;
}
