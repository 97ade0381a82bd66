import { openPromise, type Entry, type ZipFile } from "yauzl";
import { fail, ok, type Result } from "../result.ts";
import { canonicalName } from "./ecosystem.ts";
import { readRecord, type OsvRecord } from "./osv-record.ts";
import type { ScanFailed } from "./source.ts";

/** OSV's largest archive, npm's, has some 300 000 entries; its largest records some megabytes. */
const MAX_ENTRIES = 3_000_000;
const MAX_ENTRY_BYTES = 16 * 1024 * 1024;
const MAX_ALL_BYTES = 16 * 1024 * 1024 * 1024;
const MAX_RECORDS = 200_000;
const MAX_RECORD_BYTES = 1024 * 1024 * 1024;

type Unreadable = Pick<ScanFailed, "problem" | "detail">;

/**
 * Reads the records of an ecosystem's archive that name one of these packages. Others are passed over before they are parsed.
 */
export async function readArchive(
  { path, family }: { readonly path: string; readonly family: string },
  names: readonly string[],
  signal: AbortSignal,
): Promise<Result<readonly OsvRecord[], Unreadable>> {
  let zip: ZipFile;
  try {
    zip = await openPromise(path, { lazyEntries: true, autoClose: false });
  } catch (error) {
    return unreadable(path, error);
  }
  try {
    const canonical = (name: string): string => canonicalName(family, name);
    return await readEntries(zip, { path, names: new Set(names.map(canonical)), canonical, signal });
  } catch (error) {
    return unreadable(path, error);
  } finally {
    zip.close();
  }
}

interface Wanted {
  readonly path: string;
  readonly names: ReadonlySet<string>;
  /** Names are compared in the spelling that this gives them. */
  readonly canonical: (name: string) => string;
  readonly signal: AbortSignal;
}

async function readEntries(zip: ZipFile, wanted: Wanted): Promise<Result<readonly OsvRecord[], Unreadable>> {
  const { path, signal } = wanted;
  const records: OsvRecord[] = [];
  const read = { entries: 0, records: 0, bytes: 0, kept: 0 };
  for await (const entry of zip.eachEntry()) {
    if (signal.aborted) return fail({ problem: "cancelled", detail: "the scan was interrupted" });
    read.entries += 1;
    read.bytes += entry.uncompressedSize;
    if (read.entries > MAX_ENTRIES || read.bytes > MAX_ALL_BYTES)
      return unreadable(path, `more than ${MAX_ENTRIES} records or ${MAX_ALL_BYTES} bytes`);
    if (!entry.fileName.endsWith(".json")) continue;
    read.records += 1;
    if (entry.uncompressedSize > MAX_ENTRY_BYTES)
      return unreadable(path, `${entry.fileName.slice(0, 200)} has ${entry.uncompressedSize} bytes`);
    const text = await textOf(zip, entry);
    if (!namesAny(text, wanted)) continue;
    const record = parse(text);
    if (record === undefined) return unreadable(path, `${entry.fileName.slice(0, 200)} is no record of OSV`);
    read.kept += text.length;
    records.push(record);
    if (records.length > MAX_RECORDS || read.kept > MAX_RECORD_BYTES)
      return unreadable(path, "too many records about these packages");
  }
  // Nothing found in nothing must not pass for no vulnerabilities.
  if (read.records === 0) return fail({ problem: "database-incomplete", detail: `${path} holds no records` });
  return ok(records);
}

// The reader itself breaks off where there is more than the entry announces.
async function textOf(zip: ZipFile, entry: Entry): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of await zip.openReadStreamPromise(entry))
    if (Buffer.isBuffer(chunk)) chunks.push(chunk);
  return Buffer.concat(chunks).toString("utf8");
}

const NAME = /"name"\s*:\s*("(?:[^"\\]|\\.)*")/g;

/** Does a record name one of these packages? Told without parsing all of it, which most records are not worth. */
function namesAny(text: string, { names, canonical }: Pick<Wanted, "names" | "canonical">): boolean {
  for (const [, quoted = ""] of text.matchAll(NAME)) {
    const name = quoted.includes("\\") ? unquote(quoted) : quoted.slice(1, -1);
    if (names.has(canonical(name))) return true;
  }
  return false;
}

function unquote(quoted: string): string {
  try {
    return String(JSON.parse(quoted));
  } catch {
    return "";
  }
}

function parse(text: string): OsvRecord | undefined {
  try {
    return readRecord(JSON.parse(text));
  } catch {
    return undefined;
  }
}

function unreadable(path: string, why: unknown): Result<never, Unreadable> {
  const detail = why instanceof Error ? why.message : String(why);
  return fail({ problem: "unreadable", detail: `${path}: ${detail.slice(0, 300)}` });
}
