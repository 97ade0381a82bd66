import { hostname } from "node:os";
import { formatPlatform, normalizePlatform, samePlatform, type Platform } from "../../platforms/platform.ts";
import type { Builder, BuilderReach } from "../plan/plan.ts";
import { fail, ok, type Result } from "../result.ts";
import { addressArguments, type DaemonAddress } from "./arguments.ts";
import { openBridge } from "./bridge.ts";
import type { Node, ToolFailure } from "./buildkit.ts";
import { findBuildxNodes } from "./buildx.ts";
import type { Connection } from "./client.ts";
import { readTool } from "./tool.ts";
import type { Reach } from "./reach.ts";
import { parseWorkers, type Worker } from "./workers.ts";

/** Solves at once on a node whose plan sets no `max-parallelism`: BuildKit queues what the machine cannot take anyway. */
const PARALLELISM = 6;
/** A daemon that has not said what it is by then counts as unreachable, in milliseconds. */
const DEADLINE_MS = 10_000;

/** The part of a plan's builder that says how to treat what is found behind it. */
export type BuilderSettings = Pick<Builder, "name" | "platforms" | "maxParallelism">;

/** Reaches one builder and asks each of its daemons what it is; nothing is left open where one of them fails. */
export async function connectBuilder(
  builder: BuilderSettings & { readonly reach: BuilderReach },
  reach: Reach,
): Promise<Result<Connection[], ToolFailure>> {
  return builder.reach.kind === "buildkit"
    ? await connectAddress(builder, daemonAddress(builder.reach), reach)
    : await connectBuildx(builder, builder.reach.builder, reach);
}

function daemonAddress(reach: Extract<BuilderReach, { kind: "buildkit" }>): DaemonAddress {
  return { address: reach.address, ...(reach.tls === undefined ? {} : { tls: reach.tls }) };
}

async function connectAddress(
  builder: BuilderSettings,
  daemon: DaemonAddress,
  reach: Reach,
): Promise<Result<Connection[], ToolFailure>> {
  const worker = await askWorker(builder.name, daemon, reach);
  if (!worker.ok) return worker;
  return ok([{ node: nodeOf(builder.name, builder, worker.value), daemon, close: async () => {} }]);
}

async function connectBuildx(
  builder: BuilderSettings,
  name: string,
  reach: Reach,
): Promise<Result<Connection[], ToolFailure>> {
  const found = await findBuildxNodes(name, reach);
  if (!found.ok) return found;
  const connections: Connection[] = [];
  for (const { name: nodeName, platform } of found.value) {
    const shown = found.value.length === 1 ? builder.name : `${builder.name}/${nodeName}`;
    const connection = await connectBridged({ builder, shown, name, platform, reach });
    if (!connection.ok) {
      await Promise.all(connections.map(({ close }) => close()));
      return connection;
    }
    connections.push(connection.value);
  }
  return ok(connections);
}

async function connectBridged(options: {
  readonly builder: BuilderSettings;
  readonly shown: string;
  readonly name: string;
  readonly platform: string | undefined;
  readonly reach: Reach;
}): Promise<Result<Connection, ToolFailure>> {
  const { builder, shown, name, platform, reach } = options;
  const bridge = await openBridge({
    buildx: reach.buildx,
    builder: name,
    env: reach.env,
    ...(platform === undefined ? {} : { platform }),
  });
  const daemon = { address: bridge.address };
  const worker = await askWorker(shown, daemon, reach);
  if (worker.ok && worker.value.exportsImages) {
    return ok({ node: nodeOf(shown, builder, worker.value), daemon, close: bridge.close });
  }
  await bridge.close();
  if (worker.ok) return fail(unsuitable(shown));
  return fail(
    worker.error.kind === "builder-unreachable"
      ? {
          ...worker.error,
          address: `docker buildx builder ${name}`,
          detail: bridge.lastError() ?? worker.error.detail,
        }
      : worker.error,
  );
}

/** The Docker Engine's older image store can neither push by digest nor export. */
function unsuitable(builder: string): ToolFailure {
  return {
    kind: "builder-unsuitable",
    builder,
    detail:
      "this Docker Engine keeps images in its older store, whose BuildKit can neither push by digest nor export an image",
    waysOut: [
      'turn the containerd image store on: {"features": {"containerd-snapshotter": true}} in /etc/docker/daemon.json, then restart Docker',
      "make a builder of its own: docker buildx create --use --driver docker-container",
    ],
  };
}

async function askWorker(
  builder: string,
  daemon: DaemonAddress,
  reach: Reach,
): Promise<Result<Worker, ToolFailure>> {
  const { ended, stdout, stderr } = await readTool({
    tool: reach.buildctl,
    argv: [...addressArguments(daemon), "debug", "workers", "--format", "{{json .}}"],
    env: reach.env,
    signal: AbortSignal.any([reach.signal, AbortSignal.timeout(DEADLINE_MS)]),
  });
  const unreachable = (detail: string): Result<never, ToolFailure> =>
    fail({ kind: "builder-unreachable", builder, address: daemon.address, detail });
  if (ended.kind === "not-found") return fail(buildctlMissing(reach.buildctl));
  if (ended.kind === "cancelled") {
    return unreachable(`it gave no answer within ${DEADLINE_MS / 1000} s`);
  }
  if (ended.exitCode !== 0)
    return unreachable(stderr.replace(/^error: (failed to list workers: )?/m, "").trim());
  const worker = parseWorkers(stdout);
  return worker === undefined ? unreachable("it answered, but not with a list of workers") : ok(worker);
}

function buildctlMissing(tool: string): ToolFailure {
  return { kind: "tool-missing", tool, neededFor: "talking to BuildKit", install: "buildx-plan setup" };
}

function nodeOf(name: string, builder: BuilderSettings, worker: Worker): Node {
  const declared = builder.platforms?.map(normalizePlatform);
  const reported = worker.platforms;
  return {
    name,
    builder: builder.name,
    native: declared ?? worker.native,
    platforms: declared === undefined ? reported : [...declared, ...without(reported, declared)],
    maxParallelism: builder.maxParallelism ?? PARALLELISM,
    local: worker.hostname === hostname(),
    ...(worker.buildkitVersion === undefined ? {} : { buildkitVersion: worker.buildkitVersion }),
  };
}

function without(platforms: readonly Platform[], taken: readonly Platform[]): Platform[] {
  return platforms.filter((platform) => !taken.some((other) => samePlatform(platform, other)));
}

/** Platforms of a node as people read them, native ones first. */
export function formatPlatforms(node: Node): string {
  return node.platforms.map(formatPlatform).join(", ");
}
