import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { CiKind, CiRun } from "../../core/ci/run.ts";
import type { Shell } from "../../cli/shell.ts";

/** A shell of a test, and what was written to it. */
export interface ShellOfTest {
  readonly shell: Shell;
  readonly stdout: () => string;
  readonly stderr: () => string;
  /** What CI is to obey. */
  readonly commands: () => string;
}

/** A shell in a run of CI, for a push; called in `cwd`, with nothing in its environment but `env`. */
export function shellIn(
  kind: CiKind,
  cwd: string,
  { run = {}, env = {} }: { readonly run?: Partial<CiRun>; readonly env?: Shell["env"] } = {},
): ShellOfTest {
  const written = { stdout: "", stderr: "", commands: "" };
  const terminal = { isTerminal: false, columns: () => 80, rows: () => 24, colour: false };
  const shell: Shell = {
    stdout: { ...terminal, stream: process.stdout, write: (text) => void (written.stdout += text) },
    stderr: { ...terminal, stream: process.stderr, write: (text) => void (written.stderr += text) },
    stdin: async () => "",
    env,
    cwd,
    home: cwd,
    signal: new AbortController().signal,
    now: () => 0,
    packageFile: (path) => readFile(join(cwd, path), "utf8"),
    version: "0.0.0",
    ci: {
      run: { kind, event: "push", ...run },
      command: (text) => void (written.commands += text),
      intoFile: false,
      annotated: new Map(),
    },
  };
  return {
    shell,
    stdout: () => written.stdout,
    stderr: () => written.stderr,
    commands: () => written.commands,
  };
}
