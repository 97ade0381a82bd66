import { randomBytes } from "node:crypto";
import { mkdir, realpath, rename, rm, writeFile } from "node:fs/promises";
import { dirname, relative, resolve } from "node:path";
import { isInside } from "../plan/paths.ts";
import { fail, ok } from "../result.ts";
import type { Result } from "../result.ts";
import type { InitFailure } from "./init-failure.ts";

/** A file to be written. */
export interface NewFile {
  /** Absolute folder that it must stay in, links followed. */
  readonly root: string;
  /** Absolute. */
  readonly path: string;
  readonly text: string;
  /** May it take the place of one that is there? */
  readonly force: boolean;
}

/** Writes a file that was not there; with `force` in one step over one that was. A link that leads out of the folder is not followed. */
export async function writeNew({ root, path, text, force }: NewFile): Promise<Result<string, InitFailure>> {
  const shown = relative(root, path) || path;
  try {
    const folder = dirname(path);
    const real = await realpath(root);
    if (!isInside(await nearestReal(folder), real))
      return fail({
        kind: "init-unwritable",
        path: shown,
        detail: "a symbolic link leads out of the folder",
      });
    await mkdir(folder, { recursive: true });
    if (force) await replace(path, text);
    else await writeFile(path, text, { flag: "wx" });
    return ok(shown);
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : "unknown error";
    return fail(
      code === "EEXIST"
        ? { kind: "init-exists", path: shown }
        : { kind: "init-unwritable", path: shown, detail: code },
    );
  }
}

/** The folder itself, or the nearest above it that is there, with links followed. */
async function nearestReal(folder: string): Promise<string> {
  const real = await realpath(folder).catch(() => undefined);
  return real ?? (dirname(folder) === folder ? resolve(folder) : await nearestReal(dirname(folder)));
}

async function replace(path: string, text: string): Promise<void> {
  const half = `${path}.${randomBytes(6).toString("hex")}.part`;
  try {
    await writeFile(half, text, { flag: "wx" });
    await rename(half, path);
  } finally {
    await rm(half, { force: true });
  }
}
