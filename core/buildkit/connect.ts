import type { Builder } from "../plan/plan.ts";
import { fail, ok, type Failed, type Result } from "../result.ts";
import type { BuildKit, ToolFailure } from "./buildkit.ts";
import { connectBuilder } from "./builders.ts";
import { openBuildKit, type Connection } from "./client.ts";
import { withHeartbeat } from "./heartbeat.ts";
import { dropLost, type Attempt, type LostNode } from "./lost.ts";
import type { BuilderSettings } from "./node.ts";
import { withDeadline, type Reach } from "./reach.ts";

/** Which builders a run uses, and the world to reach them in. */
export interface ConnectOptions {
  /** The plan's own; empty = choose. */
  readonly builders: readonly Builder[];
  /** `--builder`: `managed`, a BuildKit address, a builder of the plan, or a docker buildx builder. */
  readonly chosen?: string;
  readonly reach: Reach;
  /** Starts the managed BuildKit where it is not running yet, and tells its address. */
  readonly startManaged: () => Promise<Result<string, ToolFailure>>;
}

type Target = Pick<Builder, "reach"> & BuilderSettings;

/** The daemons of a run, and those that it goes on without. */
export interface Connected extends BuildKit {
  readonly lost: readonly LostNode[];
}

/**
 * Connects to every builder of a run, all at once and with one deadline, before anything is built. Where several nodes were named, those that
 * cannot be reached are {@link Connected.lost}.
 * In order: what the command line chose; the plan's builders; BUILDKIT_HOST; the current docker buildx builder, if Docker
 * answers; the managed BuildKit.
 */
export async function connectBuilders(
  options: ConnectOptions,
): Promise<Result<Connected, readonly ToolFailure[]>> {
  const { signal } = options.reach;
  const targets = await chooseTargets(options);
  if (!targets.ok) return fail([signal.aborted ? { kind: "connect-cancelled" } : targets.error]);
  const reach = withDeadline(options.reach);
  const reached = await dropLost(
    await Promise.all(
      targets.value.map(async (target) => ({
        builder: target.name,
        result: await connectBuilder(target, reach),
      })),
    ),
  );
  // What an interruption has cut short looks like a loss.
  if (signal.aborted) return await interrupted(reached);
  if (!reached.ok) return reached;
  const { connections, lost } = reached.value;
  return ok({ ...openWatched(connections, options.reach), lost });
}

function openWatched(connections: readonly Connection[], { buildctl, env }: Reach): BuildKit {
  const buildkit = openBuildKit({ connections, buildctl, env });
  return withHeartbeat(buildkit, { ask: async (node, signal) => await buildkit.isAlive(node, signal) });
}

async function interrupted(reached: Attempt["result"]): Promise<Failed<readonly ToolFailure[]>> {
  const connections = reached.ok ? reached.value.connections : [];
  await Promise.all(connections.map(({ close }) => close()));
  return fail([{ kind: "connect-cancelled" }]);
}

async function chooseTargets(options: ConnectOptions): Promise<Result<readonly Target[], ToolFailure>> {
  const { chosen, builders, reach } = options;
  if (chosen === "managed") return await managed(options);
  if (chosen !== undefined) return ok([chosenTarget(chosen, builders)]);
  if (builders.length > 0) return ok(builders);
  const host = reach.env["BUILDKIT_HOST"];
  if (host !== undefined && host !== "") return ok([addressTarget("BUILDKIT_HOST", host)]);
  const buildx = await currentBuilder(reach);
  return buildx === undefined ? await managed(options) : ok([buildxTarget(buildx)]);
}

async function currentBuilder(reach: Reach): Promise<string | undefined> {
  // Imported late, as docker is asked last.
  const { mayDockerBuild } = await import("./docker-presence.ts");
  if (!mayDockerBuild(reach)) return undefined;
  const { currentBuildxBuilder } = await import("./buildx.ts");
  return await currentBuildxBuilder(reach);
}

function chosenTarget(chosen: string, builders: readonly Builder[]): Target {
  const planned = builders.find(({ name }) => name === chosen);
  if (planned !== undefined) return planned;
  return isAddress(chosen) ? addressTarget(chosen, chosen) : buildxTarget(chosen);
}

/** Is this choice the address of a BuildKit? No builder of a plan has such a name. */
export function isAddress(chosen: string): boolean {
  return chosen.includes("://");
}

async function managed(options: ConnectOptions): Promise<Result<readonly Target[], ToolFailure>> {
  const address = await options.startManaged();
  return address.ok ? ok([addressTarget("managed", address.value)]) : address;
}

function addressTarget(name: string, address: string): Target {
  return { name, reach: { kind: "buildkit", address } };
}

function buildxTarget(builder: string): Target {
  return { name: builder, reach: { kind: "buildx", builder } };
}
