import type { Front } from "./fault-matrix-front.ts";
import { openRegistry } from "../../core/registry/client.ts";
import type { Registry } from "../../core/registry/registry.ts";
import type { Timing } from "../../core/registry/retry.ts";

/** Waits that cost no time. */
export const noWaits: Timing = {
  now: () => Date.now(),
  random: () => 0.5,
  sleep: async () => undefined,
};

/**
 * The product's client as a run opens it, logged in at these fronts, with waits that cost nothing. A hasty one gives up a silent
 * registry soon; only where a registry is silent on purpose, or a busy machine would look like one.
 */
export function matrixClient(fronts: readonly Front[], { isHasty }: { readonly isHasty: boolean }): Registry {
  const auths = Object.fromEntries(
    fronts.map(({ host, login: { username, password } }) => [
      host,
      { auth: Buffer.from(`${username}:${password}`).toString("base64") },
    ]),
  );
  const ms = isHasty ? 500 : 10_000;
  return openRegistry({
    env: { DOCKER_AUTH_CONFIG: JSON.stringify({ auths }) },
    home: "/nonexistent",
    userAgent: "buildx-plan/matrix",
    access: "write",
    timing: noWaits,
    patience: { attempts: 3, budgetMs: 60_000 },
    timeouts: { connectMs: 10_000, headersMs: ms, bodyMs: ms },
  });
}
