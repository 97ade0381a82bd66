import { execa } from "execa";

/** How long a child may take to end by itself after it was asked to, in milliseconds. */
const END_MS = 4_000;

/** How a child process ended. */
export interface Ended {
  readonly kind: "exited" | "cancelled" | "not-found";
  readonly exitCode: number;
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
 * Runs a tool without a shell and hands over its output line by line. Cancelling ends it and all that it started;
 * whatever happens, it is gone when the promise settles.
 */
export async function runTool(run: ToolRun): Promise<Ended> {
  if (run.signal.aborted) return { kind: "cancelled", exitCode: -1 };
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
  const [stdout, stderr] = [child.iterable({ from: "stdout" }), child.iterable({ from: "stderr" })];
  await Promise.all([
    readLines(stdout, (line) => run.onLine(line, "stdout")),
    readLines(stderr, (line) => run.onLine(line, "stderr")),
  ]);
  const result = await child;
  if (result.isCanceled) return { kind: "cancelled", exitCode: -1 };
  if (result.code === "ENOENT") return { kind: "not-found", exitCode: -1 };
  return { kind: "exited", exitCode: result.exitCode ?? -1 };
}

/** A child that was killed breaks its streams; how it ended is the result's to say, not the stream's. */
async function readLines(lines: AsyncIterable<unknown>, onLine: (line: string) => void): Promise<void> {
  try {
    for await (const line of lines) onLine(String(line));
  } catch {
    // The awaited result carries the reason.
  }
}

/** Runs a tool for its output: JSON, not text for people. Output is cut at 8 MiB. */
export async function readTool(
  run: Omit<ToolRun, "onLine">,
): Promise<{ readonly ended: Ended; readonly stdout: string; readonly stderr: string }> {
  const lines = { stdout: new Array<string>(), stderr: new Array<string>() };
  let size = 0;
  const ended = await runTool({
    ...run,
    onLine: (line, stream) => {
      size += line.length;
      if (size <= 8 * 1024 * 1024) lines[stream].push(line);
    },
  });
  return { ended, stdout: lines.stdout.join("\n"), stderr: lines.stderr.join("\n") };
}
