import type { CiRun } from "../core/ci/run.ts";

/** Reads a text file that comes with the program, by its path in the npm package: `docs/rules/<rule>.md`. Rejects where there is none. */
export type PackageFile = (path: string) => Promise<string>;

/** The process as commands see it: everything that comes from outside, so that main.ts alone touches `process`. */
export interface Shell {
  /** The answer of a command; nothing else goes there. */
  readonly stdout: Terminal;
  /** Progress, tables beside an answer, failures. */
  readonly stderr: Terminal;
  readonly stdin: () => Promise<string>;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  readonly home: string;
  /** Aborts on SIGINT and SIGTERM. */
  readonly signal: AbortSignal;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  readonly packageFile: PackageFile;
  readonly version: string;
  /** Absent where no CI runs it. */
  readonly ci?: CiPort;
}

/** The CI that runs the process. */
export interface CiPort {
  readonly run: CiRun;
  /** Writes to stderr what CI is to obey; all that is written otherwise has lost that meaning. */
  readonly command: (text: string) => void;
  /** Does stderr go to a file, where CI reads nothing? */
  readonly intoFile: boolean;
  /** Severities of the annotations that were made, by what they say: CI shows few, and the same one once. */
  readonly annotated: Map<string, "error" | "warning">;
}

/** An output stream, and what is known of the screen behind it. */
export interface Terminal {
  readonly stream: NodeJS.WriteStream;
  readonly write: (text: string) => void;
  readonly isTerminal: boolean;
  readonly columns: () => number;
  readonly rows: () => number;
  readonly colour: boolean;
}

/**
 * Should this stream be coloured? NO_COLOR (https://no-color.org) and TERM=dumb say no, FORCE_COLOR says yes,
 * otherwise a terminal is.
 */
export function wantsColour(isTerminal: boolean, env: Shell["env"]): boolean {
  if ((env["NO_COLOR"] ?? "") !== "") return false;
  if ((env["FORCE_COLOR"] ?? "") !== "" && env["FORCE_COLOR"] !== "0") return true;
  return isTerminal && env["TERM"] !== "dumb";
}
