import { randomUUID } from "node:crypto";
import { join } from "node:path";
import type { Command } from "./measure.ts";

/** The command lines of the peers, for registries on this machine that speak plain HTTP. */

/** oras. */
export function oras(...argv: readonly string[]): Command {
  return { argv: ["oras", ...argv] };
}

/** crane, of go-containerregistry. */
export function crane(...argv: readonly string[]): Command {
  return { argv: ["crane", ...argv, "--insecure"] };
}

/** regctl, of regclient; `hosts` are the registries without TLS. */
export function regctl(hosts: readonly string[], ...argv: readonly string[]): Command {
  return { argv: ["regctl", ...argv, ...hosts.flatMap((host) => ["--host", `reg=${host},tls=disabled`])] };
}

/**
 * skopeo copy of an image with all its platforms. It remembers for ever which registry has which blob, and would send nothing from
 * the second turn on: as the user that this makes it believe in, it keeps what it knows in a folder, a new one for each turn.
 */
export function skopeoCopy(
  { scratch }: { readonly scratch: string },
  source: string,
  destination: string,
): Command {
  const plain = [
    ...(source.startsWith("docker://") ? ["--src-tls-verify=false"] : []),
    "--dest-tls-verify=false",
  ];
  return {
    argv: ["skopeo", "--insecure-policy", "copy", "--quiet", "--all", ...plain, source, destination],
    env: { _CONTAINERS_ROOTLESS_UID: "1000", XDG_DATA_HOME: join(scratch, randomUUID()) },
  };
}

/** `docker buildx imagetools`, or the program alone where there is no docker CLI. */
export function imagetools(
  {
    buildxCommand,
    dockerConfig,
  }: { readonly buildxCommand: readonly string[]; readonly dockerConfig: string },
  ...argv: readonly string[]
): Command {
  const [tool = "buildx", ...first] = buildxCommand;
  return { argv: [tool, ...first, "imagetools", ...argv], env: { DOCKER_CONFIG: dockerConfig } };
}
