import { runTool } from "./tool.ts";
import type { ToolFailure } from "./buildkit.ts";
import { fail, ok, type Result } from "../result.ts";

/** Docker did not take an image; `detail` is its own word. */
export interface LoadFailed {
  readonly kind: "load-failed";
  readonly detail: string;
}

/** Gives an archive (`docker save`'s format) to the Docker image store that the docker CLI leads to. */
export async function loadImage(
  archive: string,
  env: Readonly<Record<string, string | undefined>>,
  signal: AbortSignal,
): Promise<Result<void, LoadFailed | ToolFailure>> {
  const lines: string[] = [];
  const ended = await runTool({
    tool: "docker",
    argv: ["load", "--quiet", "--input", archive],
    env,
    signal,
    onLine: (line) => void lines.push(line),
  });
  if (ended.kind === "cancelled") return fail({ kind: "connect-cancelled" });
  if (ended.kind === "not-found")
    return fail({
      kind: "tool-missing",
      tool: "docker",
      neededFor: "--load, which puts an image into Docker's store",
      install: "Install the docker CLI, or use --output type=oci,dest=PATH",
    });
  if (ended.exitCode === 0) return ok(undefined);
  return fail({ kind: "load-failed", detail: lines.slice(-5).join("\n") || `exit code ${ended.exitCode}` });
}
