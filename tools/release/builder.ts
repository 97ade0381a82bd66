import { homedir } from "node:os";
import { hostPlatform } from "../../cli/host-platform.ts";
import { managedAddress } from "../../cli/managed.ts";
import { findBuildKit } from "../../core/buildkit/install.ts";
import { cachePaths } from "../../core/host/paths.ts";

/** The BuildKit that makes the release: the one that BUILDKIT_HOST names, or this user's managed one. */
export async function builderAddress(signal: AbortSignal): Promise<string> {
  const env = process.env;
  const named = env["BUILDKIT_HOST"];
  if (named !== undefined && named !== "") return named;
  const home = homedir();
  const found = await findBuildKit({ paths: cachePaths(env, home), env, ...hostPlatform(), signal });
  if (!found.ok) throw new Error("there is no BuildKit: run `npm run release`, which installs it");
  const address = await managedAddress({ env, home, signal }, found.value, []);
  if (!address.ok) throw new Error(`BuildKit does not start: ${JSON.stringify(address.error)}`);
  return address.value;
}
