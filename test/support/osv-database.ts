import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { crc32 } from "node:zlib";

/** A record of a vulnerability in OSV's format, as far as tests need it. */
export interface TestRecord {
  readonly id: string;
  readonly aliases?: readonly string[];
  readonly upstream?: readonly string[];
  readonly summary?: string;
  readonly ecosystem: string;
  readonly package: string;
  /** Absent: none is fixed. */
  readonly fixed?: string;
  /** CVSS vector. */
  readonly vector?: string;
}

/** CVSS vectors by what their scores are called. */
export const VECTORS = {
  critical: "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H",
  high: "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:N/A:N",
  medium: "CVSS:3.1/AV:N/AC:L/PR:L/UI:N/S:U/C:L/I:L/A:N",
  low: "CVSS:3.1/AV:L/AC:H/PR:L/UI:N/S:U/C:L/I:N/A:N",
} as const;

/** Writes an offline database as osv-scanner keeps it: `<folder>/osv-scanner/<Ecosystem>/all.zip`. */
export async function writeDatabase(folder: string, records: readonly TestRecord[]): Promise<void> {
  const families = Map.groupBy(records, ({ ecosystem }) => ecosystem.split(":", 1)[0] ?? "");
  for (const [family, own] of families) {
    const place = join(folder, "osv-scanner", family);
    await mkdir(place, { recursive: true });
    const files = own.map((record): [string, string] => [`${record.id}.json`, JSON.stringify(osvOf(record))]);
    await writeFile(join(place, "all.zip"), zipOf(files));
  }
}

/** @see https://ossf.github.io/osv-schema/ */
function osvOf(record: TestRecord): object {
  const { id, aliases = [], upstream = [], summary = "", ecosystem, fixed, vector } = record;
  return {
    schema_version: "1.7.0",
    id,
    modified: "2024-05-01T00:00:00Z",
    published: "2024-04-01T00:00:00Z",
    aliases,
    upstream,
    summary,
    ...(vector !== undefined && { severity: [{ type: "CVSS_V3", score: vector }] }),
    affected: [
      {
        package: { ecosystem, name: record.package },
        ranges: [
          { type: "ECOSYSTEM", events: [{ introduced: "0" }, ...(fixed === undefined ? [] : [{ fixed }])] },
        ],
      },
    ],
  };
}

/**
 * A zip archive whose files are stored as they are.
 * @see https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT
 */
function zipOf(files: readonly (readonly [name: string, text: string])[]): Buffer {
  const parts: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const [name, text] of files) {
    const [path, content] = [Buffer.from(name), Buffer.from(text)];
    const common = Buffer.alloc(26);
    common.writeUInt16LE(20, 0);
    common.writeUInt16LE(0x21, 8);
    common.writeUInt32LE(crc32(content), 10);
    common.writeUInt32LE(content.length, 14);
    common.writeUInt32LE(content.length, 18);
    common.writeUInt16LE(path.length, 22);
    const local = Buffer.concat([Buffer.from("PK\u0003\u0004"), common, path, content]);
    const place = Buffer.alloc(14);
    place.writeUInt32LE(offset, 10);
    directory.push(Buffer.concat([Buffer.from("PK\u0001\u0002\u0014\0"), common, place, path]));
    parts.push(local);
    offset += local.length;
  }
  const end = Buffer.alloc(18);
  end.writeUInt16LE(files.length, 4);
  end.writeUInt16LE(files.length, 6);
  end.writeUInt32LE(Buffer.concat(directory).length, 8);
  end.writeUInt32LE(offset, 12);
  return Buffer.concat([...parts, ...directory, Buffer.from("PK\u0005\u0006"), end]);
}
