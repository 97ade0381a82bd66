import { fail, ok, type Result } from "../result.ts";
import { openBridge } from "./bridge.ts";
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
