import { randomBytes } from "node:crypto";
import { isAbsolute, join } from "node:path";
import type { Destination } from "../core/destination.ts";
import type { Plan } from "../core/plan/plan.ts";
import { defaultRecordPath, type RecordUnwritable, type ReleaseRecorder } from "../core/publish/record.ts";
import { ok, type Result } from "../core/result.ts";
import type { Shell } from "./shell.ts";

/**
 * Opens the record of a run that may move tags, before anything is built: a folder that cannot be written costs seconds then,
 * and not a build. Undefined where no tag can move.
 */
export async function openRecord(
  plan: Plan,
  { record: chosen, destination }: { readonly record?: string; readonly destination: Destination },
  shell: Shell,
): Promise<Result<ReleaseRecorder | undefined, RecordUnwritable>> {
  const isPublic = destination.kind === "registries";
  const mayMove =
    isPublic && plan.releases.some(({ tags, omitted }) => tags.length > 0 && omitted.length === 0);
  if (!mayMove) return ok(undefined);
  // Imported late: a plan that is wrong or has no tags needs none of it.
  const { openRecorder } = await import("../core/publish/record-file.ts");
  return await openRecorder({
    path: chosen === undefined ? pathFor(shell) : isAbsolute(chosen) ? chosen : join(shell.cwd, chosen),
    header: { tool: `buildx-plan/${shell.version}`, plan: plan.file.path, registries: plan.registries },
    now: shell.now,
  });
}

function pathFor(shell: Shell): string {
  return defaultRecordPath(shell, { nowMs: shell.now(), id: randomBytes(3).toString("hex") });
}
