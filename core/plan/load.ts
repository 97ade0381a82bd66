import { readdirSync, readFileSync, realpathSync, statSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { fail, ok } from "../result.ts";
import type { Result } from "../result.ts";
import { readGit } from "./git.ts";
import { nearest } from "./nearest.ts";
import { isInside, leaves } from "./paths.ts";
import type { Paths, PathUse } from "./paths.ts";
import type { LoadOptions, Plan, PlanFailure } from "./plan.ts";
import { refFacts } from "./ref-facts.ts";
import type { SourceFile } from "./source.ts";
import { createLabelsReader, readEvent, readLicenses } from "./surroundings.ts";

/** Largest plan that is read, in bytes. */
export const MAX_PLAN_BYTES = 1024 * 1024;

/**
 * Reads a plan and makes of it what all later stages work from. All problems are found in one go: of the text, the
 * names, the rules, and of the files that it names. The only function of this folder, with {@link readGit} and what ./surroundings.ts
 * reads, that looks at the world; a few files, for which it does not wake Node's thread pool.
 */
export async function loadPlan(options: LoadOptions): Promise<Result<Plan, PlanFailure>> {
  const read = options.path === "-" ? await readStdin(options) : readPlanFile(options);
  if (!read.ok) return read;
  const directory = options.path === "-" ? options.cwd : dirname(resolve(options.cwd, options.path));
  const { text } = read.value;
  // What takes longer is asked only where the plan uses it; in a comment it makes git be asked in vain, which nobody notices.
  const [dirty, tags] = [text.includes("${git.dirty"), text.includes("from:")];
  const git = readGit({ directory, env: options.env, dirty, tags });
  // Imported late: git, and whatever else was asked before, answers while the parser is loaded.
  const { assemblePlan } = await import("./assemble.ts");
  const licenses = readLicenses(directory);
  const around = {
    ci: refFacts(options.env, readEvent(options.env)),
    ...(licenses && { licenses }),
    labelsOf: createLabelsReader(),
  };
  return await assemblePlan({ file: read.value, directory, options, git, ...around, checkPaths });
}

async function readStdin({ stdin }: LoadOptions): Promise<Result<SourceFile, PlanFailure>> {
  const text = await stdin();
  const bytes = Buffer.byteLength(text);
  const path = "<stdin>";
  return bytes > MAX_PLAN_BYTES ? tooLarge(path, bytes) : ok({ path, text: withoutMark(text) });
}

function readPlanFile({ path, cwd }: LoadOptions): Result<SourceFile, PlanFailure> {
  const absolute = resolve(cwd, path);
  try {
    const { size } = statSync(absolute);
    if (size > MAX_PLAN_BYTES) return tooLarge(path, size);
    const bytes = readFileSync(absolute);
    if (bytes.length > MAX_PLAN_BYTES) return tooLarge(path, bytes.length);
    return decode(path, bytes);
  } catch (error) {
    const detail = describeFileError(error);
    return fail({ kind: "plan-not-found", path, detail, nearby: plansNear(absolute, path) });
  }
}

function decode(path: string, bytes: Uint8Array): Result<SourceFile, PlanFailure> {
  try {
    return ok({ path, text: withoutMark(new TextDecoder("utf-8", { fatal: true }).decode(bytes)) });
  } catch {
    const file = { path, text: new TextDecoder("utf-8").decode(bytes) };
    const at = Math.max(0, file.text.indexOf("\uFFFD"));
    const location = { file, range: { start: at, end: Math.min(at + 1, file.text.length) } };
    const message = "The plan is not text in UTF-8";
    return fail({
      kind: "plan-invalid",
      diagnostics: [{ severity: "error", message, location, hint: "Save it as UTF-8" }],
    });
  }
}

function withoutMark(text: string): string {
  return text.startsWith("\uFEFF") ? text.slice(1) : text;
}

function tooLarge(path: string, bytes: number) {
  return fail<PlanFailure>({ kind: "plan-too-large", path, bytes, maxBytes: MAX_PLAN_BYTES });
}

const FILE_ERRORS: ReadonlyMap<unknown, string> = new Map([
  ["ENOENT", "there is no such file"],
  ["EISDIR", "it is a folder"],
  ["EACCES", "this user may not read it"],
  ["ENOTDIR", "a part of the path is no folder"],
  ["ELOOP", "its symbolic links go round in circles"],
  ["ENAMETOOLONG", "the name is too long"],
]);

function describeFileError(error: unknown): string {
  const code = errorCode(error);
  return FILE_ERRORS.get(code) ?? `it cannot be read (${code ?? "unknown error"})`;
}

function errorCode(error: unknown): string | undefined {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;
}

/** YAML files where the plan was looked for, as one would name them. */
function plansNear(absolute: string, written: string): readonly string[] {
  const isFolder = isDirectory(absolute);
  const folder = isFolder ? absolute : dirname(absolute);
  const shown = isFolder ? written : dirname(written);
  const names = listFolder(folder).filter((name) => /\.ya?ml$/.test(name) && !name.startsWith("."));
  const best = nearest(basename(absolute), names);
  const planLike = names.filter((name) => name !== best && /plan/.test(name));
  return [...(best === undefined ? [] : [best]), ...planLike].slice(0, 3).map((name) => join(shown, name));
}

function isDirectory(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch {
    return false;
  }
}

function listFolder(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function followLinks(path: string): string | undefined {
  try {
    return realpathSync.native(path);
  } catch {
    return undefined;
  }
}

/** Looks at the paths of a plan: is there what should be, and does it stay within the plan's folder, links followed? */
function checkPaths({ uses, directory, problems }: Paths): void {
  const root = followLinks(directory) ?? directory;
  const looked = [...uses.values()].map((use) => ({ use, found: lookAt(use, root) }));
  const wrong = looked.filter(({ found }) => found !== undefined);
  for (const { use, found } of wrong) {
    if (found === undefined || wrong.some((other) => holds(other.use, use))) continue;
    problems.error(use.range, found.message, found.hint === undefined ? {} : { hint: found.hint });
  }
}

/** What is wrong with a folder is wrong with all that is in it. */
function holds(folder: PathUse, use: PathUse): boolean {
  return (
    folder !== use && folder.kind === "folder" && folder.path !== use.path && isInside(use.path, folder.path)
  );
}

interface Finding {
  readonly message: string;
  readonly hint?: string;
}

function lookAt(use: PathUse, root: string): Finding | undefined {
  if (use.kind === "place") return lookAtPlace(use, root);
  try {
    const real = realpathSync.native(use.path);
    if (use.anywhere !== true && !isInside(real, root)) return linkLeaves(use);
    return wrongKind(use, statSync(real));
  } catch (error) {
    if (errorCode(error) !== "ENOENT")
      return { message: `The ${use.role} \`${use.written}\`: ${describeFileError(error)}` };
    return missing(use);
  }
}

/** A result may go where nothing is yet, but not through a link to somewhere else. */
function lookAtPlace(use: PathUse, root: string): Finding | undefined {
  for (let path = use.path; ; path = dirname(path)) {
    const real = followLinks(path);
    if (real !== undefined) return isInside(real, root) ? undefined : linkLeaves(use);
    if (path === dirname(path)) return undefined;
  }
}

function linkLeaves({ written, role }: PathUse): Finding {
  return { message: leaves(written, role), hint: "A symbolic link leads out of it" };
}

function wrongKind(
  { kind, role, written }: PathUse,
  found: { isDirectory(): boolean; isFile(): boolean },
): Finding | undefined {
  if (kind === "folder" && !found.isDirectory())
    return { message: `The ${role} \`${written}\` is not a folder` };
  if (kind === "file" && found.isDirectory())
    return { message: `The ${role} \`${written}\` is a folder, not a file` };
  return undefined;
}

function missing({ path, written, role }: PathUse): Finding {
  const siblings = listFolder(dirname(path));
  const message = `There is no ${role} \`${written}\``;
  const meant = nearest(basename(path), siblings);
  if (written.startsWith("~")) return { message, hint: "`~` is not resolved in a plan" };
  return {
    message,
    hint: meant === undefined ? `It was looked for at ${path}` : `Did you mean \`${meant}\`?`,
  };
}
