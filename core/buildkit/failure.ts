import { emulatorCrash, type CrashTrail } from "./emulator-crash.ts";
import type { Vertex } from "./status.ts";
import type { PushFailed, SolveFailure } from "./buildkit.ts";
import type { Ended } from "./tool.ts";

/** What is known of a solve that `buildctl` ended with an error. */
export interface FailedSolve {
  readonly node: string;
  /** Lines that were no progress: the source excerpt and the error. */
  readonly messages: readonly string[];
  /** The vertex that failed first, not one that was only cancelled by it. */
  readonly vertex?: Vertex;
  /** Last output lines of that vertex. */
  readonly log: readonly string[];
  /** The Dockerfile as the plan names it. */
  readonly dockerfile: string;
  /** The last crash that the vertex printed. */
  readonly trail?: CrashTrail;
  /** Absent where nobody asked for crashes. */
  readonly isEmulated?: boolean;
}

/** Names what made a solve fail, from BuildKit's own words: a step, a push, the daemon, or the request as a whole. */
export function solveFailure(failed: FailedSolve, ended: Pick<Ended, "exitCode" | "endedBy">): SolveFailure {
  const message =
    clientEnded(ended) ??
    errorText(failed.messages) ??
    `buildctl said nothing, and ended with ${ended.exitCode}`;
  const line = dockerfileLine(failed.messages);
  const place = line === undefined ? {} : { dockerfile: { path: failed.dockerfile, line } };
  if (failed.vertex?.error === undefined) {
    return connectionLost(message)
      ? { kind: "node-lost", node: failed.node, detail: message }
      : { kind: "solve-refused", message, ...place };
  }
  const { name: step, error } = failed.vertex;
  const registry = pushedTo(error);
  if (registry !== undefined) return { kind: "push-failed", registry, message: error };
  const exitCode = exitCodeOf(error);
  const { log, trail, isEmulated } = failed;
  const crash = isEmulated === undefined ? undefined : emulatorCrash({ error, exitCode, trail, isEmulated });
  const at = { step, log, ...(exitCode === undefined ? {} : { exitCode }), ...place };
  return crash === undefined
    ? { kind: "step-failed", message: error, ...at }
    : { kind: "emulator-crashed", crash, ...at };
}

/**
 * Has the registry got confused about a blob? Two platforms with the same layer push it at the same time, and some registries (distribution on
 * a file system) then lose one of the two uploads, and say that its content was wrong or that it is not there. BuildKit does not try again.
 */
export function isPushRace({ message }: PushFailed): boolean {
  return /provided digest did not match uploaded content|blob unknown to registry|blob upload (?:unknown|invalid)/.test(
    message,
  );
}

/** Did this vertex fail by itself? A vertex that was stopped because another failed says "context canceled". */
export function failedItself(vertex: Vertex): boolean {
  return vertex.error !== undefined && !/context canceled|^canceled\b/i.test(vertex.error);
}

function errorText(messages: readonly string[]): string | undefined {
  const last = messages.findLast((line) => line.startsWith("error: "));
  return (last ?? messages.at(-1))?.replace(/^error: (failed to solve: )?/, "");
}

/** Nothing that it has said before tells of its end. */
function clientEnded({ endedBy }: Pick<Ended, "endedBy">): string | undefined {
  if (endedBy === undefined) return undefined;
  const why = endedBy === "SIGKILL" ? "; the kernel does that where memory runs out" : "";
  return `buildctl was ended from outside by ${endedBy}${why}`;
}

/** BuildKit prints `Dockerfile:6`, a rule of dashes, then the source; the number is all that we need of it. */
function dockerfileLine(messages: readonly string[]): number | undefined {
  const rule = messages.findIndex((line) => /^-{8,}$/.test(line));
  const head = rule > 0 ? /:(\d+)$/.exec(messages[rule - 1] ?? "") : null;
  return head?.[1] === undefined ? undefined : Number(head[1]);
}

/** `failed to push localhost:5000/app: ...`: the exporter's own wording (exporter/containerimage/export.go). */
function pushedTo(error: string): string | undefined {
  return /^failed to push ([^/\s]+)\//.exec(error)?.[1];
}

function exitCodeOf(error: string): number | undefined {
  const code = /did not complete successfully: exit code: (\d+)/.exec(error)?.[1];
  return code === undefined ? undefined : Number(code);
}

/** gRPC's status `Unavailable`, and the ends of a connection that the client sees as plain text. */
function connectionLost(message: string): boolean {
  return /\bUnavailable\b|connection error|transport is closing|error reading from server|connection refused|broken pipe|\bEOF\b|no such file or directory.*dial|failed to dial/i.test(
    message,
  );
}
