import { readFile } from "node:fs/promises";
import { userInfo } from "node:os";
import type { ToolFailure } from "../core/buildkit/buildkit.ts";
import type { DaemonHost } from "../core/buildkit/daemon-needs.ts";
import type { InstalledBuildKit } from "../core/buildkit/install.ts";
import { startManaged } from "../core/buildkit/managed.ts";
import { cachePaths } from "../core/host/paths.ts";
import { fail, ok, type Result } from "../core/result.ts";
import { hostPlatform } from "./host-platform.ts";
import type { Shell } from "./shell.ts";

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
