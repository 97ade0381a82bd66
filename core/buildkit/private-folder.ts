import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fail, ok, type Result } from "../result.ts";
import type { SolveRefused } from "./buildkit.ts";

/** A folder that only this user can look into, for files that are needed during a run. */
export interface PrivateFolder {
  readonly path: string;
  readonly remove: () => Promise<void>;
}

/** Makes one below TMPDIR; where that cannot be written to, no solve can be started. */
export async function privateFolder(): Promise<Result<PrivateFolder, SolveRefused>> {
  try {
    const path = await mkdtemp(join(tmpdir(), "buildx-plan-"));
    return ok({ path, remove: () => rm(path, { recursive: true, force: true }) });
  } catch (error) {
    const detail = error instanceof Error ? error.message : String(error);
    return fail({ kind: "solve-refused", message: `no temporary folder can be made (TMPDIR): ${detail}` });
  }
}
