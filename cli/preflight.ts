import { checkDisk, checkPlatforms } from "../core/host/doctor.ts";
import type { Plan } from "../core/plan/plan.ts";
import type { PreflightHost } from "../core/preflight/emulators.ts";
import type { Registry } from "../core/registry/registry.ts";
import { hostPlatform } from "./host-platform.ts";
import { lateRegistry } from "./late-registry.ts";
import { daemonHost } from "./managed.ts";
import type { Shell } from "./shell.ts";

/** How long registries have to answer preflight's questions, in milliseconds. */
export const PREFLIGHT_DEADLINE_MS = 15_000;

/**
 * The registry client of preflight: less patient than that of a release, since what does not answer now is worth telling now. It asks
 * for read access, so that base images of others are not asked for leave to write.
 */
export function preflightRegistry({ registries }: Plan, { env, home, version }: Shell): Registry {
  return lateRegistry({
    env,
    home,
    userAgent: `buildx-plan/${version}`,
    access: "read",
    registries,
    patience: { attempts: 3, budgetMs: 5_000 },
  });
}

/** This machine, as far as preflight looks at it. */
export function preflightHost(shell: Shell): PreflightHost {
  return {
    tryPlatforms: async (platforms, signal) =>
      await checkPlatforms({ ...(await daemonHost(shell)), host: hostPlatform(), platforms, signal }),
    tryDisk: async () => await checkDisk(await daemonHost(shell)),
  };
}
