import type { Value } from "../plan/tree.ts";
import { fail, ok } from "../result.ts";
import type { Result } from "../result.ts";
import { askBake } from "./ask-bake.ts";
import type { BakeQuestion } from "./ask-bake.ts";
import { readBake } from "./bake.ts";
import { resolveBakeJson } from "./bake-json.ts";
import { readCompose } from "./compose.ts";
import { readDockerfiles } from "./dockerfiles.ts";
import { readFound } from "./folder.ts";
import type { FoundFiles } from "./folder.ts";
import { readForeignJson, readForeignYaml } from "./foreign.ts";
import type { FoundPlan, Source } from "./proposal.ts";
import { readWorkflow } from "./workflow.ts";

/** The files of a source. */
export function filesOf(files: FoundFiles, source: Source): readonly string[] {
  switch (source) {
    case "bake":
      return files.bake;
    case "workflow":
      return files.workflows;
    case "compose":
      return files.compose;
    case "dockerfile":
      return files.dockerfiles;
    default:
      return source satisfies never;
  }
}

/** What reading takes besides the files. */
export interface ReadOptions extends Omit<BakeQuestion, "files"> {
  /** What the folder itself is called. */
  readonly folder: string;
}

/** What files of one source hold, or why they cannot be read. */
export interface ReadSource {
  readonly files: readonly string[];
  readonly found: Result<FoundPlan, string>;
}

/** Reads all files of a source. Those that belong together are one answer; workflows that hold no image, or cannot be read, have their own. */
export async function readSource(
  source: Source,
  files: readonly string[],
  options: ReadOptions,
): Promise<readonly ReadSource[]> {
  switch (source) {
    case "bake":
      return [{ files, found: await readBakeFiles(files, options) }];
    case "workflow":
      return await readWorkflows(files, options.directory);
    case "compose": {
      const [path = ""] = files;
      const read = await readYaml(options.directory, path);
      return [{ files, found: read.ok ? ok(readCompose(read.value, path)) : read }];
    }
    case "dockerfile":
      return [{ files, found: ok(readDockerfiles(files, options.folder)) }];
    default:
      return source satisfies never;
  }
}

async function readYaml(directory: string, path: string): Promise<Result<Value, string>> {
  const text = await readFound(directory, path);
  return text.ok ? readForeignYaml(path, text.value) : text;
}

async function readBakeFiles(
  files: readonly string[],
  options: ReadOptions,
): Promise<Result<FoundPlan, string>> {
  const answer = await askBake({ ...options, files });
  const printed = answer.ok ? readForeignJson(answer.value) : undefined;
  if (printed !== undefined) return printed.ok ? ok(readBake(printed.value, files)) : printed;
  if (!answer.ok && answer.error.kind === "refused") return fail(`bake refuses it: ${answer.error.said}`);
  return await readBakeAlone(files, options.directory);
}

/** Without buildx a single file in JSON can be read, as long as it computes nothing. */
async function readBakeAlone(
  files: readonly string[],
  directory: string,
): Promise<Result<FoundPlan, string>> {
  const [path = ""] = files;
  if (files.length > 1 || !path.endsWith(".json"))
    return fail(
      "docker buildx is not here, which alone can read it: install it, or run `buildx-plan setup --buildx`",
    );
  const text = await readFound(directory, path);
  if (!text.ok) return text;
  const file = readForeignJson(text.value);
  const resolved = file.ok ? resolveBakeJson(file.value, text.value) : file;
  return resolved.ok ? ok(readBake(resolved.value, files)) : resolved;
}

/** All workflows that build images make one plan together. */
async function readWorkflows(paths: readonly string[], directory: string): Promise<readonly ReadSource[]> {
  const read: ReadSource[] = [];
  for (const path of paths) {
    const file = await readYaml(directory, path);
    read.push({ files: [path], found: file.ok ? ok(readWorkflow(file.value, path)) : file });
  }
  const plans = read.flatMap(({ found }) => (found.ok && found.value.images.length > 0 ? [found.value] : []));
  const [first] = plans;
  if (first === undefined) return read;
  const together: FoundPlan = {
    ...first,
    files: plans.flatMap(({ files }) => files),
    images: plans.flatMap(({ images }) => images),
    variables: new Map(plans.flatMap(({ variables }) => [...variables])),
    runners: new Map(plans.flatMap(({ runners }) => [...runners])),
    leftOut: plans.flatMap(({ leftOut }) => leftOut),
  };
  const others = read.filter(({ found }) => !found.ok || found.value.images.length === 0);
  return [{ files: together.files, found: ok(together) }, ...others];
}
