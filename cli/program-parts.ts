import { Option } from "commander";
/** Takes the exit code of a command that has ended. */
export type End = (exitCode: number) => void;

/** Gathers the values of an option that may be given several times. */
export function collect(value: string, before: readonly string[] = []): string[] {
  return [...before, value];
}

/** Where a plan is looked for. */
export const DEFAULT_PLAN = "buildx-plan.yaml";

/** How a run is shown. */
export function progressOption(): Option {
  return new Option("--progress <style>", "how progress is shown")
    .choices(["auto", "tty", "plain", "json", "quiet"])
    .default("auto");
}
