import { BUILDKIT_VERSION } from "../buildkit/pins.ts";
import { NODE_VERSION } from "./names.ts";

export const GITLAB_HEADER =
  "# Written by buildx-plan. Its runners must allow privileged services, as Docker-in-Docker needs them.\n";

/**
 * What every job has: Node, and a BuildKit as a service, whose image brings its own QEMU for what the runner's CPU does not run.
 * `registries`: those that it logs in to; none for jobs that push nothing.
 */
export function gitlabJob(registries: readonly string[]): Readonly<Record<string, unknown>> {
  return {
    image: `node:${NODE_VERSION}`,
    services: [
      {
        name: `moby/buildkit:v${BUILDKIT_VERSION.join(".")}`,
        alias: "buildkit",
        command: ["--addr", "tcp://0.0.0.0:1234"],
      },
    ],
    variables: { BUILDKIT_HOST: "tcp://buildkit:1234" },
    ...(registries.length > 0 && { before_script: loginScript(registries) }),
  };
}

/** Writes Docker's file of logins, the form that every tool reads; the values are variables of the project. */
function loginScript(registries: readonly string[]): readonly string[] {
  const entries = registries.map((registry) => {
    const { user, password, key } = credentials(registry);
    return `login '${key}' "$${user}" "$${password}"`;
  });
  const encode = `login() { printf '%s"%s":{"auth":"%s"}' "$comma" "$1" "$(printf '%s:%s' "$2" "$3" | base64 | tr -d '\\n')"; comma=,; }`;
  const write = `{ printf '{"auths":{'; ${entries.join("; ")}; printf '}}'; } > "$HOME/.docker/config.json"`;
  return ["umask 077", 'mkdir -p "$HOME/.docker"', encode, write];
}

interface Credentials {
  readonly user: string;
  readonly password: string;
  /** Of the registry in Docker's file. */
  readonly key: string;
}

/** The names of the variables that hold a login. GitLab itself sets those of its own registry. */
export function credentials(registry: string): Credentials {
  if (registry === "registry.gitlab.com")
    return { user: "CI_REGISTRY_USER", password: "CI_REGISTRY_PASSWORD", key: registry };
  if (registry === "docker.io")
    return { user: "DOCKERHUB_USERNAME", password: "DOCKERHUB_TOKEN", key: "https://index.docker.io/v1/" };
  const name = variableName(registry);
  return { user: `${name}_USERNAME`, password: `${name}_PASSWORD`, key: registry };
}

/** The name of a registry as part of a variable's. */
export function variableName(registry: string): string {
  return registry
    .replaceAll(/[^A-Za-z0-9]+/g, "_")
    .replace(/^(?=\d)/, "_")
    .toUpperCase();
}
