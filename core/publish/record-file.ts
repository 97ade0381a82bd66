import { randomBytes } from "node:crypto";
import { lstat, mkdir, open, readFile, realpath, rename, rm, stat } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { fail, ok, type Result } from "../result.ts";
import { readRecordText } from "./record-read.ts";
import {
  plannedRecord,
  withMoved,
  type RecordHeader,
  type RecordUnwritable,
  type ReleaseRecord,
  type ReleaseRecorder,
} from "./record.ts";

/** Larger than the record of any run; a file that is larger is not read. */
export const MAX_RECORD_BYTES = 4 * 1024 * 1024;

/** There is no record at `path` that can be used: the file is not there or cannot be read, or it is something else. */
export type RecordUnusable =
  | { readonly kind: "record-unreadable"; readonly path: string; readonly detail: string }
  | { readonly kind: "record-invalid"; readonly path: string; readonly detail: string };

/** Reads the record of a release; `path` is absolute. */
export async function readRecord(path: string): Promise<Result<ReleaseRecord, RecordUnusable>> {
  const text = await readCapped(path);
  if (!text.ok) return text;
  const record = readRecordText(text.value);
  return record.ok ? record : fail({ kind: "record-invalid", path, detail: record.error.detail });
}

async function readCapped(path: string): Promise<Result<string, RecordUnusable>> {
  try {
    const found = await stat(path);
    if (!found.isFile()) return fail({ kind: "record-unreadable", path, detail: "it is no file" });
    if (found.size > MAX_RECORD_BYTES)
      return fail({ kind: "record-invalid", path, detail: `it has more than ${MAX_RECORD_BYTES} bytes` });
    return ok(await readFile(path, "utf8"));
  } catch (error) {
    return fail({ kind: "record-unreadable", path, detail: messageOf(error) });
  }
}

/** Where a record is kept, and what stands in it from the beginning. */
export interface RecorderOptions {
  /** Absolute. */
  readonly path: string;
  readonly header: RecordHeader;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/**
 * Makes sure that a record can be kept there, before a build has cost anything: makes the folder, and a file in it for a moment.
 * A file that is there is replaced only if it is a record, and not before a tag is about to move.
 */
export async function openRecorder(
  options: RecorderOptions,
): Promise<Result<ReleaseRecorder, RecordUnwritable>> {
  try {
    const path = await targetOf(options.path);
    await makeFolder(dirname(path));
    const occupied = await findOccupied(path);
    if (occupied !== undefined) return fail(unwritable(options.path, occupied));
    await rm(await writeBeside(path));
    return ok(createRecorder({ ...options, path }));
  } catch (error) {
    return fail(unwritable(options.path, messageOf(error)));
  }
}

function createRecorder({ path, header, now }: RecorderOptions): ReleaseRecorder {
  let record: ReleaseRecord | undefined;
  let problem: string | undefined;
  let writing: Promise<void> | undefined;
  let isStale = false;
  let isWritten = false;
  const writeLatest = async (): Promise<void> => {
    while (isStale) {
      isStale = false;
      const failed = await writeRecord(path, record);
      if (failed === undefined) isWritten = true;
      else problem ??= failed;
    }
    writing = undefined;
  };
  // One write at a time, always of the newest state: a tag does not wait for the disk.
  const save = (next: ReleaseRecord): Promise<void> => {
    record = next;
    isStale = true;
    writing ??= writeLatest();
    return writing;
  };
  const result = (when: RecordUnwritable["when"]): Result<void, RecordUnwritable> =>
    problem === undefined ? ok(undefined) : fail({ ...unwritable(path, problem), when });
  return {
    path,
    isWritten: () => isWritten,
    begin: async (candidates, decisions) => {
      await save(plannedRecord(header, candidates, decisions, now()));
      return result("before-tags");
    },
    moved: (tag) => {
      if (record !== undefined) void save(withMoved(record, tag));
    },
    end: async (isDone) => {
      if (record !== undefined) await save({ ...record, endedAt: new Date(now()).toISOString(), ok: isDone });
      return result("after-tags");
    },
  };
}

// Renamed into place: whoever reads finds a whole record, the one before or the one after. Answers what went wrong.
async function writeRecord(path: string, record: ReleaseRecord | undefined): Promise<string | undefined> {
  let temporary: string | undefined;
  try {
    temporary = await writeBeside(path, `${JSON.stringify(record, undefined, 2)}\n`);
    await rename(temporary, path);
    await syncFolder(dirname(path));
    return undefined;
  } catch (error) {
    if (temporary !== undefined) await rm(temporary, { force: true }).catch(() => undefined);
    return messageOf(error);
  }
}

async function writeBeside(path: string, text = ""): Promise<string> {
  const temporary = `${path}.${randomBytes(4).toString("hex")}.tmp`;
  const file = await open(temporary, "wx", 0o600);
  try {
    await file.writeFile(text);
    if (text !== "") await file.sync();
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  } finally {
    await file.close();
  }
  return temporary;
}

// Without it a power cut may undo the rename. Some file systems cannot, and lose nothing that we could save.
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, "r").catch(() => undefined);
  await handle?.sync().catch(() => undefined);
  await handle?.close();
}

// Node's own recursion never ends where a folder cannot be made although its parent is there, in /proc for instance.
async function makeFolder(path: string): Promise<void> {
  const make = () => mkdir(path, { mode: 0o700 });
  try {
    await make();
  } catch (error) {
    if (codeOf(error) === "EEXIST") return;
    if (codeOf(error) !== "ENOENT" || dirname(path) === path) throw error;
    await makeFolder(dirname(path));
    await make().catch((again: unknown) => {
      // Another run may have made it meanwhile.
      if (codeOf(again) !== "EEXIST") throw again;
    });
  }
}

/** Where a link leads, so that renaming does not replace the link itself. */
async function targetOf(path: string): Promise<string> {
  const link = await lstat(path).catch(() => undefined);
  return link?.isSymbolicLink() === true ? await realpath(path) : resolve(path);
}

/** Why what is there already may not be replaced; undefined where it may. */
async function findOccupied(path: string): Promise<string | undefined> {
  const found = await stat(path).catch((error: unknown) => {
    if (codeOf(error) === "ENOENT") return undefined;
    throw error;
  });
  if (found === undefined || (found.isFile() && found.size === 0)) return undefined;
  if (!found.isFile()) return "it is there already, and is no file";
  const isRecord = found.size <= MAX_RECORD_BYTES && readRecordText(await readFile(path, "utf8")).ok;
  return isRecord ? undefined : "it is there already, and is no record of a release";
}

function unwritable(path: string, detail: string): RecordUnwritable {
  return { kind: "record-unwritable", path, when: "before-build", detail };
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && "code" in error ? error.code : undefined;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
