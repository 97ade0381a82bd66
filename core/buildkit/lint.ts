import { fail, ok, type Result } from "../result.ts";
import { lintCommand, type DaemonAddress } from "./arguments.ts";
import type { LintRequest, LintWarning, SolveFailure } from "./buildkit.ts";
import { decodeStatus } from "./decode.ts";
import { solveFailure } from "./failure.ts";
import { resolveLayouts } from "./layouts.ts";
import { parseLint } from "./lint-text.ts";
import { SolveWatch } from "./solve-watch.ts";
import { runTool } from "./tool.ts";

/** What is to be checked, and where. */
export interface Lint {
  readonly request: LintRequest;
  readonly daemon: DaemonAddress;
  /** Path of `buildctl`, and its environment. */
  readonly buildctl: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly signal: AbortSignal;
}

/** More is not read: each warning comes with some lines of the Dockerfile. */
const MAX_TEXT = 8 * 1024 * 1024;

/**
 * Asks BuildKit's frontend for its own checks. `buildctl` prints the frontend's text on standard output and gives its JSON to nobody
 * (cmd/buildctl/build.go of v0.33.1: `result.txt` is printed where there is one, the metadata file has no results of subrequests).
 * Where a base image cannot be looked up, the frontend answers with the warnings so far, and without an error.
 */
export async function runLint(lint: Lint): Promise<Result<readonly LintWarning[], SolveFailure>> {
  const { request, buildctl, env, signal } = lint;
  const build = await resolveLayouts(request.build);
  if (!build.ok) return build;
  const deadline = request.timeoutMs === undefined ? undefined : AbortSignal.timeout(request.timeoutMs);
  const watch = new SolveWatch();
  const text: string[] = [];
  let length = 0;
  const ended = await runTool({
    tool: buildctl,
    argv: lintCommand({ ...request, build: build.value }, lint.daemon),
    env,
    signal: deadline === undefined ? signal : AbortSignal.any([signal, deadline]),
    onLine: (line, stream) => {
      if (stream === "stdout") {
        length += line.length + 1;
        if (length <= MAX_TEXT) text.push(line);
        return;
      }
      const status = decodeStatus(line);
      if (status === undefined) watch.message(line);
      else watch.status(status);
    },
  });
  if (ended.kind === "cancelled")
    return fail(
      signal.aborted || request.timeoutMs === undefined
        ? { kind: "solve-cancelled" }
        : { kind: "solve-timed-out", timeoutMs: request.timeoutMs },
    );
  if (ended.kind === "not-found")
    return fail({ kind: "node-lost", node: request.node.name, detail: `${buildctl} is not there any more` });
  if (ended.exitCode !== 0) return fail(solveFailure(watch.failed(request), ended));
  return ok(parseLint(text));
}
