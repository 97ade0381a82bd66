import { Option, type Command } from "commander";
import type { InitOptions } from "./commands/init.ts";
import type { MatrixOptions } from "./commands/matrix.ts";
import { collect, type End } from "./program-parts.ts";
import type { Shell } from "./shell.ts";

/* Commands that make plans and pipelines. */

/** `init`. */
export function addInit(program: Command, shell: Shell, end: End): void {
  program
    .command("init")
    .summary("write a first plan, or a pipeline for the plan that is there")
    .description(
      "Write a plan from what the folder has: a bake file (`docker buildx bake --print` is asked), a GitHub workflow that builds images, a Compose file, or Dockerfiles. With --ci, write a pipeline for the plan that is there. What was found and what became of it is told. A file that is there is not overwritten.",
    )
    .option("-f, --file <path>", "the plan file", "buildx-plan.yaml")
    .addOption(
      new Option("--from <source>", "make the plan of this source only").choices([
        "bake",
        "workflow",
        "compose",
        "dockerfile",
      ]),
    )
    .addOption(
      new Option("--ci <name>", "write a pipeline for the plan that is there").choices(["github", "gitlab"]),
    )
    .option("--fan-out", "with --ci: a job for each platform, on its own runner, and one that joins them")
    .option("--dry-run", "write nothing, print what would be written")
    .option("--force", "overwrite a file that is there")
    .option("--json", "print JSON")
    .action(async (options: InitOptions) => {
      const { runInit } = await import("./commands/init.ts");
      end(await runInit(options, shell));
    });
}

/** `matrix`. */
export function addMatrix(program: Command, shell: Shell, end: End): void {
  program
    .command("matrix")
    .summary("print what a pipeline needs to build each platform on its own runner")
    .description(
      "Print one job for each platform of the plan, or for each variant: its runner (`runners` of the plan), its images, and whether it may have to be emulated. github: JSON for `strategy.matrix`; gitlab: a child pipeline; buildkite: steps; azure: JSON for `strategy.matrix`. Each job runs `build --only PLATFORM`, the last one `stitch`. Neither a builder nor a registry is asked.",
    )
    .addOption(
      new Option("--format <name>", "what is printed")
        .choices(["json", "github", "gitlab", "buildkite", "azure"])
        .default("json"),
    )
    .addOption(
      new Option("--each <what>", "what has a job of its own")
        .choices(["platform", "variant"])
        .default("platform"),
    )
    .option("-f, --file <path>", "the plan file, - for standard input", "buildx-plan.yaml")
    .option("--set <name=value>", "set a variable of the plan (repeatable)", collect, [])
    .option("--image <name>", "only this image of the plan and what it needs (repeatable)", collect, [])
    .action(async (options: MatrixOptions) => {
      const { runMatrix } = await import("./commands/matrix.ts");
      end(await runMatrix(options, shell));
    });
}
