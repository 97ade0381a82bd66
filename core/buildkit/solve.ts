import { readFile, rm } from "node:fs/promises";
import { parseDigest } from "../oci/digest.ts";
import { fail, ok, type Result } from "../result.ts";
import { solveCommand, type DaemonAddress, type SolveFiles } from "./arguments.ts";
import type { BuildResult, HandedOver, Node, SolveFailure, SolveRequest } from "./buildkit.ts";
import { decodeStatus } from "./decode.ts";
import { solveFailure } from "./failure.ts";
import { resolveLayouts } from "./layouts.ts";
import { SolveWatch } from "./solve-watch.ts";
import type { SolveStatus } from "./status.ts";
import { runTool } from "./tool.ts";

/** One variant, where it is built, and who hears of it. */
export interface Solve {
  readonly request: SolveRequest;
  readonly daemon: DaemonAddress;
  /** Path of `buildctl`, and its environment. */
  readonly buildctl: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly files: SolveFiles;
  readonly onStatus: (status: SolveStatus) => void;
  readonly signal: AbortSignal;
}

/** Runs `buildctl build` once, and reads its progress and its result. */
export async function runSolve(solve: Solve): Promise<Result<BuildResult, SolveFailure>> {
  const { request, buildctl, env } = solve;
  const build = await resolveLayouts(request.build);
  if (!build.ok) return build;
  const command = solveCommand({ ...request, build: build.value }, solve.daemon, solve.files);
  const watch = new SolveWatch();
  const deadline = request.timeoutMs === undefined ? undefined : AbortSignal.timeout(request.timeoutMs);
  const ended = await runTool({
    tool: buildctl,
    argv: command.argv,
    env: { ...env, ...command.env },
    signal: deadline === undefined ? solve.signal : AbortSignal.any([solve.signal, deadline]),
    onLine: (line) => {
      const status = decodeStatus(line);
      if (status === undefined) watch.message(line);
      else solve.onStatus(watch.status(status));
    },
  });
  if (ended.kind === "cancelled") return fail(cancelled(solve, deadline, watch));
  if (ended.kind === "not-found") return fail(lost(request.node, `${buildctl} is not there any more`));
  if (ended.exitCode !== 0) return fail(solveFailure(watch.failed(request)));
  return await readResult(solve.files, request, watch);
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

function handedOver(path: string): HandedOver {
  return { path, remove: () => rm(path, { recursive: true, force: true }) };
}

/** The metadata file is buildctl's JSON answer: the descriptor of the image. */
async function readResult(
  files: SolveFiles,
  { image }: SolveRequest,
  watch: SolveWatch,
): Promise<Result<BuildResult, SolveFailure>> {
  if (image.kind === "none") return ok({});
  const file = image.kind === "push" ? {} : { file: handedOver(files.image) };
  try {
    const metadata: unknown = JSON.parse(await readFile(files.metadata, "utf8"));
    const digest = parseDigest(String(Object(metadata)["containerimage.digest"]));
    return digest === undefined
      ? fail({ kind: "result-missing", detail: "the metadata of the build holds no containerimage.digest" })
      : ok({ digest, exported: watch.exported(), ...file });
  } catch (error) {
    return fail({ kind: "result-missing", detail: error instanceof Error ? error.message : String(error) });
  }
}
