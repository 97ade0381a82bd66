import type { Platform } from "../../platforms/platform.ts";
import type { Repository, TaggedReference } from "../oci/reference.ts";
import type { Build } from "./build.ts";
import type { Origins } from "./origins.ts";
import type { Diagnostic, Location, SourceFile } from "./source.ts";

/**
 * A plan file, read, validated, interpolated and expanded: what all later stages work from.
 * Nothing in it needs the file again, except that positions point into `file`.
 */
export interface Plan {
  readonly file: SourceFile;
  /** Absolute folder that relative paths of the plan start from, and that they may not leave. */
  readonly directory: string;
  /** In the plan's order; empty where the plan names none, which means: choose (see core/buildkit). */
  readonly builders: readonly Builder[];
  /** What the plan says of registries, for the builder and for the client alike. */
  readonly registries: readonly RegistrySettings[];
  /** One for each image and matrix cell, in the plan's order, after `--image` and `--only`. */
  readonly releases: readonly PlannedRelease[];
  /** Findings of `check` that the plan wants to hear nothing of. */
  readonly check: CheckSettings;
  /** Commit that is checked out; absent where git tells none. */
  readonly revision?: string;
  /** Builds at the same time, over all nodes; absent: as many as the nodes have room for. */
  readonly maxParallelism?: number;
  /** The first failure of a variant that is required cancels all others; absent: they go on, and all failures are told. */
  readonly failFast?: true;
  /** Which machine of the CI builds which platform, in the plan's order; absent: the plan does not say. */
  readonly runners?: readonly Runner[];
  /** Variables of the plan that the environment was to give a value, and that have none. Absent: there is no such variable. */
  readonly unsetVariables?: readonly UnsetVariable[];
  /** Things that are allowed but deserve a look. */
  readonly warnings: readonly Diagnostic[];
  /** Values of `secret: true` variables and of secrets from the environment, for redaction of everything that is shown. */
  readonly secretValues: readonly string[];
  /** Variables of the environment that `secret: true` variables are read from, in the plan's order; absent: none. */
  readonly secretVariables?: readonly string[];
}

/** A variable of the plan without a value: neither the environment nor `--set` nor a default gives it one. */
export interface UnsetVariable {
  readonly name: string;
  /** That of the environment. */
  readonly variable: string;
  readonly secret: boolean;
  readonly location: Location;
}

/** A BuildKit that the plan names. */
export interface Builder {
  readonly name: string;
  readonly reach: BuilderReach;
  /** Declared platforms are native there, whatever the daemon reports. */
  readonly platforms?: readonly Platform[];
  readonly maxParallelism?: number;
  readonly location: Location;
}

/** How a builder is reached: a BuildKit address with optional mTLS files (absolute paths), or a docker buildx builder by name. */
export type BuilderReach =
  | { readonly kind: "buildkit"; readonly address: string; readonly tls?: BuilderTls }
  | { readonly kind: "buildx"; readonly builder: string };

export interface BuilderTls {
  readonly caCert?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly serverName?: string;
}

/** A machine of the CI, by its labels. */
export interface Runner {
  /** What it builds; absent: all platforms that have no runner of their own. */
  readonly platform?: Platform;
  /** All of them are what the CI looks for. Never empty. */
  readonly labels: readonly string[];
  readonly location: Location;
}

/** How a registry is reached where the rule (TLS with a certificate that the system knows; plain HTTP on loopback) is not right. */
export interface RegistrySettings {
  /** host[:port], as in references; `docker.io` for Docker Hub. */
  readonly registry: string;
  /** Plain HTTP, or a certificate that nobody vouches for, is taken. */
  readonly insecure: boolean;
  /** PEM files, absolute paths: certificate authorities, and the client certificate with its key (both or neither). */
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly location: Location;
}

/** What the plan says of preflight checks. */
export interface CheckSettings {
  /** Rules, all of whose findings are left out. */
  readonly ignore: readonly string[];
}

/** How an image is looked into before its tags move. */
export interface VerifySettings {
  /** `error` (default): programs for another platform stop the release; `warn`: they are reported; `off`: layers are not read. */
  readonly content: "error" | "warn" | "off";
  /** Globs of absolute paths in the image whose files are not looked at: `/opt/toolchains/**`. */
  readonly ignore: readonly string[];
}

/** A command that must succeed in each variant before its tags move. */
export interface SmokeTest {
  /** Run as it is, without a shell; or a line for the image's shell. */
  readonly command:
    | { readonly kind: "exec"; readonly argv: readonly string[] }
    | { readonly kind: "shell"; readonly line: string };
  readonly timeoutMs: number;
  readonly exitCode: number;
  /** Text that its output (stdout and stderr) must hold. */
  readonly output?: string;
  readonly location: Location;
}

export type VulnerabilitySeverity = "unknown" | "low" | "medium" | "high" | "critical";

/** Vulnerabilities that stop a release. */
export interface ScanGate {
  /** This severity and all above it. */
  readonly failOn: Exclude<VulnerabilitySeverity, "unknown">;
  /** Count only those that a newer version of the package mends. */
  readonly onlyFixed: boolean;
  /** Ids (CVE, GHSA, ...) that are known and accepted. */
  readonly ignore: readonly string[];
  /** Name of a source; absent: the first that is there. */
  readonly source?: string;
  /** Folder of an offline database, absolute. */
  readonly database?: string;
  readonly location: Location;
}

