import { readFile, realpath, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { isInside } from "../plan/paths.ts";
import { fail, ok, type Result } from "../result.ts";
import type { FileUnreadable } from "./context-files.ts";
import { codeOf, reasonOf } from "./file-error.ts";
import { createIgnore, type Ignore } from "./ignore.ts";
import { readIgnoreFile } from "./ignore-file.ts";

/** The patterns of a context, and the file that they stand in; that of the context where there is none. */
export interface IgnoreSource {
  readonly path: string;
  readonly ignore: Ignore;
}

const MAX_BYTES = 1024 * 1024;

/**
 * Finds the patterns of a context: those beside the Dockerfile (`Dockerfile.dockerignore`, also where it is empty) come before the context's own
 * `.dockerignore`. A named context has no Dockerfile. A link that leads out of its folder leads nowhere, as BuildKit has it.
 */
export async function loadIgnore(
  context: string,
  dockerfile?: string,
): Promise<Result<IgnoreSource, FileUnreadable>> {
  const beside = dockerfile === undefined ? undefined : `${dockerfile}.dockerignore`;
  const own = join(context, ".dockerignore");
  for (const path of [...(beside === undefined ? [] : [beside]), own]) {
    const text = await readInside(path);
    if (!text.ok) return text;
    if (text.value === undefined) continue;
    const ignore = createIgnore(readIgnoreFile(text.value));
    return ignore.ok
      ? ok({ path, ignore: ignore.value })
      : fail({ path, reason: `\`${ignore.error.pattern.slice(0, 200)}\` is no pattern` });
  }
  return ok({ path: own, ignore: { patterns: [], hasPlainExceptions: true } });
}

async function readInside(path: string): Promise<Result<string | undefined, FileUnreadable>> {
  try {
    const real = await realpath(path);
    if (!isInside(real, await realpath(dirname(path)))) return ok(undefined);
    const found = await stat(real);
    if (!found.isFile()) return ok(undefined);
    if (found.size > MAX_BYTES) return fail({ path, reason: "it is larger than 1 MiB" });
    return ok(await readFile(real, "utf8"));
  } catch (error) {
    const isMissing = ["ENOENT", "ENOTDIR", "ELOOP"].includes(codeOf(error) ?? "");
    return isMissing ? ok(undefined) : fail({ path, reason: reasonOf(error) });
  }
}
