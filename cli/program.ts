import { Command, CommanderError, Option } from "commander";
import type { BuildOptions } from "./commands/build.ts";
import type { CheckOptions } from "./commands/check.ts";
import type { CopyOptions } from "./commands/copy.ts";
import type { DiffOptions } from "./commands/diff.ts";
import type { DoctorOptions } from "./commands/doctor.ts";
import type { ExplainOptions } from "./commands/explain.ts";
import type { GcOptions } from "./commands/gc.ts";
import type { InspectOptions } from "./commands/inspect.ts";
import type { PlanOptions } from "./commands/plan.ts";
import type { RollbackOptions } from "./commands/rollback.ts";
import type { SetupOptions } from "./commands/setup.ts";
import type { ScanOptions } from "./commands/scan.ts";
import type { StitchOptions } from "./commands/stitch.ts";
import type { VerifyOptions } from "./commands/verify.ts";
import { SOURCE_NAMES } from "../core/scan/source.ts";
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
  buildx-plan plan                                what would be built, and where
  buildx-plan check                               what would go wrong, in seconds
  buildx-plan build                               build, push, verify, stitch, then move the tags
  buildx-plan build --only linux/arm64 --set release=v1.2.3
  buildx-plan inspect registry.example/team/app:v1.2.3
  buildx-plan verify registry.example/team/app:v1.2.3 --platforms linux/amd64,linux/arm64

Exit codes: 0 done, 1 a build failed, 2 plan or usage invalid, 3 publishing failed,
            4 verification failed, 5 a builder or tool is missing, 130 interrupted
