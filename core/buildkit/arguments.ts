import { basename, dirname } from "node:path";
import { formatPlatformFull } from "../../platforms/platform.ts";
import { formatRepository, type Repository } from "../oci/reference.ts";
import type { Build, BuildContext, CacheEntry, FileOutput, Secret, SshAgent } from "../plan/build.ts";
import type { RegistrySettings } from "../plan/plan.ts";
import type { ImageResult, LintRequest, SolveRequest } from "./buildkit.ts";
import { cacheAttributes, isPushedInsecurely, pushedByBuilder, tokenServerTrust } from "./registry-access.ts";

/** How a daemon is addressed on `buildctl`'s command line: `--addr` and the TLS flags. */
export interface DaemonAddress {
  readonly address: string;
  readonly tls?: {
    readonly caCert?: string;
    readonly cert?: string;
    readonly key?: string;
    readonly serverName?: string;
  };
}

/** An argument vector, and the environment variables that carry what must not stand in it. */
export interface SolveCommand {
  readonly argv: readonly string[];
  /** Values of secrets: an argument vector is readable by every user of the machine, an environment is not. */
  readonly env: Readonly<Record<string, string>>;
}

/** Where a solve writes: what came of it, and the image where it is handed over. Absolute paths. */
export interface SolveFiles {
  readonly metadata: string;
  readonly image: string;
}

/** Global flags of `buildctl` that reach the daemon. */
export function addressArguments(daemon: DaemonAddress): string[] {
  const flags: [string, string | undefined][] = [
    ["--addr", daemon.address],
    ["--tlscacert", daemon.tls?.caCert],
    ["--tlscert", daemon.tls?.cert],
    ["--tlskey", daemon.tls?.key],
    ["--tlsservername", daemon.tls?.serverName],
  ];
  return flags.flatMap(([flag, value]) => (value === undefined ? [] : [flag, value]));
}

/**
 * The `buildctl build` command of one variant: pure, so that what BuildKit is asked for can be read in a test.
 * @see https://github.com/moby/buildkit/blob/master/frontend/dockerfile/docs/reference.md
 * @see https://github.com/moby/buildkit/blob/master/README.md#output
 */
export function solveCommand(request: SolveRequest, daemon: DaemonAddress, files: SolveFiles): SolveCommand {
  const { build, platform, registries = [] } = request;
  const secrets = secretArguments(build.secrets);
  const argv = [
    ...addressArguments(daemon),
    "build",
    "--progress=rawjson",
    `--metadata-file=${files.metadata}`,
    "--frontend=dockerfile.v0",
    `--opt=platform=${formatPlatformFull(platform)}`,
    ...tokenServerTrust(registries).map((trust) => `--registry-auth-tlscontext=${csv(trust)}`),
    ...contextArguments(build),
    ...frontendOptions(request).map(([key, value]) => `--opt=${key}=${value}`),
    ...(build.noCache ? ["--no-cache"] : []),
    ...secrets.argv,
    ...build.ssh.map((agent) => `--ssh=${sshValue(agent)}`),
    ...build.cacheFrom.map((entry) => `--import-cache=${cacheValue(entry, registries)}`),
    ...build.cacheTo.map((entry) => `--export-cache=${cacheValue(entry, registries)}`),
    ...outputArguments(request, files),
  ];
  return { argv, env: secrets.env };
}

/** The `buildctl build` command that asks the frontend for its checks, and builds nothing. */
export function lintCommand(request: LintRequest, daemon: DaemonAddress): readonly string[] {
  const { build, platform, registries = [] } = request;
  return [
    ...addressArguments(daemon),
    "build",
    "--progress=rawjson",
    "--frontend=dockerfile.v0",
    "--opt=requestid=frontend.lint",
    `--opt=platform=${formatPlatformFull(platform)}`,
    ...tokenServerTrust(registries).map((trust) => `--registry-auth-tlscontext=${csv(trust)}`),
    ...contextArguments(build),
    ...stageOptions(build).map(([key, value]) => `--opt=${key}=${value}`),
  ];
}

function contextArguments(build: Build): string[] {
  const { context, dockerfile } = build;
  const named = Object.entries(build.contexts).flatMap(([name, each], position) =>
    oneContext(`context:${name}`, each, `named-${position}`),
  );
  const files =
    context.kind === "local"
      ? [`--local=dockerfile=${dirname(dockerfile)}`, `--opt=filename=${basename(dockerfile)}`]
      : [`--opt=filename=${dockerfile}`];
  // The frontend reads the local called `context` without being told.
  const main =
    context.kind === "local" ? [`--local=context=${context.path}`] : oneContext("context", context, "main");
  return [...main, ...files, ...named];
}

/** Local names are our own (`named-0`), because the plan may call a context `context` or `dockerfile` too. */
function oneContext(option: string, context: BuildContext, localName: string): string[] {
  switch (context.kind) {
    case "remote":
      return [`--opt=${option}=${context.url}`];
    case "local":
      return [`--opt=${option}=local:${localName}`, `--local=${localName}=${context.path}`];
    case "oci-layout": {
      const { reference } = context;
      if (reference.kind === "tag") throw new Error("Internal error: BuildKit takes layouts by digest only");
      return [
        `--opt=${option}=oci-layout://${localName}@${reference.digest}`,
        `--oci-layout=${localName}=${context.path}`,
      ];
    }
    case "variant":
      throw new Error("Internal error: the image of another variant is named when it is there");
    default:
      return context satisfies never;
  }
}

