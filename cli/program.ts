import { Command, CommanderError } from "commander";
import { addExplain, addSchema, addSetup } from "./program-help.ts";
import {
  addCopy,
  addDiff,
  addGc,
  addInspect,
  addRollback,
  addScan,
  addStitch,
  addVerify,
} from "./program-images.ts";
import type { End } from "./program-parts.ts";
import { addBuild, addCheck, addDoctor, addPlan, addTags } from "./program-plan.ts";
import { addInit, addMatrix } from "./program-ci.ts";
import type { Shell } from "./shell.ts";

/**
 * Runs one command line and answers the exit code: 0 done, 1 a build failed, 2 plan or usage invalid, 3 publishing failed,
 * 4 verification failed, 5 a builder or tool is missing, 130 interrupted. Commands are imported when they are called.
 */
export async function runProgram(argv: readonly string[], shell: Shell): Promise<number> {
  let exitCode = 0;
  const program = commandLine(argv, shell, (code) => (exitCode = code));
  try {
    await program.parseAsync([...argv], { from: "user" });
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    const { describeBug } = await import("./describe-bug.ts");
    shell.stderr.write(describeBug(error, shell.version));
    return 1;
  }
  return exitCode;
}

function commandLine(argv: readonly string[], shell: Shell, end: End): Command {
  const program = new Command("buildx-plan")
    .description("Release container images for several architectures from one plan file.")
    .version(shell.version)
    .exitOverride()
    .showHelpAfterError("(run with --help for the options)")
    .configureOutput({ writeOut: shell.stdout.write, writeErr: shell.stderr.write })
    .configureHelp({ sortOptions: false, showGlobalOptions: false });
  const named = COMMANDS.get(argv[0] ?? "");
  // A line that begins with a command needs none of the others.
  for (const add of named === undefined ? COMMANDS.values() : [named]) add(program, shell, end);
  program.addHelpText("after", EXAMPLES);
  return program;
}

const EXAMPLES = `
Examples:
  buildx-plan init                                a first plan, from what is in this folder
  buildx-plan plan                                what would be built, and where
  buildx-plan check                               what would go wrong, in seconds
  buildx-plan build                               build, push, verify, stitch, then move the tags
  buildx-plan build --only linux/arm64 --set release=v1.2.3
  buildx-plan inspect registry.example/team/app:v1.2.3
  buildx-plan verify registry.example/team/app:v1.2.3 --platforms linux/amd64,linux/arm64
  buildx-plan scan registry.example/team/app:v1.2.3 --fail-on high --only-fixed

Exit codes: 0 done, 1 a build failed, 2 plan or usage invalid, 3 publishing failed,
            4 verification failed, 5 a builder or tool is missing, 130 interrupted
`;

const COMMANDS: ReadonlyMap<string, (program: Command, shell: Shell, end: End) => void> = new Map([
  ["init", addInit],
  ["build", addBuild],
  ["plan", addPlan],
  ["tags", addTags],
  ["check", addCheck],
  ["matrix", addMatrix],
  ["rollback", addRollback],
  ["inspect", addInspect],
  ["verify", addVerify],
  ["scan", addScan],
  ["diff", addDiff],
  ["copy", addCopy],
  ["stitch", addStitch],
  ["gc", addGc],
  ["doctor", addDoctor],
  ["setup", addSetup],
  ["explain", addExplain],
  ["schema", addSchema],
]);
