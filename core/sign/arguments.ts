import type { RegistrySettings, SignSettings } from "../plan/plan.ts";
import { settingsOf } from "../plan/registry-settings.ts";

/** References by digest in one repository, and how its registry is reached. */
export interface SignedRepository {
  readonly registry: string;
  /** `registry/path@digest` */
  readonly references: readonly string[];
}

/** Files that cosign is given, absolute paths: where `transparency-log: false` needs a configuration, and the public key. */
export interface SignFiles {
  readonly signingConfig: string;
  readonly publicKey?: string;
}

/** A configuration of cosign 3 that names no service: nothing is told to a transparency log. */
export const NO_SERVICES = JSON.stringify({
  mediaType: "application/vnd.dev.sigstore.signingconfig.v0.2+json",
  rekorTlogConfig: {},
  tsaConfig: {},
});

/** `cosign sign` of all references of one repository. No key and no password is among the arguments. */
export function signArguments(
  settings: SignSettings,
  { registry, references }: SignedRepository,
  how: {
    readonly major: number;
    readonly files: SignFiles;
    readonly registries: readonly RegistrySettings[];
  },
): readonly string[] {
  return [
    "sign",
    // Without it, cosign asks whether the log may name the signer, and waits.
    "--yes",
    ...keyArguments(settings),
    ...(settings.transparencyLog ? [] : withoutLog(how.major, how.files)),
    ...registryArguments(registry, how.registries),
    ...references,
  ];
}

/** The key as cosign addresses it; nothing for keyless. */
export function keyArguments({ key }: SignSettings): readonly string[] {
  const reference = keyReference(key);
  return reference === undefined ? [] : [`--key=${reference}`];
}

function keyReference(key: SignSettings["key"]): string | undefined {
  switch (key.kind) {
    case "file":
      return key.path;
    case "uri":
      return key.uri;
    case "env":
      return `env://${key.variable}`;
    case "keyless":
      return undefined;
    default:
      return key satisfies never;
  }
}

// cosign 3 takes the services from a configuration, and refuses the older option beside it.
function withoutLog(major: number, { signingConfig }: SignFiles): readonly string[] {
  return major < 3 ? ["--tlog-upload=false"] : [`--signing-config=${signingConfig}`];
}

/** `cosign verify` of the same: with the public key, or with what the certificate must say of the signer. */
export function verifyArguments(
  settings: SignSettings,
  { registry, references }: SignedRepository,
  how: { readonly files: SignFiles; readonly registries: readonly RegistrySettings[] },
): readonly string[] {
  return [
    "verify",
    ...(settings.key.kind === "keyless" ? signerArguments(settings) : publicKey(settings.key, how.files)),
    ...(settings.transparencyLog ? [] : ["--insecure-ignore-tlog=true"]),
    ...registryArguments(registry, how.registries),
    ...references,
  ];
}

function publicKey(key: SignSettings["key"], { publicKey: path }: SignFiles): readonly string[] {
  if (path !== undefined) return [`--key=${path}`];
  return key.kind === "uri" ? [`--key=${key.uri}`] : [];
}

/** Anybody, where the plan does not say who: then only the signature itself is verified. */
function signerArguments({ identity, issuer }: SignSettings): readonly string[] {
  return [
    identity === undefined ? "--certificate-identity-regexp=.*" : `--certificate-identity=${identity}`,
    issuer === undefined ? "--certificate-oidc-issuer-regexp=.*" : `--certificate-oidc-issuer=${issuer}`,
  ];
}

function registryArguments(registry: string, registries: readonly RegistrySettings[]): readonly string[] {
  const settings = settingsOf(registry, registries);
  const files: [string, string | undefined][] = [
    ["--registry-cacert", settings?.ca],
    ["--registry-client-cert", settings?.cert],
    ["--registry-client-key", settings?.key],
  ];
  return [
    ...(settings?.insecure === true ? ["--allow-insecure-registry", "--allow-http-registry"] : []),
    ...files.flatMap(([flag, path]) => (path === undefined ? [] : [`${flag}=${path}`])),
  ];
}
