import type { RunEvent } from "../core/event.ts";
import { hasErrors, type Finding } from "../core/findings/finding.ts";
import type { Plan } from "../core/plan/plan.ts";
import { lookAtDockerfiles, type DockerfileReport } from "../core/preflight/dockerfiles.ts";
import type { PreflightHost } from "../core/preflight/emulators.ts";
import { preflight, unignored } from "../core/preflight/preflight.ts";
import type { PreflightFailed } from "../core/preflight/preflight-failed.ts";
import { fail, ok, type Result } from "../core/result.ts";
import type { Allowed } from "../core/publish/guard.ts";
import type { Registry } from "../core/registry/registry.ts";
import { hostPlatform } from "./host-platform.ts";
import { lateRegistry } from "./late-registry.ts";
import type { Session } from "./session.ts";
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
    tryPlatforms: async (platforms, signal) => {
      const { checkPlatforms } = await import("../core/host/doctor.ts");
      const { daemonHost } = await import("./managed.ts");
      return await checkPlatforms({ ...(await daemonHost(shell)), host: hostPlatform(), platforms, signal });
    },
    tryDisk: async () => {
      const { checkDisk } = await import("../core/host/doctor.ts");
      const { daemonHost } = await import("./managed.ts");
      return await checkDisk(await daemonHost(shell));
    },
  };
}

type Routed = Pick<Session, "plan" | "routes">;

/** The part of preflight that asks nobody: what the Dockerfiles say. */
export interface EarlyPreflight {
  readonly dockerfiles: DockerfileReport;
  /** Without what is ignored. */
  readonly findings: readonly Finding[];
}

/** Looks at the Dockerfiles before anything is solved; it takes milliseconds. */
export async function beginPreflight({ plan, routes }: Routed, { cwd }: Shell): Promise<EarlyPreflight> {
  const dockerfiles = await lookAtDockerfiles(plan, { routes, from: cwd });
  return { dockerfiles, findings: unignored(dockerfiles.findings, plan) };
}

/** The part of preflight that asks registries, beside a build. */
export interface RunningPreflight {
  /** Aborts with the first error, and when the shell's does: for the run. */
  readonly signal: AbortSignal;
  /** Begins once a builder is at work, so that no solve waits for it. */
  readonly onEvent: (event: RunEvent) => void;
  /** What must be known before anything is released. */
  readonly outcome: () => Promise<Result<void, PreflightFailed>>;
  /** What was found besides what the Dockerfiles say: it may explain why a build failed, so what was asked is waited for. */
  readonly end: () => Promise<readonly Finding[]>;
}

/** Makes ready to ask registries for base images, push permission and tags that must not be there. */
export function preflightBeside(
  { plan, routes }: Routed,
  { dockerfiles }: EarlyPreflight,
  { allowed, shell }: { readonly allowed: Allowed; readonly shell: Shell },
): RunningPreflight {
  const stop = new AbortController();
  const registry = preflightRegistry(plan, shell);
  const signal = AbortSignal.any([shell.signal, stop.signal]);
  let found: readonly Finding[] = [];
  let asking: Promise<Result<void, PreflightFailed>> | undefined;
  const ask = async (): Promise<Result<void, PreflightFailed>> => {
    const silent = { ...dockerfiles, findings: [] };
    const deadlineMs = PREFLIGHT_DEADLINE_MS;
    const about = { plan, routes, dockerfiles: silent, registry, allowed, deadlineMs, signal };
    const { findings } = await preflight({ ...about, tags: "forbidden" });
    found = findings;
    if (!hasErrors(findings)) return ok(undefined);
    stop.abort();
    return fail({ kind: "preflight-failed", findings });
  };
  const outcome = (): Promise<Result<void, PreflightFailed>> => (asking ??= ask());
  return {
    signal,
    outcome,
    onEvent: ({ kind }) => {
      if (kind === "vertex") void outcome();
    },
    end: async () => {
      await asking;
      await registry.close();
      return found;
    },
  };
}