function frontendOptions({ build, image }: SolveRequest): [string, string][] {
  const provenance = image.kind === "layout" ? withoutInlineOnly(build) : build.attest.provenance;
  return [
    ...stageOptions(build),
    ...prefixed("label:", build.labels),
    ...(provenance === undefined ? [] : [attestation("provenance", provenance)]),
    ...(build.attest.sbom === undefined ? [] : [attestation("sbom", build.attest.sbom)]),
    ...(build.pull ? [["image-resolve-mode", "pull"] satisfies [string, string]] : []),
  ];
}

/** What decides which stages there are, and what they say. */
function stageOptions({ target, args }: Build): [string, string][] {
  return [
    ...(target === undefined ? [] : [["target", target] satisfies [string, string]]),
    ...prefixed("build-arg:", args),
  ];
}

// BuildKit does not count a layout among the results that hold attestations within themselves, though it holds them.
function withoutInlineOnly({ attest }: Build): Readonly<Record<string, string>> | undefined {
  if (attest.provenance === undefined) return undefined;
  return Object.fromEntries(Object.entries(attest.provenance).filter(([key]) => key !== "inline-only"));
}

function attestation(type: string, attributes: Readonly<Record<string, string>>): [string, string] {
  return [`attest:${type}`, csv(Object.entries(attributes).map(([key, value]) => `${key}=${value}`))];
}

function prefixed(prefix: string, values: Readonly<Record<string, string>>): [string, string][] {
  return Object.entries(values).map(([key, value]) => [`${prefix}${key}`, value]);
}

function secretArguments(secrets: readonly Secret[]): { argv: string[]; env: Record<string, string> } {
  const env: Record<string, string> = {};
  const argv = secrets.map((secret, position) => {
    if (secret.kind === "file") return `--secret=${csv([`id=${secret.id}`, `src=${secret.path}`])}`;
    if (secret.kind === "env") return `--secret=${csv([`id=${secret.id}`, `env=${secret.variable}`])}`;
    const variable = `BUILDX_PLAN_SECRET_${position}`;
    env[variable] = secret.value;
    return `--secret=${csv([`id=${secret.id}`, `env=${variable}`])}`;
  });
  return { argv, env };
}

function sshValue(agent: SshAgent): string {
  return agent.paths.length === 0 ? agent.id : `${agent.id}=${agent.paths.join(",")}`;
}

function cacheValue(entry: CacheEntry, registries: readonly RegistrySettings[]): string {
  const attributes = Object.entries(cacheAttributes(entry, registries));
  return csv([`type=${entry.type}`, ...attributes.map(([key, value]) => `${key}=${value}`)]);
}

function outputArguments({ build, image, registries = [] }: SolveRequest, files: SolveFiles): string[] {
  const output =
    image.kind === "push"
      ? pushOutput(build, image.repositories, registries)
      : imageFile(build, image, files);
  return [
    ...(output === undefined ? [] : [`--output=${csv(output)}`]),
    ...build.outputs.map((output) => `--output=${fileOutput(output)}`),
  ];
}

type ImageFile = Exclude<ImageResult, { readonly kind: "push" }>;

function imageFile(build: Build, image: ImageFile, files: SolveFiles): string[] | undefined {
  switch (image.kind) {
    case "layout":
      return ["type=oci", `dest=${files.image}`, "tar=false", ...imageAttributes(build)];
    case "docker":
      return [
        "type=docker",
        `dest=${files.image}`,
        ...(image.names.length === 0 ? [] : [`name=${image.names.join(",")}`]),
      ];
    case "none":
      return undefined;
    default:
      return image satisfies never;
  }
}

/**
 * Pushed by digest only: a name without a tag, into every repository at once, so that all get the same bytes.
 * Not stored: a Docker Engine would keep an untagged image of every build.
 */
function pushOutput(
  build: Build,
  repositories: readonly Repository[],
  registries: readonly RegistrySettings[],
): string[] {
  const isInsecure =
    build.image["registry.insecure"] === undefined && isPushedInsecurely(repositories, registries);
  return [
    "type=image",
    `name=${pushedByBuilder(repositories, registries).map(formatRepository).join(",")}`,
    "push=true",
    "store=false",
    "push-by-digest=true",
    "name-canonical=true",
    ...(isInsecure ? ["registry.insecure=true"] : []),
    ...imageAttributes(build),
  ];
}

function imageAttributes(build: Build): string[] {
  const attributes = { "oci-mediatypes": "true", ...build.image };
  const annotations = prefixed("annotation.", build.annotations.manifest);
  return [...Object.entries(attributes), ...annotations].map(([key, value]) => `${key}=${value}`);
}

function fileOutput(output: FileOutput): string {
  const attributes = Object.entries(output.attributes).map(([key, value]) => `${key}=${value}`);
  return csv([`type=${output.type}`, `dest=${output.dest}`, ...attributes]);
}

/** One CSV record as Go's encoding/csv reads it, which is what BuildKit's flags are. */
function csv(fields: readonly string[]): string {
  return fields
    .map((field) => (/[",\n\r]|^\s/.test(field) ? `"${field.replaceAll('"', '""')}"` : field))
    .join(",");
}
