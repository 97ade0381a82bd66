import { createHash } from "node:crypto";
import { dirname, join } from "node:path";
import type { Environment } from "../host/folders.ts";
import type { CachePaths } from "../host/paths.ts";
import type { RegistrySettings } from "../plan/plan.ts";
import { registryConfiguration } from "./registry-access.ts";
import { isAtLeast, parseVersion, type Version } from "../host/tools.ts";

/** The first BuildKit that knows the keys for disk limits and for how long platforms are remembered. */
const CURRENT_KEYS: Version = [0, 17, 0];

/** Files of the managed daemon, all in its own folder, but for the socket where that folder's name is too long. */
export interface DaemonFiles {
  readonly socket: string;
  /** BuildKit's second socket, which would otherwise be one for the whole machine. Its name is not the longer one. */
  readonly otelSocket: string;
  readonly root: string;
  readonly configuration: string;
  readonly log: string;
  /** Where runc keeps its state without root. Not the session's runtime folder, which goes when the user logs out. */
  readonly runtime: string;
  readonly record: string;
  readonly lock: string;
}

/** Names the daemon's files. */
export function daemonFiles(paths: CachePaths, socket: string): DaemonFiles {
  const file = (name: string): string => join(paths.buildkit, name);
  return {
    socket,
    otelSocket: join(dirname(socket), "otel.sock"),
    root: file("root"),
    configuration: file("buildkitd.toml"),
    log: file("buildkitd.log"),
    runtime: file("run"),
    record: file("daemon.json"),
    lock: file("daemon.lock"),
  };
}

/**
 * The daemon's configuration: runc worker only, its cache limited, and emulators noticed within seconds of being
 * installed (BuildKit's own default is an hour). And what the plan says of registries.
 * @see https://github.com/moby/buildkit/blob/v0.33.1/docs/buildkitd.toml.md
 */
export function daemonConfiguration(
  files: DaemonFiles,
  version: string,
  registries: readonly RegistrySettings[] = [],
): string {
  const known = parseVersion(version);
  const hasCurrentKeys = known !== undefined && isAtLeast(known, CURRENT_KEYS);
  return [
    `root = ${text(files.root)}`,
    "[grpc]",
    `address = [${text(`unix://${files.socket}`)}]`,
    ...(hasCurrentKeys
      ? [`[otel]`, `socketPath = ${text(files.otelSocket)}`, `[system]`, `platformsCacheMaxAge = "10s"`]
      : []),
    "[worker.oci]",
    "enabled = true",
    "gc = true",
    ...(hasCurrentKeys ? [`reservedSpace = "2GB"`, `maxUsedSpace = "20GB"`, `minFreeSpace = "10%"`] : []),
    "[worker.containerd]",
    "enabled = false",
    ...registryConfiguration(registries),
    "",
  ].join("\n");
}

/** A TOML string: JSON's escapes are a part of TOML's. */
function text(value: string): string {
  return JSON.stringify(value);
}

/**
 * The command that runs the daemon. For anyone but root it runs in a user namespace that rootlesskit makes.
 * @see https://github.com/moby/buildkit/blob/v0.33.1/docs/rootless.md
 */
export function daemonCommand(
  buildkitd: string,
  files: DaemonFiles,
  rootlesskit: string | undefined,
): readonly string[] {
  const daemon = [buildkitd, "--config", files.configuration];
  return rootlesskit === undefined
    ? daemon
    : [rootlesskit, ...daemon, "--rootless", "--oci-worker-no-process-sandbox"];
}

/** What the daemon inherits: how to find programs, its user's folders, and how to reach the network. No secrets of a build. */
const INHERITED = new Set(
  [
    "PATH HOME USER LOGNAME LANG TMPDIR XDG_RUNTIME_DIR SSL_CERT_FILE SSL_CERT_DIR",
    "HTTP_PROXY HTTPS_PROXY NO_PROXY ALL_PROXY http_proxy https_proxy no_proxy all_proxy",
  ].flatMap((names) => names.split(" ")),
);

const ADMINISTRATION = ["usr/local/sbin", "usr/sbin", "sbin"];

/**
 * The daemon's environment: programs beside buildkitd come first on its PATH, and the folders of the system's
 * administration last, which many accounts lack and runc is in.
 */
export function daemonEnvironment(env: Environment, programs: string, filesFrom = "/"): Environment {
  const inherited = Object.fromEntries(Object.entries(env).filter(([name]) => INHERITED.has(name)));
  const path = [programs, env["PATH"], ...ADMINISTRATION.map((folder) => join(filesFrom, folder))]
    .filter(Boolean)
    .join(":");
  return { ...inherited, PATH: path };
}

/** Tells whether a running daemon was started the way that it would be started now. */
export function settingsDigest(configuration: string, command: readonly string[]): string {
  return createHash("sha256")
    .update(JSON.stringify([configuration, command]))
    .digest("hex");
}

/**
 * What runc needs besides, in a user namespace: it keeps its state in XDG_RUNTIME_DIR only for somebody who is not
 * called root (https://github.com/opencontainers/runc/blob/main/rootless_linux.go).
 */
export function rootlessEnvironment(files: DaemonFiles, user: string): Environment {
  return { USER: user, XDG_RUNTIME_DIR: files.runtime };
}
