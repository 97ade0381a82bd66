import { hostname } from "node:os";
import { normalizePlatform, samePlatform, type Platform } from "../../platforms/platform.ts";
import type { Builder } from "../plan/plan.ts";
import { fail, ok, type Result } from "../result.ts";
import { addressArguments, type DaemonAddress } from "./arguments.ts";
import type { Node, ToolFailure } from "./buildkit.ts";
import { NO_ANSWER, type Reach } from "./reach.ts";
import { readTool } from "./tool.ts";
import type { Worker } from "./workers.ts";

/** Solves at once on a node whose plan sets no `max-parallelism`: BuildKit queues what the machine cannot take anyway. */
const PARALLELISM = 6;

/** The part of a plan's builder that says how to treat what is found behind it. */
export type BuilderSettings = Pick<Builder, "name" | "platforms" | "maxParallelism">;

/** Asks a daemon what it is, until the reach's signal ends the wait. `builder` is what messages call it. */
export async function askWorker(
  builder: string,
  daemon: DaemonAddress,
  reach: Omit<Reach, "buildx">,
): Promise<Result<Worker, ToolFailure>> {
  const { ended, stdout, stderr } = await readTool({
    tool: reach.buildctl,
    argv: [...addressArguments(daemon), "debug", "workers", "--format", "{{json .}}"],
    env: reach.env,
    signal: reach.signal,
  });
  const unreachable = (detail: string): Result<never, ToolFailure> =>
    fail({ kind: "builder-unreachable", builder, address: daemon.address, detail });
  if (ended.kind === "not-found") return fail(buildctlMissing(reach.buildctl));
  if (ended.kind === "cancelled") return unreachable(NO_ANSWER);
  if (ended.exitCode !== 0)
    return unreachable(stderr.replace(/^error: (failed to list workers: )?/m, "").trim());
  // Imported late: the question is on its way before the reader of its answer is loaded.
  const { parseWorkers } = await import("./workers.ts");
  const worker = parseWorkers(stdout);
  return worker === undefined ? unreachable("it answered, but not with a list of workers") : ok(worker);
}

function buildctlMissing(tool: string): ToolFailure {
  return { kind: "tool-missing", tool, neededFor: "talking to BuildKit", install: "buildx-plan setup" };
}

/** The node that a daemon is, with what the plan says of it. */
export function nodeOf(name: string, builder: BuilderSettings, worker: Worker): Node {
  const declared = builder.platforms?.map(normalizePlatform);
  const reported = worker.platforms;
  return {
    name,
    builder: builder.name,
    native: declared ?? worker.native,
    platforms: declared === undefined ? reported : [...declared, ...without(reported, declared)],
    maxParallelism: builder.maxParallelism ?? PARALLELISM,
    local: worker.hostname === hostname(),
    ...(worker.keepsImages ? { keepsImages: true } : {}),
    ...(worker.buildkitVersion === undefined ? {} : { buildkitVersion: worker.buildkitVersion }),
  };
}

function without(platforms: readonly Platform[], taken: readonly Platform[]): Platform[] {
  return platforms.filter((platform) => !taken.some((other) => samePlatform(platform, other)));
}
