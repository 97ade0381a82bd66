import { BUILDKIT_VERSION } from "../buildkit/pins.ts";
import { formatVersion } from "../host/tools.ts";
import { NODE_VERSION, ownCommand } from "./names.ts";
import type { Pipeline } from "./pipeline.ts";
import { shellLine } from "./shell-words.ts";

export const GITLAB_HEADER =
  "# Written by buildx-plan. Its runners must allow privileged services, as Docker-in-Docker needs them.\n";

type Logins = Pick<Pipeline, "registries" | "parent">;

/** Templates that the jobs extend. */
export const BUILDING = ".buildx-plan:buildkit";
export const LOGGED_IN = ".buildx-plan:login";

export const NODE_IMAGE = `node:${NODE_VERSION}`;

/** All of the history: tags of a plan may depend on those that are there. */
export const HISTORY = { GIT_DEPTH: "0" } as const;

/**
 * What jobs have in common: a BuildKit as a service, whose image brings its own QEMU for what the runner's CPU does not run, and the logins of
 * the registries.
 */
export function gitlabTemplates({ registries, parent }: Logins): Readonly<Record<string, unknown>> {
  const service = {
    name: `moby/buildkit:v${formatVersion(BUILDKIT_VERSION)}`,
    alias: "buildkit",
    command: ["--addr", "tcp://0.0.0.0:1234"],
  };
  return {
    [BUILDING]: { services: [service], variables: { ...HISTORY, BUILDKIT_HOST: "tcp://buildkit:1234" } },
    [LOGGED_IN]: {
      before_script: registries.length > 0 ? loginScript(registries, parent?.registry) : [],
    },
  };
}

/** The commands of a job that builds: BuildKit's client is not in the image of Node. */
export function buildScript(version: string, words: readonly string[]): readonly string[] {
  const command = ownCommand(version);
  return [shellLine(command, ["setup"]), shellLine(command, words)];
}

/** Writes Docker's file of logins, the form that every tool reads; the values are variables of the project. */
function loginScript(registries: readonly string[], ownRegistry?: string): readonly string[] {
  const logins = registries.map((registry) => {
    const { user, password, key } = credentials(registry, ownRegistry);
    return `login '${key}' "$${user}" "$${password}"`;
  });
  return [
    'mkdir -p -m 700 "$HOME/.docker"',
    [
      `login() { printf '"%s":{"auth":"%s"}' "$1" "$(printf '%s:%s' "$2" "$3" | base64 | tr -d '\\n')"; }`,
      `{ printf '{"auths":{'; ${logins.join("; printf ,; ")}; printf '}}'; } > "$HOME/.docker/config.json"\n`,
    ].join("\n"),
  ];
}

interface Credentials {
  readonly user: string;
  readonly password: string;
  /** Of the registry in Docker's file. */
  readonly key: string;
}

/** The names of the variables that hold a login. GitLab itself sets those of its own registry. */
export function credentials(registry: string, ownRegistry = "registry.gitlab.com"): Credentials {
  if (registry === ownRegistry)
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
