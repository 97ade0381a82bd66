import { constants, open } from "node:fs/promises";
import { relative } from "node:path";
import type { Build } from "../plan/build.ts";
import type { SourceFile } from "../plan/source.ts";
import { fail, ok, type Result } from "../result.ts";
import { MAX_DOCKERFILE_BYTES } from "./parse.ts";

/** Why a Dockerfile could not be read, as half a sentence: "it is larger than 1 MiB". */
export interface DockerfileUnreadable {
  readonly path: string;
  readonly reason: string;
}

/** What decides which Dockerfile a build has. */
export type DockerfileOf = Pick<Build, "context" | "dockerfile">;

/**
 * Reads the Dockerfile of a build; undefined where its context is not a folder here, so that BuildKit fetches it. The path is shown
 * relative to `from` (the working folder) where it lies below it.
 */
export async function loadDockerfile(
  build: DockerfileOf,
  from?: string,
): Promise<Result<SourceFile, DockerfileUnreadable> | undefined> {
  if (build.context.kind !== "local") return undefined;
  const path = shownPath(build.dockerfile, from);
  try {
    const text = await readText(build.dockerfile);
    return text.ok ? ok({ path, text: text.value }) : fail({ path, reason: text.error });
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    if (code === "ENOENT") return fail({ path, reason: "it is not there" });
    if (code === "EACCES") return fail({ path, reason: "this user may not read it" });
    return fail({ path, reason: error instanceof Error ? error.message : String(error) });
  }
}

/** Like {@link loadDockerfile}, for those who only want to point into it: undefined where it cannot be read. */
export async function readDockerfile(build: DockerfileOf, from?: string): Promise<SourceFile | undefined> {
  const loaded = await loadDockerfile(build, from);
  return loaded?.ok === true ? loaded.value : undefined;
}

/** Opened without waiting, so that a pipe without a writer is refused and not waited for. */
async function readText(path: string): Promise<Result<string, string>> {
  const file = await open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
  try {
    const stat = await file.stat();
    if (!stat.isFile()) return fail(stat.isDirectory() ? "it is a folder" : "it is no regular file");
    if (stat.size > MAX_DOCKERFILE_BYTES) return fail("it is larger than 1 MiB");
    const bytes = Buffer.alloc(MAX_DOCKERFILE_BYTES + 1);
    const length = await fill(file, bytes);
    return length > MAX_DOCKERFILE_BYTES
      ? fail("it is larger than 1 MiB")
      : ok(bytes.toString("utf8", 0, length));
  } finally {
    await file.close();
  }
}

/** Reads until the file or the buffer ends: what a file says of its size need not be true. */
async function fill(file: Awaited<ReturnType<typeof open>>, bytes: Buffer): Promise<number> {
  let length = 0;
  while (length < bytes.length) {
    const { bytesRead } = await file.read(bytes, length, bytes.length - length);
    if (bytesRead === 0) break;
    length += bytesRead;
  }
  return length;
}

function shownPath(path: string, from: string | undefined): string {
  const short = from === undefined ? path : relative(from, path);
  return short === "" || short.startsWith("..") ? path : short.replaceAll("\\", "/");
}
