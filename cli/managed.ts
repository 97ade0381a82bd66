import { readFile } from "node:fs/promises";
import { userInfo } from "node:os";
import { getuid } from "node:process";
import type { ToolFailure } from "../core/buildkit/buildkit.ts";
import type { DaemonHost, HostUser } from "../core/buildkit/daemon-needs.ts";
import type { InstalledBuildKit } from "../core/buildkit/install.ts";
import { startManaged } from "../core/buildkit/managed.ts";
import { cachePaths } from "../core/host/paths.ts";
import type { RegistrySettings } from "../core/plan/plan.ts";
import { fail, ok, type Result } from "../core/result.ts";
import { hostPlatform } from "./host-platform.ts";
import type { Shell } from "./shell.ts";

/** What the managed BuildKit needs to know of this host. */
export async function daemonHost(shell: Pick<Shell, "env" | "home">): Promise<DaemonHost> {
  return {
    os: hostPlatform().os,
    user: hostUser(),
    env: shell.env,
    paths: cachePaths(shell.env, shell.home),
    osRelease: await readFile("/etc/os-release", "utf8").catch(() => ""),
  };
}

// A container's `--user 12345` is in no list of accounts, and `userInfo` throws: its number is all that it has.
function hostUser(): HostUser {
  try {
    const { uid, username } = userInfo();
    return { uid, name: username };
  } catch {
    const uid = getuid?.() ?? -1;
    return { uid, name: String(uid) };
  }
}

/** Starts the managed BuildKit where it is not running as the plan's registries want it, and answers its address. */
export async function managedAddress(
  shell: Pick<Shell, "env" | "home" | "signal">,
  tools: InstalledBuildKit,
  registries: readonly RegistrySettings[],
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
    registries,
    signal: shell.signal,
  });
  return started.ok ? ok(started.value.address) : started;
}
