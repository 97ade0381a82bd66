import { Option, type Command } from "commander";
import { REPORT_CODEQUALITY, REPORT_DOTENV } from "./program-reports.ts";
import type { BuildOptions } from "./commands/build.ts";
import type { CheckOptions } from "./commands/check.ts";
import type { DoctorOptions } from "./commands/doctor.ts";
import type { PlanOptions } from "./commands/plan.ts";
import type { TagsOptions } from "./commands/tags.ts";
import { collect, DEFAULT_PLAN, progressOption, type End } from "./program-parts.ts";
import type { Shell } from "./shell.ts";

/* Commands that read a plan. */

/** `build`. */
export function addBuild(program: Command, shell: Shell, end: End): void {
  planOptions(program.command("build").summary("build every variant, push, verify, stitch, move the tags"))
    .description(
      "Build every variant of the plan, push it by digest, read it back, stitch one image index, then move the tags.",
    )
    .addOption(progressOption())
    .option("-q, --quiet", "show failures only")
    .option("--allow-shrink", "let a tag lose platforms that it has now")
    .option("--allow-downgrade", "let a tag go back to an older revision")
    .option("--fail-fast", "cancel all other builds at the first failure")
    .option("--strict", "let no variant be missing, `required: false` or not")
    .option("--no-resume", "build everything, also what an earlier run or another machine has finished")
    .option(
      "--append",
      "with --only: release with the other platforms as they are staged, or as the tag has them",
    )
    .option("--no-check", "skip the preflight checks that `check` makes, too")
    .option("--record <file>", "where to record what tags named before and after, for `rollback`")
    .option(
      "-o, --output <attributes>",
      "write the result to disk instead of pushing it: `type=oci,dest=PATH[,tar=false]` (all platforms, one layout) or `type=local,dest=FOLDER` (files, a folder for each platform)",
    )
    .option(...REPORT_DOTENV)
    .option(...REPORT_CODEQUALITY)
    .option("--load", "load this machine's variant into Docker's image store instead of pushing")
    .addOption(
      new Option(
        "--check-reproducible",
        "build every variant twice without a cache and show the first difference; nothing is pushed",
      ).conflicts(["output", "load", "record"]),
    )
    .action(async (options: BuildOptions & { readonly checkReproducible?: boolean }) => {
      if (options.checkReproducible === true) {
        const { runReproduce } = await import("./commands/reproduce.ts");
        return end(await runReproduce(options, shell));
      }
      const { runBuild } = await import("./commands/build.ts");
      end(await runBuild(options, shell));
    });
}

/** `plan`. */
export function addPlan(program: Command, shell: Shell, end: End): void {
  planOptions(program.command("plan").summary("show what would be built, and where"))
    .description(
      "Show every variant of the plan, the node that would build it, and the tags that would move. Nothing is built.",
    )
    .action(async (options: PlanOptions) => {
      const { runPlan } = await import("./commands/plan.ts");
      end(await runPlan(options, shell));
    });
}

/** `tags`. */
export function addTags(program: Command, shell: Shell, end: End): void {
  program
    .command("tags")
    .summary("tell what tags, labels and annotations there will be, and why")
    .description(
      "Show what the plan's tags, labels and annotations are for what is checked out here: which rule gave each tag, from what, and why others gave none. Nothing is built, and no builder or registry is asked.",
    )
    .option("-f, --file <path>", "the plan file, - for standard input", "buildx-plan.yaml")
    .option("--set <name=value>", "set a variable of the plan (repeatable)", collect, [])
    .option("--image <name>", "only this image of the plan and what it needs (repeatable)", collect, [])
    .option("--json", "print JSON")
    .action(async (options: TagsOptions) => {
      const { runTags } = await import("./commands/tags.ts");
      end(await runTags(options, shell));
    });
}

/** `check`. */
export function addCheck(program: Command, shell: Shell, end: End): void {
  planOptions(program.command("check").summary("find what would go wrong, before anything is built"))
    .description(
      "Look at the Dockerfiles, base images, repositories, tags and emulators of the plan, and tell what would make a build fail or its result wrong. Nothing is built, and nothing is left in a registry. `explain RULE` tells what a finding means.",
    )
    .option("--sarif [file]", "write the findings as SARIF 2.1.0, to standard output or a file")
    .option("--strict", "end with 4 for warnings, too")
    .option(...REPORT_CODEQUALITY)
    .option("--no-push", "for a build that pushes nothing (--output): leave repositories and tags out")
    .option("--offline", "look at the Dockerfiles only: ask no registry and no builder")
    .action(async (options: CheckOptions) => {
      const { runCheck } = await import("./commands/check.ts");
      end(await runCheck(options, shell));
    });
}

/** `doctor`. */
export function addDoctor(program: Command, shell: Shell, end: End): void {
  planOptions(program.command("doctor").summary("check what a build needs, and say how to mend it"))
    .description(
      "Check Node, BuildKit, buildx, QEMU for each platform of the plan, registries and disk, and what the plan needs of the CI that runs this: leave to push, an identity to sign with, history, variables. Each problem comes with the command or the lines that mend it. Nothing is left in a registry.",
    )
    .action(async (options: DoctorOptions) => {
      const { runDoctor } = await import("./commands/doctor.ts");
      end(await runDoctor(options, shell));
    });
}

/** The options of every command that reads a plan. */
function planOptions(command: Command): Command {
  return command
    .option("-f, --file <path>", "the plan file, - for standard input", DEFAULT_PLAN)
    .option("--set <name=value>", "set a variable of the plan (repeatable)", collect, [])
    .option("--image <name>", "only this image of the plan and what it needs (repeatable)", collect, [])
    .option("--only <platform>", "only this platform (repeatable)", collect, [])
    .option(
      "--builder <name>",
      "a builder of the plan, `managed`, a BuildKit address or a docker buildx builder",
    )
    .option("--json", "print JSON");
}
