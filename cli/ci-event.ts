import { readFile } from "node:fs/promises";
import { detectCi } from "../core/ci/detect.ts";
import type { CiRun } from "../core/ci/run.ts";
import type { Shell } from "./shell.ts";

/** The run of a CI with what its event says besides: only that tells of forks on GitHub and Forgejo. Undefined outside of CI. */
export async function readCiRun({ ci, env }: Shell): Promise<CiRun | undefined> {
  if (ci === undefined) return undefined;
  const { run } = ci;
  const path = env["GITHUB_EVENT_PATH"];
  const isTold = run.event !== "pull-request" || run.pullRequest?.isFork !== undefined;
  if (isTold || path === undefined) return run;
  try {
    const told = detectCi(env, JSON.parse(await readFile(path, "utf8")));
    return told.kind === "none" ? run : told;
  } catch {
    return run;
  }
}
