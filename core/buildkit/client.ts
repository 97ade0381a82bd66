import { join } from "node:path";
import type { Result } from "../result.ts";
import type { DaemonAddress } from "./arguments.ts";
import type { BuildKit, Node, SolveRefused } from "./buildkit.ts";
import { systemClock, type Clock } from "./clock.ts";
import { withDeadline } from "./reach.ts";
import { privateFolder, type PrivateFolder } from "./private-folder.ts";

/** A node, how `buildctl` reaches it, and what must be ended with the run (a bridge). */
export interface Connection {
  readonly node: Node;
  readonly daemon: DaemonAddress;
  readonly close: () => Promise<void>;
}

export interface ClientOptions {
  readonly connections: readonly Connection[];
  /** Path or name of `buildctl`. */
  readonly buildctl: string;
  /** What `buildctl` needs of the environment: HOME and DOCKER_CONFIG for credentials, SSH_AUTH_SOCK, proxies. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The real one unless a test has its own. */
  readonly clock?: Clock;
}

/** The BuildKit port over `buildctl`: one child process for each solve. */
export function openBuildKit(options: ClientOptions): BuildKit {
  // Made for the first build: whoever only wants to see the nodes needs none.
  let directory: Promise<Result<PrivateFolder, SolveRefused>> | undefined;
  const daemons = new Map(options.connections.map(({ node, daemon }) => [node.name, daemon]));
  let solves = 0;
  const daemonOf = ({ name }: Node): DaemonAddress => {
    const daemon = daemons.get(name);
    if (daemon === undefined) throw new Error(`Internal error: no connection to node ${name}`);
    return daemon;
  };
  return {
    nodes: options.connections.map(({ node }) => node),
    solve: async (request, onStatus, signal) => {
      const daemon = daemonOf(request.node);
      // Imported late, for the same reason.
      const { runSolve } = await import("./solve.ts");
      const folder = await (directory ??= privateFolder());
      if (!folder.ok) return folder;
      const base = join(folder.value.path, String((solves += 1)));
      const files = { metadata: `${base}.json`, image: `${base}.image` };
      const { buildctl, env, clock = systemClock } = options;
      return await runSolve({ request, daemon, buildctl, env, files, onStatus, signal, clock });
    },
    lint: async (request, signal) => {
      const daemon = daemonOf(request.node);
      const { runLint } = await import("./lint.ts");
      const { buildctl, env } = options;
      return await runLint({ request, daemon, buildctl, env, signal });
    },
    isAlive: async (node, signal) => {
      const daemon = daemonOf(node);
      const { buildctl, env } = options;
      const { askWorker } = await import("./node.ts");
      return (await askWorker(node.name, daemon, withDeadline({ buildctl, env, signal }))).ok;
    },
    close: async () => {
      await Promise.all(options.connections.map(({ close }) => close()));
      const folder = await directory;
      if (folder?.ok === true) await folder.value.remove();
    },
  };
}
