import { createReadStream, createWriteStream } from "node:fs";
import { basename, join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGunzip } from "node:zlib";

const BLOCK = 512;

/** What to take out of an archive. */
export interface Extraction {
  /** A gzip-compressed tar file. */
  readonly archive: string;
  /** Entries that are taken, by their whole name; everything else is passed over. */
  readonly names: readonly string[];
  /** Existing folder that they are written into, each under the last part of its name. */
  readonly folder: string;
  /** Size of one file that is refused, in bytes. */
  readonly maxFileBytes: number;
  readonly signal: AbortSignal;
}

/**
 * Takes single programs out of a release archive: regular files of known names only, so that no name, link or device of
 * the archive decides where anything is written. Answers the names that were there; rejects on a broken archive.
 * @see https://pubs.opengroup.org/onlinepubs/9799919799/utilities/pax.html (ustar interchange format)
 */
export async function extractPrograms(extraction: Extraction): Promise<readonly string[]> {
  const gunzip = createGunzip();
  // What goes wrong in reading, the one who takes from gunzip hears of.
  const reading = pipeline(createReadStream(extraction.archive), gunzip, { signal: extraction.signal }).catch(
    () => undefined,
  );
  const taken: string[] = [];
  try {
    const bytes = blockReader(gunzip);
    for (let entry = await nextEntry(bytes); entry !== undefined; entry = await nextEntry(bytes)) {
      const isWanted = entry.isFile && extraction.names.includes(entry.name);
      if (isWanted && entry.size > extraction.maxFileBytes) throw new Error(`${entry.name} is too large`);
      const padding = (BLOCK - (entry.size % BLOCK)) % BLOCK;
      if (isWanted) {
        await write(bytes.take(entry.size), join(extraction.folder, basename(entry.name)));
        taken.push(entry.name);
      } else await drain(bytes.take(entry.size));
      await drain(bytes.take(padding));
    }
  } finally {
    gunzip.destroy();
    await reading;
  }
  return taken;
}

interface Entry {
  readonly name: string;
  readonly size: number;
  readonly isFile: boolean;
}

/** The archive ends with a block of zeros. */
async function nextEntry(bytes: BlockReader): Promise<Entry | undefined> {
  const pieces: Buffer[] = [];
  for await (const piece of bytes.take(BLOCK)) pieces.push(piece);
  const header = Buffer.concat(pieces);
  if (header.every((byte) => byte === 0)) return undefined;
  const text = (from: number, to: number): string =>
    header.toString("latin1", from, to).replace(/\0[^]*$/, "");
  if (!hasValidChecksum(header, text(148, 156))) throw new Error("the archive is damaged");
  const prefix = text(257, 262) === "ustar" ? text(345, 500) : "";
  const name = prefix === "" ? text(0, 100) : `${prefix}/${text(0, 100)}`;
  const size = Number.parseInt(text(124, 136).trim() || "0", 8);
  if (!Number.isSafeInteger(size) || size < 0) throw new Error("the archive is damaged");
  const type = text(156, 157);
  return { name: name.replace(/^\.\//, ""), size, isFile: type === "" || type === "0" };
}

function hasValidChecksum(header: Buffer, field: string): boolean {
  const sum = header.reduce((total, byte, index) => total + (index >= 148 && index < 156 ? 0x20 : byte), 0);
  return sum === Number.parseInt(field.trim(), 8);
}

interface BlockReader {
  /** The next `size` bytes, in pieces. */
  take(size: number): AsyncGenerator<Buffer>;
}

function blockReader(stream: AsyncIterable<Buffer>): BlockReader {
  const chunks = stream[Symbol.asyncIterator]();
  let rest: Buffer = Buffer.alloc(0);
  return {
    take: async function* (size) {
      let missing = size;
      while (missing > 0) {
        if (rest.length === 0) {
          const next = await chunks.next();
          if (next.done === true) throw new Error("the archive ends too early");
          rest = next.value;
        }
        const piece = rest.subarray(0, missing);
        rest = rest.subarray(piece.length);
        missing -= piece.length;
        yield piece;
      }
    },
  };
}

async function write(pieces: AsyncGenerator<Buffer>, path: string): Promise<void> {
  await pipeline(Readable.from(pieces), createWriteStream(path, { mode: 0o755, flags: "wx" }));
}

async function drain(pieces: AsyncGenerator<Buffer>): Promise<void> {
  for await (const _ of pieces);
}
