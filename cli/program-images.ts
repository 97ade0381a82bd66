import { Option, type Command } from "commander";
import { REPORT_DOTENV } from "./program-reports.ts";
import type { CopyOptions } from "./commands/copy.ts";
import type { DiffOptions } from "./commands/diff.ts";
import type { GcOptions } from "./commands/gc.ts";
import type { InspectOptions } from "./commands/inspect.ts";
import type { RollbackOptions } from "./commands/rollback.ts";
import type { ScanOptions } from "./commands/scan.ts";
import type { JoinOptions } from "./commands/join.ts";
import type { StitchOptions } from "./commands/stitch.ts";
import type { VerifyOptions } from "./commands/verify.ts";
import { SOURCE_NAMES } from "../core/scan/source.ts";
import { collect, DEFAULT_PLAN, progressOption, type End } from "./program-parts.ts";
import type { Shell } from "./shell.ts";

/* Commands for images that are there already. */

/** `rollback`. */
export function addRollback(program: Command, shell: Shell, end: End): void {
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

/** `inspect`. */
export function addInspect(program: Command, shell: Shell, end: End): void {
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

/** `verify`. */
export function addVerify(program: Command, shell: Shell, end: End): void {
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

/** `scan`. */
export function addScan(program: Command, shell: Shell, end: End): void {
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

/** `diff`. */
export function addDiff(program: Command, shell: Shell, end: End): void {
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

/** `copy`. */
export function addCopy(program: Command, shell: Shell, end: End): void {
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

/** `stitch`: of images that are named, or of what a plan's parts have become. */
export function addStitch(program: Command, shell: Shell, end: End): void {
  const command = program
    .command("stitch [children...]")
    .summary("join what was built in parts, or any pushed images, and move tags to it")
    .description(
      "Without children: join what `build --only` has finished for a plan, on any machines, check it and release it as `build` does; nothing is built, and what is missing is listed. With children: make one index of images that are pushed already. A child is [PLATFORM=]REFERENCE: an image, or an index whose images and attestations are taken. A set that cannot be right is refused before anything is written.",
    )
    .option(
      "-f, --file <path>",
      "the plan; with children, one whose `registries` say how registries are reached",
    )
    .option("--json", "print JSON")
    .option(...REPORT_DOTENV)
    .option("--allow-shrink", "let a tag lose platforms that it has now")
    .option("--allow-downgrade", "let a tag go back to an older revision");
  planJoinOptions(command);
  childOptions(command);
  command.action(async (children: readonly string[], options: StitchOptions & JoinOptions) => {
    if (children.length > 0) {
      const { runStitch } = await import("./commands/stitch.ts");
      end(await runStitch(children, options, shell));
      return;
    }
    const { runJoin } = await import("./commands/join.ts");
    end(await runJoin({ ...options, file: options.file ?? DEFAULT_PLAN }, shell));
  });
}

function planJoinOptions(command: Command): void {
  command
    .optionsGroup("Of a plan:")
    .option("--set <name=value>", "set a variable of the plan (repeatable)", collect, [])
    .option("--image <name>", "only this image of the plan (repeatable)", collect, [])
    .option("--append", "take what is not staged from what the tag names now")
    .option("--record <file>", "where to record what tags named before and after, for `rollback`")
    .addOption(progressOption())
    .option("-q, --quiet", "show failures only");
}

function childOptions(command: Command): void {
  command
    .optionsGroup("Of children:")
    .option(
      "--tag <reference>",
      "tag that is to name the index (repeatable, moved in this order)",
      collect,
      [],
    )
    .option("--guard", "refuse to take platforms from a tag, or to move it to an older revision")
    .option("--annotation <key=value>", "annotation of the index (repeatable)", collect, [])
    .addOption(
      new Option("--attest <policy>", "what becomes of attestations")
        .choices(["keep", "strip", "require"])
        .default("keep"),
    );
}

/** `gc`. */
export function addGc(program: Command, shell: Shell, end: End): void {
  program
    .command("gc <place> [candidates...]")
    .summary("find what no tag, index or referrer reaches")
    .description(
      "Follow everything that the tags of a repository (or the entries of oci-layout://PATH) lead to, and list which of these digests nothing reaches. Registries do not list manifests without a tag: name the candidates.",
    )
    .option("--dry-run", "list them")
    .option("--delete", "list them and delete them")
    .option("--candidates <file>", "more digests: one a line or a JSON array, - for standard input")
    .option("--staging", "list staging tags of unfinished releases as well: they go")
    .option("--older-than <age>", "with --staging: only those that are older, 7d or 12h for instance, go")
    .option(...REGISTRIES_FROM)
    .option("--json", "print JSON")
    .action(async (place: string, candidates: readonly string[], options: GcOptions) => {
      const { runGc } = await import("./commands/gc.ts");
      end(await runGc([place, ...candidates], options, shell));
    });
}
