import { gzipSync } from "node:zlib";

/** An entry of a tar file: a regular file, if no type flag says otherwise. */
export interface TarEntry {
  readonly name: string;
  readonly content?: string | Uint8Array;
  /** ustar's flag: `2` symbolic link, `5` folder, `x` extended header. */
  readonly type?: string;
  readonly linkName?: string;
}

/** Writes a gzip-compressed ustar file, with any name that is asked for. */
export function tarball(entries: readonly TarEntry[]): Buffer {
  return gzipSync(Buffer.concat([...entries.map(tarEntry), Buffer.alloc(1024)]));
}

function tarEntry({ name, content = "", type = "0", linkName = "" }: TarEntry): Buffer {
  const body = typeof content === "string" ? Buffer.from(content) : Buffer.from(content);
  const header = Buffer.alloc(512);
  header.write(name, 0, 100);
  header.write("0000755\0", 100);
  header.write(`${body.length.toString(8).padStart(11, "0")}\0`, 124);
  header.write("        ", 148);
  header.write(type, 156);
  header.write(linkName, 157, 100);
  header.write("ustar\x0000", 257, "latin1");
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
  return Buffer.concat([header, body, Buffer.alloc((512 - (body.length % 512)) % 512)]);
}
