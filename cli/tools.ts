import type { ToolFailure } from "../core/buildkit/buildkit.ts";
import { findBuildKit, type InstalledBuildKit } from "../core/buildkit/install.ts";
import type { InstallOptions } from "../core/buildkit/install-sources.ts";
import { cacheFolders } from "../core/host/folders.ts";
import { fail, type Result } from "../core/result.ts";
import { hostPlatform } from "./host-platform.ts";
import type { Shell } from "./shell.ts";

/** How buildx is called; the plugin of the docker CLI, which knows the user's contexts and builders. */
export const BUILDX: readonly [string, ...string[]] = ["docker", "buildx"];

/** What installing and looking for tools needs to know of this host. */
export function installOptions(shell: Shell, onProgress: (line: string) => void): InstallOptions {
  const { os, architecture } = hostPlatform();
  return {
    paths: cacheFolders(shell.env, shell.home),
    env: shell.env,
    os,
    architecture,
    moduleFile: (name) => shell.packageFile(`tools/${name}`),
    onProgress,
    signal: shell.signal,
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
