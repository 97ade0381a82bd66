import type { FileHandle } from "node:fs/promises";
import { fail, ok } from "../result.ts";
import type { Result } from "../result.ts";
import { INDEX, isLayoutName, MARKER } from "./files.ts";
import { BLOCK, decodeHeader, decodePax, paddingOf } from "./tar-header.ts";
import type { PaxRecords, TarHeader } from "./tar-header.ts";

/** Where the content of a member stands in the tar file. */
export interface Member {
  readonly offset: number;
  readonly size: number;
}

// A layer of a large image is one member: real layouts have hundreds.
const MAX_MEMBERS = 65_536;
const MAX_EXTENSION = 64 * 1024;

/**
 * Finds the files of a layout in a tar file by its headers alone, reading none of their content. Names may begin with `./`; what
 * is no regular file, or no file of a layout, is passed over. The error is a sentence.
 */
export async function scanTar(
  handle: FileHandle,
  fileSize: number,
): Promise<Result<ReadonlyMap<string, Member>, string>> {
  const members = new Map<string, Member>();
  const compressed = compressionOf(await readAt(handle, 0, 6));
  if (compressed !== undefined)
    return fail(`it is compressed with ${compressed}: decompress it first, layouts are read in place`);
  let about: PaxRecords = {};
  let at = 0;
  for (let count = 0; count < MAX_MEMBERS; count += 1) {
    const read = await readMember(handle, at, { about, fileSize });
    if (!read.ok) return read;
    if (read.value === "end") return ok(members);
    const { header, offset, next } = read.value;
    at = next;
    if (read.value.about !== undefined) {
      about = read.value.about;
      continue;
    }
    about = {};
    const name = header.name.replace(/^(?:\.\/+)+/, "");
    if (header.type !== "0" || !isLayoutName(name)) continue;
    if ((name === INDEX || name === MARKER) && members.has(name)) return fail(`it has ${name} twice`);
    members.set(name, { offset, size: header.size });
  }
  return fail(`it has more than ${MAX_MEMBERS} members`);
}

interface ScannedMember {
  readonly header: TarHeader;
  readonly offset: number;
  readonly next: number;
  /** For an extended header: what is known now of the member that it is about. */
  readonly about?: PaxRecords;
}

async function readMember(
  handle: FileHandle,
  at: number,
  known: { readonly about: PaxRecords; readonly fileSize: number },
): Promise<Result<ScannedMember | "end", string>> {
  const { about, fileSize } = known;
  if (at + BLOCK > fileSize) return fail("it is truncated: a tar file has an end mark");
  const read = decodeHeader(await readAt(handle, at, BLOCK));
  if (read === undefined)
    return fail(at === 0 ? "it is no tar file" : `it is damaged: no tar header at byte ${at}`);
  if (read === "end") return ok("end");
  const offset = at + BLOCK;
  const isAboutNext = EXTENSIONS.has(read.type);
  const { path: name = read.name, size = read.size } = isAboutNext ? {} : about;
  const header = { name, size, type: read.type };
  if (offset + size > fileSize) return fail(`it is truncated: it ends within ${name}`);
  const member = { header, offset, next: offset + size + paddingOf(size) };
  if (!isAboutNext) return ok(member);
  const said = size > MAX_EXTENSION ? undefined : readExtension(header, await readAt(handle, offset, size));
  if (said === undefined) return fail(`it is damaged: a bad extended header at byte ${at}`);
  return ok({ ...member, about: { ...about, ...said } });
}

/** Headers about the member that follows: POSIX's, and GNU's long names and long targets of links. */
const EXTENSIONS: ReadonlySet<string> = new Set(["x", "g", "L", "K"]);

function readExtension({ type }: TarHeader, content: Buffer): PaxRecords | undefined {
  if (type === "L") return { path: content.toString("utf8").replace(/\0[^]*$/, "") };
  if (type === "K") return {};
  const records = decodePax(content);
  // One name or size for all members to come makes no sense, and readers would differ.
  const isSane = type === "x" || (records?.path ?? records?.size) === undefined;
  return isSane ? records : undefined;
}

async function readAt(handle: FileHandle, position: number, length: number): Promise<Buffer> {
  const { buffer, bytesRead } = await handle.read(Buffer.alloc(length), 0, length, position);
  return buffer.subarray(0, bytesRead);
}

function compressionOf(start: Buffer): string | undefined {
  const hex = start.toString("hex");
  if (hex.startsWith("1f8b")) return "gzip";
  if (hex.startsWith("28b52ffd")) return "zstd";
  if (hex.startsWith("425a68")) return "bzip2";
  return hex.startsWith("fd377a585a00") ? "xz" : undefined;
}
