import { onTestFinished } from "vitest";
import { mkdtemp, mkdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { loadPlan } from "../../core/plan/load.ts";
import type { LoadOptions, Plan, PlanFailure } from "../../core/plan/plan.ts";
import { position } from "../../core/plan/source.ts";
import type { Diagnostic } from "../../core/plan/source.ts";
import type { Result } from "../../core/result.ts";

/** A temporary folder with these files (text by path), removed after the test. */
export async function folderWith(files: Readonly<Record<string, string>>): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "buildx-plan-test-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), text);
  }
  return folder;
}

/** Loads a plan with nothing of the machine in it: no environment (so no git either), no options. */
export async function load(
  path: string,
  cwd: string,
  changes: Partial<LoadOptions> = {},
): Promise<Result<Plan, PlanFailure>> {
  const stdin = () => Promise.resolve("");
  return await loadPlan({
    path,
    cwd,
    stdin,
    env: { PATH: "" },
    set: [],
    images: [],
    only: [],
    run: {},
    now: 0,
    ...changes,
  });
}

/** Loads a plan's text from a folder that has a Dockerfile. */
export async function loadText(
  text: string,
  changes: Partial<LoadOptions> = {},
): Promise<Result<Plan, PlanFailure>> {
  const folder = await folderWith({ Dockerfile: "FROM scratch\n", "plan.yaml": text });
  return await load("plan.yaml", folder, changes);
}

/** The plan, or an exception that shows why there is none. */
export function planOf(result: Result<Plan, PlanFailure>): Plan {
  if (result.ok) return result.value;
  throw new Error(
    result.error.kind === "plan-invalid" ? renderAll(result.error.diagnostics) : JSON.stringify(result.error),
  );
}

/** All problems as text; none where the plan is valid. */
export function problemsOf(result: Result<Plan, PlanFailure>): string {
  if (result.ok) return renderAll(result.value.warnings);
  if (result.error.kind !== "plan-invalid") throw new Error(`Not a plan with problems: ${result.error.kind}`);
  return renderAll(result.error.diagnostics);
}

/** `line:column message | hint`, and below it the places that belong to it. */
export function renderAll(diagnostics: readonly Diagnostic[]): string {
  return diagnostics.map((diagnostic) => `${render(diagnostic)}\n`).join("");
}

function render({ severity, message, hint, location, related = [] }: Diagnostic): string {
  const warning = severity === "warning" ? "(warning) " : "";
  const lines = [`${placeOf(location)} ${warning}${message}${hint === undefined ? "" : ` | ${hint}`}`];
  return [...lines, ...related.map((other) => `    ${placeOf(other.location)} ${other.message}`)].join("\n");
}

function placeOf({ file, range }: Diagnostic["location"]): string {
  const { line, column } = position(file, range.start);
  return `${line}:${column}`;
}
