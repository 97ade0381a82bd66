import { spawn } from "node:child_process";
import { cp, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { inject, onTestFinished } from "vitest";

/** The checkout. */
export const ROOT = fileURLToPath(new URL("../..", import.meta.url));
/** The launcher. */
export const BIN = join(ROOT, "bin/buildx-plan.js");

/** How a run of the program ended. */
export interface Ran {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A run under way. */
export interface Running {
  readonly pid: number;
  readonly stderr: () => string;
  readonly kill: (signal: NodeJS.Signals) => void;
  readonly ended: Promise<Ran>;
}

/** The environment of a run, besides that of the tests; undefined takes a variable away. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** A project folder of a test, and the real program run in it. */
export interface Rig {
  readonly directory: string;
  /** Folder beside it, for what the program keeps; removed too. */
  readonly state: string;
  readonly write: (files: Readonly<Record<string, string>>) => Promise<void>;
  readonly start: (argv: readonly string[], env?: Environment, stdin?: string) => Running;
  readonly run: (argv: readonly string[], env?: Environment, stdin?: string) => Promise<Ran>;
  /** `build` on the test run's BuildKit. */
  readonly build: (...argv: string[]) => Promise<Ran>;
}

/** Makes an empty project with these files; `busybox/` holds the demo's base files. Removed when the test ends. */
export async function openRig(files: Readonly<Record<string, string>> = {}): Promise<Rig> {
  const directory = await mkdtemp(join(tmpdir(), "rig-"));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  const write = async (more: Readonly<Record<string, string>>): Promise<void> => {
    for (const [path, text] of Object.entries(more)) {
      await mkdir(dirname(join(directory, path)), { recursive: true });
      await writeFile(join(directory, path), text);
    }
  };
  await write(files);
  // Records of releases belong to the test, not to whoever runs it.
  const state = `${directory}.state`;
  onTestFinished(() => rm(state, { recursive: true, force: true }));
  const start: Rig["start"] = (argv, env = {}, stdin = "") =>
    startProgram(argv, { cwd: directory, env: { XDG_STATE_HOME: state, ...env }, stdin });
  return {
    directory,
    state,
    write,
    start,
    run: (argv, env, stdin) => start(argv, env, stdin).ended,
    build: (...argv) => start(["build", "--builder", inject("buildkit").address, ...argv]).ended,
  };
}

interface Start {
  readonly cwd: string;
  readonly env: Environment;
  readonly stdin: string;
}

function startProgram(argv: readonly string[], { cwd, env, stdin }: Start): Running {
  const child = spawn(process.execPath, [BIN, ...argv], {
    cwd,
    env: { ...process.env, NO_COLOR: "1", ...env },
  });
  // A program that reads no standard input may be gone before all is written.
  child.stdin.on("error", () => undefined);
  child.stdin.end(stdin);
  const output = { stdout: "", stderr: "" };
  child.stdout.on("data", (chunk: Buffer) => (output.stdout += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (output.stderr += chunk.toString()));
  const ended = new Promise<Ran>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => resolve({ exitCode: code ?? -1, ...output }));
  });
  return {
    pid: child.pid ?? -1,
    stderr: () => output.stderr,
    kill: (signal) => void child.kill(signal),
    ended,
  };
}

/** Copies the demo's base files into a project, as `./busybox`: the plan may not leave its folder. */
export async function addBusybox(rig: Rig): Promise<void> {
  await cp(join(ROOT, ".demo/busybox"), join(rig.directory, "busybox"), { recursive: true });
}
