import { fail, ok, type Result } from "../result.ts";
import { openBridge, type Bridge, type BridgeOptions } from "./bridge.ts";
import type { ToolFailure } from "./buildkit.ts";
import { findBuildxNodes, type BuildxNode } from "./buildx.ts";
import { storedFile } from "./buildx-store.ts";
import type { Connection } from "./client.ts";
import { dropLost, type Attempt, type Reached } from "./lost.ts";
import { askWorker, nodeOf, type BuilderSettings } from "./node.ts";
import type { Reach } from "./reach.ts";

/** Reaches all nodes of a docker buildx builder at once, each through a bridge of its own; those that do not answer are lost. */
export async function connectBuildx(
  builder: BuilderSettings,
  name: string,
  reach: Reach,
): Promise<Result<Reached, readonly ToolFailure[]>> {
  const found = await findBuildxNodes(name, reach);
  if (!found.ok) return fail([found.error]);
  const isSeveral = found.value.length > 1;
  const bridged = found.value.map(async (node): Promise<Attempt> => {
    const settings = settingsOf(builder, node, isSeveral);
    const shown = isSeveral ? `${builder.name}/${node.name}` : builder.name;
    const connection = await connectBridged({ settings, shown, name, node, reach });
    return {
      builder: builder.name,
      result: connection.ok ? ok({ connections: [connection.value], lost: [] }) : fail([connection.error]),
    };
  });
  return await dropLost(await Promise.all(bridged));
}

/** What is said of one node goes before what is said of all of them, and that before what its daemon reports. */
function settingsOf(builder: BuilderSettings, node: BuildxNode, isSeveral: boolean): BuilderSettings {
  const platforms = isSeveral ? (node.declared ?? builder.platforms) : (builder.platforms ?? node.declared);
  return platforms === undefined ? builder : { ...builder, platforms };
}

async function connectBridged(options: {
  readonly settings: BuilderSettings;
  readonly shown: string;
  readonly name: string;
  readonly node: BuildxNode;
  readonly reach: Reach;
}): Promise<Result<Connection, ToolFailure>> {
  const { settings, shown, name, node, reach } = options;
  const opened = await tryBridge({
    buildx: reach.buildx,
    builder: name,
    env: reach.env,
    ...(node.platform === undefined ? {} : { platform: node.platform }),
    ...(node.alone === undefined ? {} : { store: { path: storedFile(name), text: node.alone } }),
  });
  if (!opened.ok)
    return fail({ kind: "builder-unreachable", builder: shown, address: name, detail: opened.error });
  const bridge = opened.value;
  const daemon = { address: bridge.address };
  const worker = await askWorker(shown, daemon, reach);
  if (worker.ok && worker.value.exportsImages) {
    return ok({ node: nodeOf(shown, settings, worker.value), daemon, close: bridge.close });
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
      "make a builder of its own: docker buildx create --use --driver docker-container, or docker/setup-buildx-action in a workflow of GitHub",
    ],
  };
}
