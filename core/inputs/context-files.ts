import { constants, lstatSync, readdirSync, readlinkSync } from "node:fs";
import { fail, ok, type Result } from "../result.ts";
import { codeOf, reasonOf } from "./file-error.ts";
import type { FileStamp } from "./file-stamp.ts";
import { judge, mayHoldExceptions, type Ignore, type Judged } from "./ignore.ts";

/** Something in a context that BuildKit is sent. Neither times nor owners: they are not in an image, or not of this machine. */
export interface ContextEntry {
  /** From the context, with slashes. */
  readonly path: string;
  readonly type: "file" | "folder" | "link" | "pipe" | "socket" | "device";
  /** Permissions with setuid, setgid and sticky bits, all of which COPY keeps; 0 for a link, which has none. */
  readonly mode: number;
  /** Of a link, as it is written; of a device, its number. */
  readonly target?: string;
  readonly stamp: FileStamp;
}

/** Why a context could not be read, as half a sentence; the path as it was given, or below that. */
export interface FileUnreadable {
  readonly path: string;
  readonly reason: string;
}

/** A folder that is walked. One that is kept out is listed only where something in it is let in. */
interface Folder {
  readonly path: string;
  readonly above: Folder | undefined;
  readonly judged: Judged | undefined;
  readonly entry: ContextEntry | undefined;
  isListed: boolean;
}

/** Entries that are looked at before others get a turn: about a millisecond. */
const AT_ONCE = 256;

/**
 * All that BuildKit would send of a context, folder by folder, names in the order of their UTF-16 code units: equal trees, equal lists. Symbolic
 * links are entries, and never followed. What goes away meanwhile is not there. Stats are taken without the thread pool, which costs more than they do.
 * @see https://github.com/tonistiigi/fsutil/blob/master/filter.go
 */
export async function walkContext(
  root: string,
  ignore: Ignore,
): Promise<Result<readonly ContextEntry[], FileUnreadable>> {
  const found: ContextEntry[] = [];
  const keptOut = new Set<ContextEntry>();
  const open: Folder[] = [
    { path: "", above: undefined, judged: undefined, entry: undefined, isListed: true },
  ];
  let looked = 0;
  for (let folder = open.pop(); folder !== undefined; folder = open.pop()) {
    const names = listFolder(root, folder);
    if (!names.ok) return names;
    for (const name of names.value) {
      looked += 1;
      if (looked % AT_ONCE === 0) await new Promise((resolve) => setImmediate(resolve));
      const visited = visit(name, folder, { root, ignore, found, keptOut });
      if (!visited.ok) return visited;
      if (visited.value !== undefined) open.push(visited.value);
    }
  }
  return ok(keptOut.size === 0 ? found : found.filter((entry) => !keptOut.has(entry)));
}

function listFolder(root: string, folder: Folder): Result<readonly string[], FileUnreadable> {
  const path = folder.path === "" ? root : `${root}/${folder.path}`;
  try {
    return ok(readdirSync(path).toSorted());
  } catch (error) {
    const code = codeOf(error);
    const isKeptOut = folder.judged?.isIgnored === true && (code === "EACCES" || code === "EPERM");
    const isGone = folder.path !== "" && (code === "ENOENT" || code === "ENOTDIR");
    return isKeptOut || isGone ? ok([]) : fail({ path, reason: reasonOf(error) });
  }
}

interface Walk {
  readonly root: string;
  readonly ignore: Ignore;
  readonly found: ContextEntry[];
  /** Folders among them in which nothing was let in so far. */
  readonly keptOut: Set<ContextEntry>;
}

/** Takes in what a folder holds under a name, and answers the folder that it is. */
function visit(
  name: string,
  folder: Folder,
  { root, ignore, found, keptOut }: Walk,
): Result<Folder | undefined, FileUnreadable> {
  const path = folder.path === "" ? name : `${folder.path}/${name}`;
  const judged = judge(ignore, path, folder.judged);
  if (judged.isIgnored && !mayHoldExceptions(ignore, path)) return ok(undefined);
  const entry = look(root, path);
  if (!entry.ok) return judged.isIgnored ? ok(undefined) : entry;
  if (entry.value === undefined) return ok(undefined);
  const isFolder = entry.value.type === "folder";
  if (judged.isIgnored && !isFolder) return ok(undefined);
  found.push(entry.value);
  if (judged.isIgnored) keptOut.add(entry.value);
  else letIn(folder, keptOut);
  if (!isFolder) return ok(undefined);
  return ok({ path, above: folder, judged, entry: entry.value, isListed: !judged.isIgnored });
}

/** A folder that is kept out comes along with what is let in below it, and so do those above it. */
function letIn(folder: Folder, keptOut: Set<ContextEntry>): void {
  for (let each: Folder | undefined = folder; each !== undefined && !each.isListed; each = each.above) {
    each.isListed = true;
    if (each.entry !== undefined) keptOut.delete(each.entry);
  }
}

function look(root: string, path: string): Result<ContextEntry | undefined, FileUnreadable> {
  const whole = `${root}/${path}`;
  try {
    const stat = lstatSync(whole);
    const type = typeOf(stat.mode);
    const mode = type === "link" ? 0 : stat.mode & 0o7777;
    const { size, mtimeMs, ctimeMs, ino, dev } = stat;
    const stamp = { size, mtimeMs, ctimeMs, ino, dev };
    if (type === "link") return ok({ path, type, mode, stamp, target: readlinkSync(whole) });
    if (type === "device") return ok({ path, type, mode, stamp, target: String(stat.rdev) });
    return ok({ path, type, mode, stamp });
  } catch (error) {
    // A name that is not UTF-8 cannot be found by what it was read as, and BuildKit cannot send it.
    if (path.includes("\ufffd")) return fail({ path: whole, reason: "its name is not UTF-8" });
    return codeOf(error) === "ENOENT" ? ok(undefined) : fail({ path: whole, reason: reasonOf(error) });
  }
}

function typeOf(mode: number): ContextEntry["type"] {
  switch (mode & constants.S_IFMT) {
    case constants.S_IFREG:
      return "file";
    case constants.S_IFDIR:
      return "folder";
    case constants.S_IFLNK:
      return "link";
    case constants.S_IFIFO:
      return "pipe";
    case constants.S_IFSOCK:
      return "socket";
    default:
      return "device";
  }
}