`;

type End = (exitCode: number) => void;

const COMMANDS: ReadonlyMap<string, (program: Command, shell: Shell, end: End) => void> = new Map([
  ["build", addBuild],
  ["plan", addPlan],
  ["check", addCheck],
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

function addBuild(program: Command, shell: Shell, end: End): void {
  planOptions(program.command("build").summary("build every variant, push, verify, stitch, move the tags"))
    .description(
      "Build every variant of the plan, push it by digest, read it back, stitch one image index, then move the tags.",
    )
    .addOption(
      new Option("--progress <style>", "how progress is shown")
        .choices(["auto", "tty", "plain", "json", "quiet"])
        .default("auto"),
    )
    .option("-q, --quiet", "show failures only")
    .option("--allow-shrink", "let a tag lose platforms that it has now")
    .option("--allow-downgrade", "let a tag go back to an older revision")
    .option("--no-check", "skip the preflight checks that `check` makes, too")
    .option("--record <file>", "where to record what tags named before and after, for `rollback`")
    .option(
      "-o, --output <attributes>",
      "write the result to disk instead of pushing it: `type=oci,dest=PATH[,tar=false]` (all platforms, one layout) or `type=local,dest=FOLDER` (files, a folder for each platform)",
    )
    .option("--load", "load this machine's variant into Docker's image store instead of pushing")
    .action(async (options: BuildOptions) => {
      const { runBuild } = await import("./commands/build.ts");
      end(await runBuild(options, shell));
    });
}

function addPlan(program: Command, shell: Shell, end: End): void {
  planOptions(program.command("plan").summary("show what would be built, and where"))
    .description(
      "Show every variant of the plan, the node that would build it, and the tags that would move. Nothing is built.",
    )
    .action(async (options: PlanOptions) => {
      const { runPlan } = await import("./commands/plan.ts");
      end(await runPlan(options, shell));
    });
}

function addCheck(program: Command, shell: Shell, end: End): void {
  planOptions(program.command("check").summary("find what would go wrong, before anything is built"))
    .description(
      "Look at the Dockerfiles, base images, repositories, tags and emulators of the plan, and tell what would make a build fail or its result wrong. Nothing is built, and nothing is left in a registry. `explain RULE` tells what a finding means.",
    )
    .option("--sarif [file]", "write the findings as SARIF 2.1.0, to standard output or a file")
    .option("--strict", "end with 4 for warnings, too")
    .option("--offline", "look at the Dockerfiles only: ask no registry and no builder")
    .action(async (options: CheckOptions) => {
      const { runCheck } = await import("./commands/check.ts");
      end(await runCheck(options, shell));
    });
}

function addRollback(program: Command, shell: Shell, end: End): void {
  program
    .command("rollback <record>")
    .summary("put the tags of a release back")
    .description(
      "Put the tags of a release back to what they named before it, last tag first. `build` names the record of each release at its end. A tag that somebody has moved since is left alone.",
    )
    .option("--force", "put tags back that somebody has moved since, too")
    .option("--json", "print JSON")
    .action(async (record: string, options: RollbackOptions) => {
      const { runRollback } = await import("./commands/rollback.ts");
      end(await runRollback(record, options, shell));
    });
}

/** Of commands that need nothing else of a plan. */
const REGISTRIES_FROM = [
  "-f, --file <path>",
  "a plan whose `registries` say how registries are reached",
] as const;

function addInspect(program: Command, shell: Shell, end: End): void {
  program
    .command("inspect <reference>")
    .summary("show what a tag holds")
    .description(
      "Show what a tag or digest holds: the index, each platform's manifest, size and layers, and the attestations. oci-layout://PATH[:TAG] is a layout.",
    )
    .option("--platforms", "only platforms and their digests, from the index alone")
    .option(...REGISTRIES_FROM)
    .option("--json", "print JSON")
    .action(async (reference: string, options: InspectOptions) => {
      const { runInspect } = await import("./commands/inspect.ts");
      end(await runInspect(reference, options, shell));
    });
}

function addVerify(program: Command, shell: Shell, end: End): void {
  program
    .command("verify <reference...>")
    .summary("check that an image is what its label says")
    .description(
      "Check any image or index, in a registry or a layout (oci-layout://PATH[:TAG]), without running anything: the set of platforms, that all of it is there, and that the programs in each image are made for its platform. Further references must hold the same digest. Layers that were looked into are remembered. `explain RULE` tells what a finding means.",
    )
    .option(
      "--platforms <list>",
      "exactly these platforms must be there (comma-separated, repeatable)",
      collect,
    )
    .option("--attest <list>", "each platform must have these: provenance, sbom", collect)
    .option("--against <reference>", "an older image, none of whose platforms may be gone")
    .option("--no-content", "look at the documents only, and at no layer")
    .option(
      "--ignore <glob>",
      "programs that are not looked at, as `/opt/toolchains/**` (repeatable)",
      collect,
    )
    .option("--strict", "end with 4 for warnings, too")
    .option("--sarif [file]", "write the findings as SARIF 2.1.0, to standard output or a file")
    .option(...REGISTRIES_FROM)
    .option("--json", "print JSON")
    .action(async (references: readonly string[], options: VerifyOptions) => {
      const { runVerify } = await import("./commands/verify.ts");
      end(await runVerify(references, options, shell));
    });
}

function addScan(program: Command, shell: Shell, end: End): void {
  program
    .command("scan <reference>")
    .summary("list known vulnerabilities of the packages in an image")
    .description(
      "List the known vulnerabilities of each platform of any image or index, in a registry or a layout (oci-layout://PATH[:TAG]), without running anything. Packages are those of the SBOM that is attested, or are found in the layers. The first source that is there is asked.",
    )
    .option("--platforms <list>", "only these platforms (comma-separated, repeatable)", collect)
    .addOption(
      new Option("--fail-on <severity>", "end with 4 for vulnerabilities that are as bad or worse").choices([
        "low",
        "medium",
        "high",
        "critical",
      ]),
    )
    .option("--only-fixed", "with --fail-on: only for those that a newer version fixes")
    .option(
      "--ignore <list>",
      "vulnerabilities that are accepted, by ID (comma-separated, repeatable)",
      collect,
    )
    .addOption(new Option("--source <name>", "who is asked").choices(SOURCE_NAMES))
    .option("--database <folder>", "look into OSV's archives in this folder, offline")
    .option("--no-base", "do not look for the base image, and a newer one")
    .option("--sarif [file]", "write the findings as SARIF 2.1.0, to standard output or a file")
    .option(...REGISTRIES_FROM)
    .option("--json", "print JSON")
    .action(async (reference: string, options: ScanOptions) => {
      const { runScan } = await import("./commands/scan.ts");
      end(await runScan(reference, options, shell));
    });
}

function addDiff(program: Command, shell: Shell, end: End): void {
  program
    .command("diff <older> <newer>")
    .summary("show what became of an image, platform by platform")
    .description(
      "Compare two images or indexes: platforms, layers, config, sizes, and packages where both have an SBOM. References and oci-layout://PATH[:TAG].",
    )
    .option("--exit-code", "end with 4 where they differ")
    .option(...REGISTRIES_FROM)
    .option("--json", "print JSON")
    .action(async (older: string, newer: string, options: DiffOptions) => {
      const { runDiff } = await import("./commands/diff.ts");
      end(await runDiff(older, newer, options, shell));
    });
}

function addExplain(program: Command, shell: Shell, end: End): void {
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

function addCopy(program: Command, shell: Shell, end: End): void {
  program
    .command("copy <source> <targets...>")
    .summary("promote an image or index, with all that belongs to it")
    .description(
      "Copy an image or index, its attestations and what refers to it, byte for byte. Source and targets are references or oci-layout://PATH[:TAG] (a path that ends in .tar is a tar file); a target without a tag takes the source's.",
    )
    .option("--guard", "refuse to take platforms from a tag, or to move it to an older revision")
    .option("--allow-shrink", "with --guard: platforms may go")
    .option("--allow-downgrade", "with --guard: older revisions may come")
    .option("--no-referrers", "leave out what refers to it: signatures, SBOMs")
    .option(...REGISTRIES_FROM)
    .option("--json", "print JSON")
    .action(async (source: string, targets: readonly string[], options: CopyOptions) => {
      const { runCopy } = await import("./commands/copy.ts");
      end(await runCopy([source, ...targets], options, shell));
    });
}

function addStitch(program: Command, shell: Shell, end: End): void {
  program
    .command("stitch <children...>")
    .summary("make one index of pushed images, and move tags to it")
    .description(
      "Make one index of images that are pushed already. A child is [PLATFORM=]REFERENCE: an image, or an index whose images and attestations are taken. A set that cannot be right is refused before anything is written.",
    )
    .requiredOption(
      "--tag <reference>",
      "tag that is to name the index (repeatable, moved in this order)",
      collect,
    )
    .option("--guard", "refuse to take platforms from a tag, or to move it to an older revision")
    .option("--allow-shrink", "with --guard: platforms may go")
    .option("--allow-downgrade", "with --guard: older revisions may come")
    .option("--annotation <key=value>", "annotation of the index (repeatable)", collect, [])
    .addOption(
      new Option("--attest <policy>", "what becomes of attestations")
        .choices(["keep", "strip", "require"])
        .default("keep"),
    )
    .option(...REGISTRIES_FROM)
    .option("--json", "print JSON")
    .action(async (children: readonly string[], options: StitchOptions) => {
      const { runStitch } = await import("./commands/stitch.ts");
      end(await runStitch(children, options, shell));
    });
}

function addGc(program: Command, shell: Shell, end: End): void {
  program
    .command("gc <place> [candidates...]")
    .summary("find what no tag, index or referrer reaches")
    .description(
      "Follow everything that the tags of a repository (or the entries of oci-layout://PATH) lead to, and list which of these digests nothing reaches. Registries do not list manifests without a tag: name the candidates.",
    )
    .option("--dry-run", "list them")
    .option("--delete", "list them and delete them")
    .option("--candidates <file>", "more digests: one a line or a JSON array, - for standard input")
    .option(...REGISTRIES_FROM)
    .option("--json", "print JSON")
    .action(async (place: string, candidates: readonly string[], options: GcOptions) => {
      const { runGc } = await import("./commands/gc.ts");
      end(await runGc([place, ...candidates], options, shell));
    });
}

function addDoctor(program: Command, shell: Shell, end: End): void {
  planOptions(program.command("doctor").summary("check what a build needs, and say how to mend it"))
    .description(
      "Check Node, BuildKit, buildx, QEMU for each platform of the plan, registries and disk; print the command that mends each problem.",
    )
    .action(async (options: DoctorOptions) => {
      const { runDoctor } = await import("./commands/doctor.ts");
      end(await runDoctor(options, shell));
    });
}

function addSetup(program: Command, shell: Shell, end: End): void {
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

function addSchema(program: Command, shell: Shell): void {
  program
    .command("schema")
    .summary("print the JSON Schema of plan files")
    .description("Print the JSON Schema of plan files, for editors.")
    .action(async () => {
      const { planJsonSchema } = await import("../core/plan/schema.ts");
      shell.stdout.write(`${JSON.stringify(planJsonSchema(), null, 2)}\n`);
    });
}

/** The options of every command that reads a plan. */
function planOptions(command: Command): Command {
  return command
    .option("-f, --file <path>", "the plan file, - for standard input", "buildx-plan.yaml")
    .option("--set <name=value>", "set a variable of the plan (repeatable)", collect, [])
    .option("--image <name>", "only this image of the plan (repeatable)", collect, [])
    .option("--only <platform>", "only this platform (repeatable)", collect, [])
    .option(
      "--builder <name>",
      "a builder of the plan, `managed`, a BuildKit address or a docker buildx builder",
    )
    .option("--json", "print JSON");
}

function collect(value: string, before: readonly string[] = []): string[] {
  return [...before, value];
}
