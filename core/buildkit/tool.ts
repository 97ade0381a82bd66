import { execFile } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";

/** How long a child may take to end by itself after it was asked to, in milliseconds. */
const END_MS = 4_000;
/** How long its output is still read when it is gone: somebody whom it has started may hold the pipes, and for good. */
const PIPES_MS = 1_000;

/** How a child process ended. */
export interface Ended {
  readonly kind: "exited" | "cancelled" | "not-found";
  /** -1 where it has none. */
  readonly exitCode: number;
  /** The signal that ended it, where somebody else has sent one: `SIGKILL` of a kernel that is short of memory. */
  readonly endedBy?: string;
}

/** What to run, and who hears its lines. */
export interface ToolRun {
  readonly tool: string;
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly signal: AbortSignal;
  readonly onLine: (line: string, stream: "stdout" | "stderr") => void;
}

/**
 * Runs a tool without a shell and hands over its output line by line. Cancelling ends it and all that it started, by force where it does
 * not listen; whatever happens, it is gone when the promise settles, within seconds.
 */
export async function runTool(run: ToolRun): Promise<Ended> {
  if (run.signal.aborted) return { kind: "cancelled", exitCode: -1 };
  // Imported late: commands that only ask tools a question start faster without it.
  const { execa } = await import("execa");
  const child = execa(run.tool, [...run.argv], {
    env: run.env,
    extendEnv: false,
    stdin: "ignore",
    buffer: false,
    reject: false,
    cancelSignal: run.signal,
    forceKillAfterDelay: END_MS,
    killDescendants: true,
    windowsHide: true,
  });
  child.nodeChildProcess.once("exit", () => void letGo([child.stdout, child.stderr]));
  const [, , result] = await Promise.all([
    readLines(child.stdout, (line) => run.onLine(line, "stdout")),
    readLines(child.stderr, (line) => run.onLine(line, "stderr")),
    child,
  ]);
  if (result.isCanceled) {
    // It may have listened to SIGTERM where its children do not.
    child.kill("SIGKILL");
    return { kind: "cancelled", exitCode: -1 };
  }
  if (result.code === "ENOENT") return { kind: "not-found", exitCode: -1 };
  const { exitCode = -1, signal } = result;
  return { kind: "exited", exitCode, ...(signal === undefined ? {} : { endedBy: signal }) };
}

/** In two parts: where this process was stopped meanwhile, what is in the pipes is read between them. */
async function letGo(pipes: readonly Readable[]): Promise<void> {
  await sleep(PIPES_MS / 2, undefined, { ref: false });
  await sleep(PIPES_MS / 2, undefined, { ref: false });
  for (const pipe of pipes) pipe.destroy();
}

/** Until the stream ends, however it ends: how the child did is the result's to say. */
async function readLines(stream: Readable, onLine: (line: string) => void): Promise<void> {
  const lines = createInterface({ input: stream, crlfDelay: Number.POSITIVE_INFINITY });
  lines.on("line", onLine);
  stream.on("error", () => lines.close());
  stream.once("close", () => lines.close());
  await once(lines, "close");
}

/** What a tool said, and how it ended. */
export interface Answer {
  readonly ended: Ended;
  readonly stdout: string;
  readonly stderr: string;
}

const ANSWER_BYTES = 8 * 1024 * 1024;

/** Asks a tool a question: short-lived, without a shell, its output whole (8 MiB at most, unless `maxBytes` says otherwise). */
export function readTool(
  run: Omit<ToolRun, "onLine"> & { readonly maxBytes?: number; readonly cwd?: string },
): Promise<Answer> {
  const { cwd, signal, maxBytes: maxBuffer = ANSWER_BYTES } = run;
  const options = { env: { ...run.env }, cwd, signal, maxBuffer, windowsHide: true } as const;
  return new Promise((resolve) => {
    const child = execFile(run.tool, [...run.argv], options, (error, stdout, stderr) => {
      const ended = howItEnded(error);
      // Node has only asked with SIGTERM, which buildctl puts off while it dials: our process would wait for it.
      if (ended.kind === "cancelled") child.kill("SIGKILL");
      resolve({ ended, stdout, stderr });
    });
    child.stdin?.end();
  });
}

function howItEnded(error: { readonly code?: unknown; readonly name: string } | null): Ended {
  if (error === null) return { kind: "exited", exitCode: 0 };
  if (error.name === "AbortError") return { kind: "cancelled", exitCode: -1 };
  if (error.code === "ENOENT") return { kind: "not-found", exitCode: -1 };
  return { kind: "exited", exitCode: typeof error.code === "number" ? error.code : -1 };
}
