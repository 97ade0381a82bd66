import type { BuilderReach } from "../plan/plan.ts";
import { fail, ok, type Result } from "../result.ts";
import type { DaemonAddress } from "./arguments.ts";
import type { ToolFailure } from "./buildkit.ts";
import type { Reached } from "./lost.ts";
import { askWorker, nodeOf, type BuilderSettings } from "./node.ts";
import type { Reach } from "./reach.ts";

/**
 * Reaches one builder and asks each of its daemons what it is. Of several nodes those that cannot be reached are lost; nothing is left open
 * where none can.
 */
export async function connectBuilder(
  builder: BuilderSettings & { readonly reach: BuilderReach },
  reach: Reach,
): Promise<Result<Reached, readonly ToolFailure[]>> {
  if (builder.reach.kind === "buildkit") {
    return await connectAddress(builder, daemonAddress(builder.reach), reach);
  }
  // Imported late: a plain BuildKit is reached without docker.
  const { connectBuildx } = await import("./buildx-builder.ts");
  return await connectBuildx(builder, builder.reach.builder, reach);
}

function daemonAddress(reach: Extract<BuilderReach, { kind: "buildkit" }>): DaemonAddress {
  return { address: reach.address, ...(reach.tls === undefined ? {} : { tls: reach.tls }) };
}

async function connectAddress(
  builder: BuilderSettings,
  daemon: DaemonAddress,
  reach: Reach,
): Promise<Result<Reached, readonly ToolFailure[]>> {
  const worker = await askWorker(builder.name, daemon, reach);
  if (!worker.ok) return fail([worker.error]);
  const node = nodeOf(builder.name, builder, worker.value);
  return ok({ connections: [{ node, daemon, close: async () => {} }], lost: [] });
}
