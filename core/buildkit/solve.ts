import { readFile, rm } from "node:fs/promises";
import { parseDigest } from "../oci/digest.ts";
import { fail, ok, type Result } from "../result.ts";
import { solveCommand, type DaemonAddress, type SolveFiles } from "./arguments.ts";
import type { BuildResult, HandedOver, Node, SolveFailure, SolveRequest } from "./buildkit.ts";
import type { Clock } from "./clock.ts";
import { decodeStatus } from "./decode.ts";
import { crashTold } from "./emulator-crash.ts";
import { solveFailure } from "./failure.ts";
import { resolveLayouts } from "./layouts.ts";
import { SolveWatch, type RunningStep } from "./solve-watch.ts";
import type { SolveStatus } from "./status.ts";
import { runTool } from "./tool.ts";
import { startWatchdog, type Bite } from "./watchdog.ts";

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
  readonly clock: Clock;
}

/** Runs `buildctl build` once, and reads its progress and its result. */
export async function runSolve(solve: Solve): Promise<Result<BuildResult, SolveFailure>> {
  const { request, buildctl, env } = solve;
  const build = await resolveLayouts(request.build);
  if (!build.ok) return build;
  const command = solveCommand({ ...request, build: build.value }, solve.daemon, solve.files);
  const watch = new SolveWatch();
  const dog = startWatchdog(request, solve.clock);
  // What is going on when time is up, before BuildKit ends it.
  let running: RunningStep | undefined;
  dog.signal.addEventListener("abort", () => {
    running = dog.bite() === "crashed" ? watch.suspect() : watch.running();
  });
  const ended = await runTool({
    tool: buildctl,
    argv: command.argv,
    env: { ...env, ...command.env },
    signal: AbortSignal.any([solve.signal, dog.signal]),
    onLine: (line) => {
      const status = decodeStatus(line);
      if (status === undefined) watch.message(line);
      else solve.onStatus(watch.status(status));
      if (status === undefined || watch.isNews(status))
        dog.heard(request.isEmulated === true && watch.suspect() !== undefined);
    },
  });
  dog.stop();
  if (ended.kind === "cancelled")
    return fail(solve.signal.aborted ? { kind: "solve-cancelled" } : timeUp(request, dog.bite(), running));
  if (ended.kind === "not-found") return fail(lost(request.node, `${buildctl} is not there any more`));
  if (ended.exitCode !== 0) return fail(solveFailure(watch.failed(request), ended));
  return await readResult(solve.files, request, watch);
}

/** Why the watchdog has ended it. */
function timeUp(
  { timeoutMs, stallMs }: SolveRequest,
  bite: Bite | undefined,
  running: RunningStep | undefined,
): SolveFailure {
  const step = running === undefined ? {} : { step: running.name };
  const log = running?.log ?? [];
  if (bite === "crashed" && running?.trail !== undefined)
    return {
      kind: "emulator-crashed",
      crash: { ...crashTold(running.trail.crash), isSilent: true },
      step: running.name,
      log,
    };
  if (bite === "stalled" && stallMs !== undefined) return { kind: "solve-stalled", stallMs, ...step, log };
  if (bite === "timed-out" && timeoutMs !== undefined) return { kind: "solve-timed-out", timeoutMs, ...step };
  return { kind: "solve-cancelled" };
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
