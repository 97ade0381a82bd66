import { digestOf } from "../oci/digest-of.ts";
import type { Digest } from "../oci/digest.ts";
import type { MemoryFiles } from "../host/memory-files.ts";
import { ok, type Result } from "../result.ts";
import { walkContext, type ContextEntry, type FileUnreadable } from "./context-files.ts";
import { memoryName, packFiles, toRemember, unpackFiles, type KnownFile } from "./file-memory.ts";
import { isUntouched } from "./file-stamp.ts";
import { hashFiles, type HashedFile } from "./hash-files.ts";
import type { Ignore } from "./ignore.ts";

/** A folder whose files are hashed. */
export interface ContextFolder {
  /** Absolute, without symbolic links. */
  readonly path: string;
  readonly ignore: Ignore;
  /** What tells it from other contexts in the same folder: the path of the file with its patterns. */
  readonly name: string;
}

/** What is needed besides: the time, and where hashes are kept (absent: nowhere). */
export interface HashWorld {
  readonly nowMs: () => number;
  readonly memory?: MemoryFiles;
}

/** What a context holds. The same tree has the same digest wherever it lies, and whoever owns it. */
export interface HashedContext {
  readonly digest: Digest;
  /** Files that changed whenever they were read: of them only names and modes are in the digest. */
  readonly changing: readonly string[];
}

/**
 * Hashes names, modes, link targets and contents of all that BuildKit would be sent. Files whose stat is as it was are not read again. Modes count
 * in full, as COPY keeps them: a checkout under another umask makes another image. Hard links and extended attributes are not looked at.
 */
export async function hashContext(
  folder: ContextFolder,
  { nowMs, memory }: HashWorld,
): Promise<Result<HashedContext, FileUnreadable>> {
  const startedMs = nowMs();
  const name = memoryName(`${folder.path}\0${folder.name}`);
  const reading = memory?.read(name);
  const walked = await walkContext(folder.path, folder.ignore);
  const known = unpackFiles(await reading);
  if (!walked.ok) return walked;
  const hashed = await hashUnknown(folder.path, walked.value, known);
  if (!hashed.ok) return hashed;
  const { files, fresh } = hashed.value;
  const isSame = fresh === 0 && files.size === known.size;
  if (memory !== undefined && !isSame) {
    const all = [...files].map(([path, file]) => ({ path, hashed: file }));
    await memory.write(name, packFiles(toRemember(all, startedMs)));
  }
  return ok(summarize(walked.value, files));
}

interface HashedFiles {
  readonly files: ReadonlyMap<string, HashedFile>;
  /** How many had to be read. */
  readonly fresh: number;
}

async function hashUnknown(
  root: string,
  entries: readonly ContextEntry[],
  known: ReadonlyMap<string, KnownFile>,
): Promise<Result<HashedFiles, FileUnreadable>> {
  const files = new Map<string, HashedFile>();
  const unknown: ContextEntry[] = [];
  for (const entry of entries) {
    if (entry.type !== "file") continue;
    const before = known.get(entry.path);
    if (before === undefined || !isUntouched(before, entry.stamp)) unknown.push(entry);
    else files.set(entry.path, { kind: "hashed", hex: before.hex, mode: entry.mode, stamp: entry.stamp });
  }
  const hashed = await hashFiles(unknown.map(({ path, stamp }) => ({ path: `${root}/${path}`, stamp })));
  if (!hashed.ok) return hashed;
  for (const [index, { path }] of unknown.entries()) {
    const file = hashed.value[index];
    if (file !== undefined) files.set(path, file);
  }
  return ok({ files, fresh: unknown.length });
}

/** NUL, which no name has in it, ends each of an entry's four fields. */
function summarize(entries: readonly ContextEntry[], files: ReadonlyMap<string, HashedFile>): HashedContext {
  const changing: string[] = [];
  let text = "";
  for (const { path, type, mode, target = "" } of entries) {
    const file = files.get(path);
    if (file?.kind === "changing") changing.push(path);
    // Read again, a file may have got another mode too.
    const [bits, content] = file?.kind === "hashed" ? [file.mode, file.hex] : [mode, target];
    text += `${type}\0${bits}\0${content}\0${path}\0`;
  }
  return { digest: digestOf(Buffer.from(text)), changing };
}
