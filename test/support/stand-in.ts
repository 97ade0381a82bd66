import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";

/** What a stand-in program does when it is called. */
export interface Script {
  readonly stdout?: string;
  readonly stderr?: string;
  readonly exitCode?: number;
  /** A signal that ends it, as if somebody else had sent it. */
  readonly endedBy?: NodeJS.Signals;
  /** Files that it writes, by the prefix of the argument that names them, `--metadata-file=` for instance. */
  readonly files?: Readonly<Record<string, string>>;
  /**
   * Never ends by itself; with `stubborn` it ignores what asks it to end, too, and starts a grandchild that holds its pipes; with `escaped` that
   * grandchild is the first process of a session of its own, so that nobody finds it.
   */
  readonly hang?: "willing" | "stubborn" | "escaped";
  /** Ends itself, but leaves a grandchild that holds its pipes. */
  readonly leavesBehind?: true;
  /** What it does instead where an argument has this in it. */
  readonly when?: Readonly<Record<string, Omit<Script, "when">>>;
}

/** A stand-in program of a test: where it is, and how it was called. */
export interface StandIn {
  readonly path: string;
  /** The arguments of every call so far. */
  readonly calls: () => readonly (readonly string[])[];
  /** Process ids of every call so far, and of the grandchildren. */
  readonly pids: () => readonly number[];
}

const PROGRAM = `
const fs = require("node:fs");
const { when = {}, ...usual } = JSON.parse(fs.readFileSync(__dirname + "/script.json", "utf8"));
const argv = process.argv.slice(2);
const script = Object.entries(when).find(([part]) => argv.some((each) => each.includes(part)))?.[1] ?? usual;
const note = (name, value) => fs.appendFileSync(__dirname + "/" + name, JSON.stringify(value) + "\\n");
note("calls", argv);
for (const [prefix, text] of Object.entries(script.files ?? {})) {
  const argument = argv.find((each) => each.startsWith(prefix));
  if (argument === undefined) { process.stderr.write("no argument " + prefix); process.exit(64); }
  fs.writeFileSync(argument.slice(prefix.length), text);
}
process.stdout.write(script.stdout ?? "");
process.stderr.write(script.stderr ?? "");
const isStubborn = script.hang === "stubborn" || script.hang === "escaped";
if (isStubborn) for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"]) process.on(signal, () => {});
if (isStubborn || script.leavesBehind) {
  const options = { stdio: "inherit", detached: script.hang === "escaped" };
  const child = require("node:child_process").spawn("sleep", ["600"], options);
  child.unref();
  note("pids", child.pid);
}
note("pids", process.pid);
if (script.hang) setInterval(() => {}, 1000);
else if (script.endedBy) process.kill(process.pid, script.endedBy);
else process.exitCode = script.exitCode ?? 0;
`;

/** Makes a program that behaves as scripted, for faults that the real one does not produce on demand. */
export function standIn(script: Script): StandIn {
  const directory = mkdtempSync(join(tmpdir(), "stand-in-"));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  const path = join(directory, "program");
  writeFileSync(join(directory, "script.json"), JSON.stringify(script));
  writeFileSync(path, `#!${process.execPath}\n${PROGRAM}`);
  chmodSync(path, 0o755);
  const lines = (name: string): unknown[] => readLines(join(directory, name));
  return {
    path,
    calls: () => lines("calls").map((call) => (Array.isArray(call) ? call.map(String) : [])),
    pids: () => lines("pids").map(Number),
  };
}

function readLines(path: string): unknown[] {
  try {
    return readFileSync(path, "utf8")
      .trim()
      .split("\n")
      .map((line): unknown => JSON.parse(line));
  } catch {
    return [];
  }
}

/** Is this process still there (and no zombie that only waits to be reaped)? */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return false;
  }
}
