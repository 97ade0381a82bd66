import type { Command } from "commander";
import type { ExplainOptions } from "./commands/explain.ts";
import type { SetupOptions } from "./commands/setup.ts";
import type { End } from "./program-parts.ts";
import type { Shell } from "./shell.ts";

/* Commands that help to use the others. */

/** `setup`. */
export function addSetup(program: Command, shell: Shell, end: End): void {
  program
    .command("setup")
    .summary("install the managed BuildKit for this user")
    .description(
      "Install the pinned BuildKit for this user (from PATH, the release archive, or a Go toolchain). `build` starts it on demand.",
    )
    .option("--buildx", "install docker buildx too")
    .option("--stop", "stop the managed BuildKit")
    .option("--json", "print JSON")
    .action(async (options: SetupOptions) => {
      const { runSetup } = await import("./commands/setup.ts");
      end(await runSetup(options, shell));
    });
}

/** `explain`. */
export function addExplain(program: Command, shell: Shell, end: End): void {
  program
    .command("explain [rule]")
    .summary("tell what a finding means, and what to do")
    .description("Print the page of a rule that findings name; without one, list all rules.")
    .option("--json", "print JSON")
    .action(async (rule: string | undefined, options: ExplainOptions) => {
      const { runExplain } = await import("./commands/explain.ts");
      end(await runExplain(rule, options, shell));
    });
}

/** `schema`. */
export function addSchema(program: Command, shell: Shell): void {
  program
    .command("schema")
    .summary("print the JSON Schema of plan files")
    .description("Print the JSON Schema of plan files, for editors.")
    .action(async () => {
      const { planJsonSchema } = await import("../core/plan/schema.ts");
      shell.stdout.write(`${JSON.stringify(planJsonSchema(), null, 2)}\n`);
    });
}