/** How a release is signed with cosign. */
export interface SignSettings {
  /** `file`: absolute path; `uri`: of a key management service; `env`: a variable that holds the key; `keyless`: the environment's identity. */
  readonly key:
    | { readonly kind: "file"; readonly path: string }
    | { readonly kind: "uri"; readonly uri: string }
    | { readonly kind: "env"; readonly variable: string }
    | { readonly kind: "keyless" };
  /** Public key to verify with, absolute; absent: the one that belongs to `key`. */
  readonly publicKey?: string;
  /** Environment variable that holds the key's password. */
  readonly passwordEnv?: string;
  /** Who must have signed, for keyless: what the certificate has to say. */
  readonly identity?: string;
  readonly issuer?: string;
  /** Should the signature be entered into the transparency log? */
  readonly transparencyLog: boolean;
  readonly location: Location;
}

/** A tag of a release. */
export interface ReleaseTag extends TaggedReference {
  /** What to do where the tag is there already and names something else; absent: it is moved. */
  readonly ifExists?: "skip" | "fail";
}

/** What becomes of attestations: in the index as they were made; left out; or each image must have all that `attest` asks for. */
export type AttestationPolicy = "keep" | "strip" | "require";

/** One image, one matrix cell: becomes one image index and the tags that name it. */
export interface PlannedRelease {
  /** `app`, or `app[node=22,os=alpine]` for a matrix cell; unique in the plan. */
  readonly name: string;
  readonly image: string;
  /** Matrix values of this cell as text; empty without a matrix. */
  readonly cell: Readonly<Record<string, string>>;
  /** In the order in which they will be in the index. Never empty. */
  readonly variants: readonly Variant[];
  /** Ids of variants that `--only` left out: without them this is a part, which is pushed but not tagged. */
  readonly omitted: readonly string[];
  /** In the order in which they will be moved. Empty where the image has outputs only. */
  readonly tags: readonly ReleaseTag[];
  /** Where its tags and what its labels and annotations say come from. Absent in a release that no plan file asked for. */
  readonly origins?: Origins;
  /** The distinct repositories of `tags`, in order. */
  readonly repositories: readonly Repository[];
  /** Of the index and everything below it. */
  readonly mediaTypes: "oci" | "docker";
  readonly attestations: AttestationPolicy;
  readonly verify: VerifySettings;
  readonly scan?: ScanGate;
  readonly sign?: SignSettings;
  /** `unchanged`: a variant whose inputs are those of the image that the tag names now is not built again; absent: all are. */
  readonly reuse?: "unchanged";
  /** Inputs that cannot be told (a remote ADD, a branch of a git context) are taken as unchanged; absent: they make a variant be built always. */
  readonly unknownInputs?: "ignore";
  /**
   * Finished variants are held by staging tags, so that a later run or another machine can take them over. Absent: by one for each
   * variant, whatever is released; `commit`: by one for each commit and its settings, too, so that runs of several commits do not meet; false: by none.
   */
  readonly staging?: false | "commit";
  /** Annotations of the index document itself. */
  readonly indexAnnotations: Readonly<Record<string, string>>;
  readonly location: Location;
}

/** One image, one matrix cell, one platform: the unit that is routed and solved. */
export interface Variant {
  /** `app linux/arm64` or `app[node=22] linux/arm64`: unique, and what people see. */
  readonly id: string;
  readonly release: string;
  readonly platform: Platform;
  /** May this variant be built under emulation, must it, or never? */
  readonly emulation: Emulation;
  /** False where the plan lets the release go on without this variant. */
  readonly required: boolean;
  /** How long its build may take, where the plan says so. */
  readonly timeoutMs?: number;
  /** How long its build may show no sign of life (no progress, no output), where the plan says so. */
  readonly stallMs?: number;
  /** How often it is built again after a crash or a stall; absent: once. A node that is lost does not count. */
  readonly retries?: number;
  /** Names of the builders that may build it, best first; absent: all. */
  readonly builders?: readonly string[];
  /** Ids of the variants that must be there before it is built: those it names in `needs` or as `image:` contexts. Absent: none. */
  readonly needs?: readonly string[];
  readonly test?: SmokeTest;
  readonly build: Build;
  readonly location: Location;
}

export type Emulation = "never" | "allow" | "only";

/** Where a plan comes from and what the command line changes of it. Everything that the world gives is an argument. */
export interface LoadOptions {
  /** Path of the plan, or `-` for standard input. */
  readonly path: string;
  /** Folder that `path` is relative to; with `-` also the plan's own folder. */
  readonly cwd: string;
  /** Reads standard input, for `-`. */
  readonly stdin: () => Promise<string>;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** `--set name=value`, in order. */
  readonly set: readonly string[];
  /** `--image name` (an image or a release name): all where empty. */
  readonly images: readonly string[];
  /** `--only platform`: all where empty. */
  readonly only: readonly string[];
  /** `${run.*}`: values of this very run. */
  readonly run: Readonly<Record<string, string>>;
  /** Milliseconds since 1970, for `{{date ...}}`. */
  readonly now?: number;
  /** Secret variables without a value are empty: for what builds nothing, and so reads none. */
  readonly lacksSecrets?: true;
}

/** The plan cannot be used: it was not readable at all, or these are all its problems. */
export type PlanFailure =
  | {
      readonly kind: "plan-not-found";
      readonly path: string;
      readonly detail: string;
      readonly nearby: readonly string[];
    }
  | {
      readonly kind: "plan-too-large";
      readonly path: string;
      readonly bytes: number;
      readonly maxBytes: number;
    }
  | {
      readonly kind: "plan-invalid";
      readonly diagnostics: readonly Diagnostic[];
      /** Variables without a value, be they the reason or not. */
      readonly unsetVariables?: readonly UnsetVariable[];
    }
  | {
      readonly kind: "override-invalid";
      readonly option: string;
      readonly value: string;
      readonly detail: string;
      readonly hint?: string;
    };
