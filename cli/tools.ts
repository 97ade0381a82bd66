import { readFile } from "node:fs/promises";
import { userInfo } from "node:os";
import { join } from "node:path";
import type { ToolFailure } from "../core/buildkit/buildkit.ts";
import type { DaemonHost } from "../core/buildkit/daemon-needs.ts";
import { findBuildKit, type InstalledBuildKit } from "../core/buildkit/install.ts";
import type { InstallOptions } from "../core/buildkit/install-sources.ts";
import { startManaged } from "../core/buildkit/managed.ts";
import { cachePaths } from "../core/host/paths.ts";
import { fail, ok, type Result } from "../core/result.ts";
import { hostPlatform } from "./host-platform.ts";
import type { Shell } from "./shell.ts";

/** How buildx is called; the plugin of the docker CLI, which knows the user's contexts and builders. */
export const BUILDX: readonly [string, ...string[]] = ["docker", "buildx"];

/** What installing and looking for tools needs to know of this host. */
export function installOptions(shell: Shell, onProgress: (line: string) => void): InstallOptions {
  const { os, architecture } = hostPlatform();
  return {
    paths: cachePaths(shell.env, shell.home),
    env: shell.env,
    os,
    architecture,
    toolsModule: join(shell.packageDirectory, "tools"),
    onProgress,
    signal: shell.signal,
  };
}

/** What the managed BuildKit needs to know of this host. */
export async function daemonHost(shell: Shell): Promise<DaemonHost> {
  const { uid, username } = userInfo();
  return {
    os: hostPlatform().os,
    user: { uid, name: username },
    env: shell.env,
    paths: cachePaths(shell.env, shell.home),
    osRelease: await readFile("/etc/os-release", "utf8").catch(() => ""),
  };
}

/** BuildKit's programs, on the PATH or where `setup` put them. */
export async function findTools(shell: Shell): Promise<Result<InstalledBuildKit, ToolFailure>> {
  const found = await findBuildKit(installOptions(shell, () => {}));
  if (found.ok) return found;
  return fail({
    kind: "tool-missing",
    tool: "buildctl",
    neededFor: "talking to BuildKit",
    install: "buildx-plan setup",
  });
}

/** Starts the managed BuildKit where it is not running, and answers its address. */
export async function managedAddress(
  shell: Shell,
  tools: InstalledBuildKit,
): Promise<Result<string, ToolFailure>> {
  const { buildkitd, version } = tools;
  if (buildkitd === undefined) {
    return fail({
      kind: "tool-missing",
      tool: "buildkitd",
      neededFor: "building on this machine without Docker",
      install: "buildx-plan setup",
    });
  }
  const started = await startManaged({
    ...(await daemonHost(shell)),
    buildkitd,
    version,
    signal: shell.signal,
  });
  return started.ok ? ok(started.value.address) : started;
}
