import { mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { readTool } from "../buildkit/tool.ts";
import { findTool } from "../host/tools.ts";
import { fail, ok, type Result } from "../result.ts";
import type { ScanHost } from "./host.ts";
import type { ScanFailure, SourceName } from "./source.ts";

/** Scanners fetch databases of some hundred megabytes now and then. */
const TIMEOUT_MS = 15 * 60_000;
/** A report about a large image has some ten million bytes. */
const MAX_ANSWER_BYTES = 256 * 1024 * 1024;

/** What every scanner may know of the environment: how to find things, where to keep them, how to get out. */
const VARIABLES: ReadonlySet<string> = new Set([
  "PATH",
  "HOME",
  "USERPROFILE",
  "LOCALAPPDATA",
  "APPDATA",
  "SYSTEMROOT",
  "XDG_CACHE_HOME",
  "XDG_CONFIG_HOME",
  "XDG_DATA_HOME",
  "XDG_RUNTIME_DIR",
  "HTTP_PROXY",
  "HTTPS_PROXY",
  "NO_PROXY",
  "ALL_PROXY",
  "SSL_CERT_FILE",
  "SSL_CERT_DIR",
]);

/** A scanner that is run as a program. */
export interface Scanner {
  readonly name: SourceName;
  /** Program, as the PATH knows it. */
  readonly program: string;
  /** Begins of names of variables that are the scanner's own: `TRIVY_`. */
  readonly variables: readonly string[];
}

/** What a scanner said. */
export interface Ran {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Where the scanner's program is; undefined for nowhere. */
export function findScanner({ program }: Scanner, { env }: ScanHost): string | undefined {
  return findTool(program, env);
}

/** Runs a scanner without a shell, with an environment of its own, and answers what it printed. */
export async function runScanner(
  scanner: Scanner,
  argv: readonly string[],
  host: ScanHost,
  options: {
    readonly folder: string;
    readonly exitCodes: readonly number[];
    readonly signal: AbortSignal;
    readonly maxBytes?: number;
  },
): Promise<Result<Ran, ScanFailure>> {
  const { name: source } = scanner;
  const { signal, folder, exitCodes, maxBytes = MAX_ANSWER_BYTES } = options;
  const timeout = AbortSignal.timeout(TIMEOUT_MS);
  const { ended, stdout, stderr } = await readTool({
    tool: findScanner(scanner, host) ?? scanner.program,
    argv,
    env: environmentOf(scanner, host, folder),
    signal: AbortSignal.any([signal, timeout]),
    maxBytes,
  });
  if (signal.aborted) return fail({ source, problem: "cancelled", detail: "the scan was interrupted" });
  if (ended.kind === "cancelled")
    return fail({ source, problem: "timed-out", detail: `no answer in ${TIMEOUT_MS / 60_000} minutes` });
  if (ended.kind === "exited" && exitCodes.includes(ended.exitCode))
    return ok({ exitCode: ended.exitCode, stdout, stderr });
  if (Buffer.byteLength(stdout) >= maxBytes)
    return fail({ source, problem: "answer-invalid", detail: `more than ${maxBytes} bytes` });
  return fail({ source, problem: "source-failed", detail: lastLines(stderr, ended.exitCode) });
}

function environmentOf(
  { variables }: Scanner,
  { env }: ScanHost,
  folder: string,
): Readonly<Record<string, string>> {
  const kept = Object.entries(env).flatMap(([name, value]): [string, string][] => {
    const isWanted =
      VARIABLES.has(name.toUpperCase()) || variables.some((begin) => name.toUpperCase().startsWith(begin));
    return isWanted && value !== undefined ? [[name, value]] : [];
  });
  return { ...Object.fromEntries(kept), TMPDIR: folder, TMP: folder, TEMP: folder };
}

/** What a program said last: where it tells why it gave up. */
export function lastLines(stderr: string, exitCode: number): string {
  const lines = stderr.trim().slice(-4096).split("\n").slice(-5);
  const said = lines.map((line) => line.trim().slice(0, 400)).filter((line) => line !== "");
  return [`it ended with ${exitCode}`, ...said].join("; ");
}

/** Reads what a program printed as JSON. */
export function jsonOf(text: string, source: SourceName): Result<unknown, ScanFailure> {
  try {
    return ok(JSON.parse(text));
  } catch {
    return fail({ source, problem: "answer-invalid", detail: "it did not print JSON" });
  }
}

/** The answer of a scanner that is not what its documentation says. */
export function unexpected(source: SourceName, detail: string): Result<never, ScanFailure> {
  return fail({ source, problem: "answer-invalid", detail: `its JSON is not what it should be: ${detail}` });
}

/** A folder for the time of a task. */
export async function inFolder<T>({ temporary }: ScanHost, task: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(temporary, "buildx-plan-scan-"));
  try {
    return await task(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** A full disk or a folder that may not be written is nothing unexpected where images are copied. */
export async function guarded<T>(
  task: () => Promise<Result<T, ScanFailure>>,
): Promise<Result<T, ScanFailure>> {
  try {
    return await task();
  } catch (error) {
    if (!(error instanceof Error) || !("syscall" in error)) throw error;
    return fail({ problem: "unreadable", detail: error.message });
  }
}
