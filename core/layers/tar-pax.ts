import { decodeName } from "./tar-fields.ts";

/** What an extended header says of the entry after it, as far as reading layers needs it. */
export interface PaxFacts {
  readonly path: string | undefined;
  readonly linkPath: string | undefined;
  readonly size: number | undefined;
  readonly sparse: PaxSparse | undefined;
  /** It has Windows' own attributes, as layers of Windows images do. */
  readonly isWindows: boolean;
}

/** GNU's records of a file with holes. */
export interface PaxSparse {
  readonly realSize: number;
  /** Offset and length of each part that is stored (formats 0.0 and 0.1); undefined where they come before the data (1.0). */
  readonly map: readonly number[] | undefined;
  readonly name: string | undefined;
}

type Values = ReadonlyMap<string, string>;

/**
 * Reads the content of an extended header; undefined for a damaged one.
 * @see https://pubs.opengroup.org/onlinepubs/9799919799/utilities/pax.html
 */
export function readPax(content: Buffer): PaxFacts | undefined {
  const values = new Map<string, string>();
  // Format 0.0 repeats these two, once for each part.
  const parts: string[] = [];
  for (const record of paxRecords(content)) {
    const value = record === "damaged" ? undefined : readValue(content, record);
    if (record === "damaged" || value === undefined) return undefined;
    const { key } = record;
    if (key === "GNU.sparse.offset" || key === "GNU.sparse.numbytes") parts.push(value);
    else values.set(key, value);
  }
  const size = values.get("size") || undefined;
  const sparse = readSparse(values, parts);
  if (sparse === "damaged" || (size !== undefined && readDecimal(size) === undefined)) return undefined;
  return {
    // Nothing after the equals sign takes back what a header before said.
    path: values.get("path") || undefined,
    linkPath: values.get("linkpath") || undefined,
    size: size === undefined ? undefined : readDecimal(size),
    sparse,
    isWindows: [...values.keys()].some((key) => key.startsWith("MSWINDOWS.")),
  };
}

/** One record of an extended header: its key, and where its value stands. */
export interface PaxRecord {
  readonly key: string;
  readonly from: number;
  readonly to: number;
}

/** The records of an extended header, one after the other; `damaged`, and nothing after it, where one is none. */
export function* paxRecords(content: Buffer): Generator<PaxRecord | "damaged"> {
  for (let at = 0; at < content.length;) {
    const end = endOfRecord(content, at);
    const record = end === undefined ? undefined : readRecord(content, at, end);
    yield record ?? "damaged";
    if (end === undefined || record === undefined) return;
    at = end;
  }
}

/** A record is `<length> <key>=<value>\n`, its own length included. */
function endOfRecord(content: Buffer, at: number): number | undefined {
  const digits = /^\d{1,7}(?= )/.exec(content.toString("latin1", at, at + 8))?.[0];
  const end = at + Number(digits ?? Number.NaN);
  return end <= content.length && end > at && content[end - 1] === 0x0a ? end : undefined;
}

function readRecord(content: Buffer, at: number, end: number): PaxRecord | undefined {
  const space = content.indexOf(0x20, at);
  const equals = content.indexOf(0x3d, space);
  if (equals === -1 || equals >= end || equals === space + 1) return undefined;
  return { key: decodeName(content, space + 1, equals), from: equals + 1, to: end - 1 };
}

function readValue(content: Buffer, { key, from, to }: PaxRecord): string | undefined {
  // Values of other keys (attributes, capabilities) are bytes, and of no use here.
  const isText = key === "path" || key === "linkpath" || key === "size" || key.startsWith("GNU.sparse.");
  const value = isText ? decodeName(content, from, to) : "";
  return value.includes("\0") ? undefined : value;
}

/** @see https://www.gnu.org/software/tar/manual/html_node/Sparse-Formats.html */
function readSparse(values: Values, parts: readonly string[]): PaxSparse | undefined | "damaged" {
  const listed = values.get("GNU.sparse.map")?.split(",") ?? (parts.length > 0 ? parts : undefined);
  const isBeforeData = values.get("GNU.sparse.major") === "1" && values.get("GNU.sparse.minor") === "0";
  if (listed === undefined && !isBeforeData) return undefined;
  const realSize = readDecimal(values.get("GNU.sparse.realsize") ?? values.get("GNU.sparse.size") ?? "");
  const map = isBeforeData ? undefined : (listed ?? []).map(readDecimal);
  if (realSize === undefined) return "damaged";
  if (map !== undefined && !isMap(map)) return "damaged";
  return { realSize, map, name: values.get("GNU.sparse.name") || undefined };
}

function isMap(map: readonly (number | undefined)[]): map is readonly number[] {
  return map.length % 2 === 0 && !map.includes(undefined);
}

/** A number of decimal digits that fits. */
export function readDecimal(text: string): number | undefined {
  const value = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
  return Number.isSafeInteger(value) ? value : undefined;
}
