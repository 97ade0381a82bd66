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

/** skopeo copy of an image with all its platforms. */
export function skopeoCopy(source: string, destination: string): Command {
  const plain = [
    ...(source.startsWith("docker://") ? ["--src-tls-verify=false"] : []),
    "--dest-tls-verify=false",
  ];
  return {
    argv: ["skopeo", "--insecure-policy", "copy", "--quiet", "--all", ...plain, source, destination],
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
