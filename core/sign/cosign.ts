import { runTool } from "../buildkit/tool.ts";
import type { SignSettings } from "../plan/plan.ts";

/** The environment of this program. */
export type SigningEnvironment = Readonly<Record<string, string | undefined>>;

/** One call of cosign. */
export interface CosignCall {
  readonly path: string;
  readonly argv: readonly string[];
  readonly env: SigningEnvironment;
  readonly signal: AbortSignal;
  /** Hears what it tells people, on whichever stream: the code to sign in with comes on stdout. */
  readonly onLine?: (line: string) => void;
}

/** How it ended. */
export interface CosignAnswer {
  readonly kind: "done" | "failed" | "cancelled";
  readonly stdout: string;
  /** The last lines that it told people. */
  readonly log: readonly string[];
}

const LOG_LINES = 20;
const LINE_CHARACTERS = 2_000;
/** Far more than it says of a hundred signatures. */
const STDOUT_CHARACTERS = 1024 * 1024;

/** Runs cosign once, and answers with what it said. */
export async function runCosign({ path, argv, env, signal, onLine }: CosignCall): Promise<CosignAnswer> {
  let stdout = "";
  let log: readonly string[] = [];
  const ended = await runTool({
    tool: path,
    argv,
    env,
    signal,
    onLine: (line, stream) => {
      if (isNews(line)) onLine?.(line);
      if (stream === "stdout") stdout = `${stdout}${line}\n`.slice(0, STDOUT_CHARACTERS);
      else if (isNews(line)) log = [...log, line.slice(0, LINE_CHARACTERS)].slice(-LOG_LINES);
    },
  });
  if (ended.kind === "cancelled") return { kind: "cancelled", stdout, log };
  if (ended.kind === "not-found") return { kind: "failed", stdout, log: [`${path} is not there any more`] };
  return { kind: ended.exitCode === 0 ? "done" : "failed", stdout, log };
}

/** cosign says each error twice. */
function isNews(line: string): boolean {
  return line.trim() !== "" && !line.startsWith("error during command execution: ");
}

/**
 * What cosign gets of the environment: all that its logins and key services may need, but of passwords and keys only those that
 * the plan names for this signature, and these only where it signs.
 */
export function cosignEnvironment(
  env: SigningEnvironment,
  { key, passwordEnv }: SignSettings,
  use: "private-key" | "public-key",
): SigningEnvironment {
  const { COSIGN_PASSWORD: _, ...rest } = env;
  const named = new Set([key.kind === "env" ? key.variable : "", passwordEnv ?? ""]);
  const others = Object.fromEntries(Object.entries(rest).filter(([name]) => !named.has(name)));
  if (use === "public-key") return others;
  return {
    ...others,
    ...(key.kind === "env" ? { [key.variable]: env[key.variable] } : {}),
    // Set, though empty: without it, cosign would ask for it.
    COSIGN_PASSWORD: passwordEnv === undefined ? "" : env[passwordEnv],
  };
}
