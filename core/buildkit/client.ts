import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseDigest } from "../oci/digest.ts";
import { fail, ok, type Result } from "../result.ts";
import { solveCommand, type DaemonAddress } from "./arguments.ts";
import type { BuildKit, BuildResult, Node, SolveFailure, SolveRequest } from "./buildkit.ts";
import { decodeStatus } from "./decode.ts";
import { solveFailure } from "./failure.ts";
import { resolveLayouts } from "./layouts.ts";
import { SolveWatch } from "./solve-watch.ts";
import type { SolveStatus } from "./status.ts";
import { runTool } from "./tool.ts";

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
}

/** The BuildKit port over `buildctl`: one child process for each solve. */
export function openBuildKit(options: ClientOptions): BuildKit {
  // Made for the first build: whoever only wants to see the nodes needs none.
  let directory: Promise<string> | undefined;
  const daemons = new Map(options.connections.map(({ node, daemon }) => [node.name, daemon]));
  let solves = 0;
  return {
    nodes: options.connections.map(({ node }) => node),
    solve: async (request, onStatus, signal) => {
      const daemon = daemons.get(request.node.name);
      if (daemon === undefined) throw new Error(`Internal error: no connection to node ${request.node.name}`);
      directory ??= mkdtemp(join(tmpdir(), "buildx-plan-"));
      const metadataFile = join(await directory, `${(solves += 1)}.json`);
      return await solve({ request, daemon, metadataFile, options, onStatus, signal });
    },
    close: async () => {
      await Promise.all(options.connections.map(({ close }) => close()));
      if (directory !== undefined) await rm(await directory, { recursive: true, force: true });
    },
  };
}

interface Solve {
  readonly request: SolveRequest;
  readonly daemon: DaemonAddress;
  readonly metadataFile: string;
  readonly options: ClientOptions;
  readonly onStatus: (status: SolveStatus) => void;
  readonly signal: AbortSignal;
}

async function solve(solve: Solve): Promise<Result<BuildResult, SolveFailure>> {
  const { request, options } = solve;
  const build = await resolveLayouts(request.build);
  if (!build.ok) return build;
  const command = solveCommand({ ...request, build: build.value }, solve.daemon, solve.metadataFile);
  const watch = new SolveWatch();
  const deadline = request.timeoutMs === undefined ? undefined : AbortSignal.timeout(request.timeoutMs);
  const ended = await runTool({
    tool: options.buildctl,
    argv: command.argv,
    env: { ...options.env, ...command.env },
    signal: deadline === undefined ? solve.signal : AbortSignal.any([solve.signal, deadline]),
    onLine: (line) => {
      const status = decodeStatus(line);
      if (status === undefined) watch.message(line);
      else solve.onStatus(watch.status(status));
    },
  });
  if (ended.kind === "cancelled") return fail(cancelled(solve, deadline, watch));
  if (ended.kind === "not-found")
    return fail(lost(request.node, `${options.buildctl} is not there any more`));
  if (ended.exitCode !== 0) return fail(solveFailure(watch.failed(request)));
  return await readResult(solve.metadataFile, request);
}

function cancelled(solve: Solve, deadline: AbortSignal | undefined, watch: SolveWatch): SolveFailure {
  const timeoutMs = solve.request.timeoutMs;
  if (solve.signal.aborted || deadline?.aborted !== true || timeoutMs === undefined)
    return { kind: "solve-cancelled" };
  const step = watch.running();
  return { kind: "solve-timed-out", timeoutMs, ...(step === undefined ? {} : { step }) };
}

function lost(node: Node, detail: string): SolveFailure {
  return { kind: "node-lost", node: node.name, detail };
}

/** The metadata file is buildctl's JSON answer: the descriptor of what was pushed. */
async function readResult(
  metadataFile: string,
  request: SolveRequest,
): Promise<Result<BuildResult, SolveFailure>> {
  if (request.build.repositories.length === 0) return ok({});
  try {
    const metadata: unknown = JSON.parse(await readFile(metadataFile, "utf8"));
    const digest = parseDigest(String(Object(metadata)["containerimage.digest"]));
    return digest === undefined
      ? fail({ kind: "result-missing", detail: "the metadata of the build holds no containerimage.digest" })
      : ok({ digest });
  } catch (error) {
    return fail({ kind: "result-missing", detail: error instanceof Error ? error.message : String(error) });
  }
}
