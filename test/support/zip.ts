import { crc32, deflateRawSync } from "node:zlib";

/** A file of a zip archive, as it is or as it lies. */
export interface ZipFile {
  readonly name: string;
  readonly content: string | Uint8Array;
  /** How many bytes the archive says it has, in place of the truth. */
  readonly said?: number;
}

/**
 * A zip archive with compressed files, as honest as they are.
 * @see https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT
 */
export function zipArchive(files: readonly ZipFile[]): Buffer {
  const locals: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const { name, content, said } of files) {
    const [path, bytes] = [Buffer.from(name), Buffer.from(content)];
    const packed = deflateRawSync(bytes);
    const common = Buffer.concat([
      u16(20, 0x800, 8, 0, 0x21),
      u32(crc32(bytes), packed.length, said ?? bytes.length),
      u16(path.length, 0),
    ]);
    const local = Buffer.concat([Buffer.from("PK\u0003\u0004"), common, path, packed]);
    directory.push(
      Buffer.concat([Buffer.from("PK\u0001\u0002"), u16(20), common, u16(0, 0, 0), u32(0, offset), path]),
    );
    locals.push(local);
    offset += local.length;
  }
  const index = Buffer.concat(directory);
  const end = [u16(0, 0, files.length, files.length), u32(index.length, offset), u16(0)];
  return Buffer.concat([...locals, index, Buffer.from("PK\u0005\u0006"), ...end]);
}

function u16(...values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(values.length * 2);
  values.forEach((value, at) => bytes.writeUInt16LE(value, at * 2));
  return bytes;
}

function u32(...values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(values.length * 4);
  values.forEach((value, at) => bytes.writeUInt32LE(value, at * 4));
  return bytes;
}
