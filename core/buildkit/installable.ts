import { formatVersion, type Version } from "../host/tools.ts";
import { BUILDKIT_VERSION, BUILDX_VERSION, OLDEST_BUILDKIT, OLDEST_BUILDX } from "./pins.ts";

/** A tool that can be installed: what its sources need to know of it. */
export interface Installable {
  readonly name: string;
  readonly pin: Version;
  readonly oldest: Version;
  readonly programs: readonly string[];
  readonly versionArgv: readonly string[];
  readonly goPackages: readonly string[];
  readonly goVariables: readonly string[];
  /** Entries of the release archive that are taken if they are there. */
  readonly archived?: readonly string[];
}

/** BuildKit's client and daemon. The daemon is for Linux only; elsewhere the client alone still reaches remote daemons. */
export function buildKit(os: string): Installable {
  const programs = os === "linux" ? ["buildctl", "buildkitd"] : ["buildctl"];
  return {
    name: "buildkit",
    pin: BUILDKIT_VERSION,
    oldest: OLDEST_BUILDKIT,
    programs,
    versionArgv: ["--version"],
    goPackages: programs.map((program) => `github.com/moby/buildkit/cmd/${program}`),
    goVariables: [`github.com/moby/buildkit/version.Version=v${formatVersion(BUILDKIT_VERSION)}`],
    archived: ["bin/buildctl", "bin/buildkitd", "bin/buildkit-runc"],
  };
}

/** docker buildx, from the same pinned modules. */
export function buildx(): Installable {
  return {
    name: "buildx",
    pin: BUILDX_VERSION,
    oldest: OLDEST_BUILDX,
    programs: ["buildx"],
    versionArgv: ["version"],
    goPackages: ["github.com/docker/buildx/cmd/buildx"],
    goVariables: [`github.com/docker/buildx/version.Version=v${formatVersion(BUILDX_VERSION)}`],
  };
}
