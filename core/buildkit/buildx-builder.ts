import { fail, ok, type Result } from "../result.ts";
import { openBridge, type Bridge, type BridgeOptions } from "./bridge.ts";
import type { ToolFailure } from "./buildkit.ts";
import { findBuildxNodes } from "./buildx.ts";
import type { Connection } from "./client.ts";
import { askWorker, nodeOf, type BuilderSettings } from "./node.ts";
import type { Reach } from "./reach.ts";

/** Reaches all nodes of a docker buildx builder, each through a bridge of its own. */
export async function connectBuildx(
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
  const node = platform === undefined ? {} : { platform };
  const opened = await tryBridge({ buildx: reach.buildx, builder: name, env: reach.env, ...node });
  if (!opened.ok)
    return fail({ kind: "builder-unreachable", builder: shown, address: name, detail: opened.error });
  const bridge = opened.value;
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

/** Where TMPDIR cannot be written to, there is no place for the socket. */
async function tryBridge(options: BridgeOptions): Promise<Result<Bridge, string>> {
  try {
    return ok(await openBridge(options));
  } catch (error) {
    return fail(`no socket can be made in TMPDIR: ${error instanceof Error ? error.message : String(error)}`);
  }
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
