import { fstatSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { homedir } from "node:os";
import { text } from "node:stream/consumers";
import type { CiRun } from "../core/ci/run.ts";
import { detectCi } from "../core/ci/detect.ts";
import { runProgram } from "./program.ts";
import { harmlessFor } from "./render/ci-commands.ts";
import { wantsColour, type CiPort, type PackageFile, type Shell, type Terminal } from "./shell.ts";

/** The one place that touches the process: argv in, exit code out. `bin/buildx-plan.js` calls it, and a single executable, whose files lie elsewhere. */
export async function main(
  argv: readonly string[],
  version: string,
  packageFile: PackageFile = installedFile,
): Promise<void> {
  const interruption = listenForSignals();
  const ci = detectCi(process.env);
  const harmless = harmlessFor(ci.kind);
  const shell: Shell = {
    stdout: terminal(process.stdout, harmless),
    stderr: terminal(process.stderr, harmless),
    stdin: () => text(process.stdin),
    env: process.env,
    cwd: process.cwd(),
    home: homeFolder(),
    signal: interruption,
    now: Date.now,
    packageFile,
    version,
    ...(ci.kind === "none" ? {} : { ci: portTo(ci, process.stderr) }),
  };
  // A reader that has seen enough (`| head`) closes the pipe; that is no failure of ours.
  for (const stream of [process.stdout, process.stderr]) stream.on("error", ignoreClosedPipe);
  process.exitCode = await runProgram(argv, shell);
}

// The bundle's folder is one of those of the package.
async function installedFile(path: string): Promise<string> {
  return await readFile(new URL(`../${path}`, import.meta.url), "utf8");
}

// Without HOME, an account that is in no list (a container's `--user 12345`) makes `homedir` throw; Docker takes / for it.
function homeFolder(): string {
  try {
    return homedir();
  } catch {
    return "/";
  }
}

/** A signal to a whole group comes twice, from the sender and from the launcher: nobody presses Ctrl-C twice so fast. */
const SAME_SIGNAL_MS = 200;

/** The first signal asks everything to end in order; a second one ends the process at once. */
function listenForSignals(): AbortSignal {
  const controller = new AbortController();
  let firstMs = 0;
  const onSignal = (): void => {
    const nowMs = performance.now();
    if (!controller.signal.aborted) firstMs = nowMs;
    else if (nowMs - firstMs >= SAME_SIGNAL_MS) process.exit(130);
    controller.abort();
  };
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, onSignal);
  return controller.signal;
}

function portTo(run: CiRun, stream: typeof process.stderr): CiPort {
  return {
    run,
    command: (text) => void stream.write(text),
    intoFile: fstatSync(stream.fd).isFile(),
    annotated: new Map(),
  };
}

function terminal(stream: NodeJS.WriteStream, harmless: (text: string) => string): Terminal {
  return {
    stream,
    write: (chunk) => void stream.write(harmless(chunk)),
    isTerminal: stream.isTTY,
    columns: () => stream.columns || 80,
    rows: () => stream.rows || 24,
    colour: wantsColour(stream.isTTY, process.env),
  };
}

function ignoreClosedPipe(error: NodeJS.ErrnoException): void {
  if (error.code !== "EPIPE") throw error;
}
