import type { Failure } from "../core/failure.ts";
import type { RegistrySettings } from "../core/plan/plan.ts";
import { ok, type Result } from "../core/result.ts";
import type { Shell } from "./shell.ts";

/** What a plan says of registries, for commands that need nothing else of it; nothing where none is named. */
export async function registriesOf(
  file: string | undefined,
  shell: Shell,
): Promise<Result<readonly RegistrySettings[], readonly Failure[]>> {
  if (file === undefined) return ok([]);
  // Imported late: most are called without a plan.
  const { readPlan } = await import("./session.ts");
  const plan = await readPlan({ file, set: [], image: [], only: [] }, shell);
  return plan.ok ? ok(plan.value.registries) : plan;
}
