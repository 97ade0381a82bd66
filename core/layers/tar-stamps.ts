import type { RawHeaders } from "./tar-entry.ts";
import { readNumber, readText } from "./tar-fields.ts";
import { paxRecords } from "./tar-pax.ts";

/** What the headers of an entry say of it besides kind, name, mode and size: when, whose, and with which attributes. */
export interface TarStamps {
  /** Seconds since 1970, with a fraction where there is one; `?` where it cannot be read. */
  readonly mtime: string;
  /** Numbers, or `?`. */
  readonly uid: string;
  readonly gid: string;
  readonly user: string;
  readonly group: string;
  /** Major and minor number, of devices: `8,1`. */
  readonly device: string;
  /** Extended attributes: names, and values as one character for each byte. */
  readonly xattrs: ReadonlyMap<string, string>;
}

const NONE: ReadonlyMap<string, string> = new Map();
/** How Go's and libarchive's writers call attributes. */
const XATTR = /^(?:SCHILY|LIBARCHIVE)\.xattr\./;
const DEVICES: ReadonlySet<string> = new Set(["3", "4"]);

/** Reads them. Kept apart from reading entries, because all but comparisons do without. */
export function readStamps({ block, pax }: RawHeaders): TarStamps {
  const said = pax === undefined ? NONE : paxValues(pax);
  const number = (at: number, length: number): string => String(readNumber(block, at, length) ?? "?");
  const isDevice = DEVICES.has(block.toString("latin1", 156, 157));
  const xattrs = [...said].filter(([key]) => XATTR.test(key));
  return {
    mtime: said.get("mtime") ?? number(136, 12),
    uid: said.get("uid") ?? number(108, 8),
    gid: said.get("gid") ?? number(116, 8),
    user: said.get("uname") ?? readText(block, 265, 32),
    group: said.get("gname") ?? readText(block, 297, 32),
    device: isDevice ? `${number(329, 8)},${number(337, 8)}` : "",
    xattrs:
      xattrs.length === 0 ? NONE : new Map(xattrs.map(([key, value]) => [key.replace(XATTR, ""), value])),
  };
}

function paxValues(content: Buffer): ReadonlyMap<string, string> {
  const values = new Map<string, string>();
  for (const record of paxRecords(content))
    if (record !== "damaged") values.set(record.key, content.toString("latin1", record.from, record.to));
  return values;
}
