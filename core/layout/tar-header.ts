/** Tar headers are one block; content is filled up to whole ones. */
export const BLOCK = 512;

/** A member of a tar file. `type` is ustar's flag: `0` a regular file, `5` a folder, `x` and `g` more about others. */
export interface TarHeader {
  readonly name: string;
  readonly size: number;
  readonly type: string;
}

/** What an extended header says of the member after it, as far as it matters here. */
export interface PaxRecords {
  readonly path?: string;
  readonly size?: number;
}

// The largest size that eleven octal digits can say is one less.
const OCTAL_LIMIT = 8 ** 11;
const NAME_LENGTH = 100;
const FIELDS = { name: 0, mode: 100, uid: 108, gid: 116, size: 124, mtime: 136, checksum: 148, type: 156 };

/**
 * The header of a member, with nothing in it that could differ from one machine to the next. A name or size that is too large
 * for ustar goes into an extended header before it.
 * @see https://pubs.opengroup.org/onlinepubs/9799919799/utilities/pax.html
 */
export function encodeHeader(header: TarHeader): Buffer {
  const long = {
    ...(Buffer.byteLength(header.name) > NAME_LENGTH && { path: header.name }),
    ...(header.size >= OCTAL_LIMIT && { size: header.size }),
  };
  const own = encodeBlock(header);
  if (Object.keys(long).length === 0) return own;
  const records = encodePax(long);
  const name = `PaxHeaders.0/${header.name.slice(-80)}`;
  return Buffer.concat([encodeBlock({ name, size: records.length, type: "x" }), pad(records), own]);
}

/** How many bytes fill the last block of a content of this size. */
export function paddingOf(size: number): number {
  return (BLOCK - (size % BLOCK)) % BLOCK;
}

/** Reads a header; `end` is the block of zeros after the last member. Answers undefined for a damaged one. */
export function decodeHeader(block: Buffer): TarHeader | "end" | undefined {
  if (block.every((byte) => byte === 0)) return "end";
  const text = (from: number, length: number): string =>
    block.toString("utf8", from, from + length).replace(/\0[^]*$/, "");
  if (Number.parseInt(text(FIELDS.checksum, 8).trim(), 8) !== checksumOf(block)) return undefined;
  const size = decodeNumber(block.subarray(FIELDS.size, FIELDS.size + 12));
  if (size === undefined) return undefined;
  // Only POSIX's headers have a prefix; GNU's keep times there.
  const prefix = block.toString("latin1", 257, 263) === "ustar\0" ? text(345, 155) : "";
  const name = text(FIELDS.name, NAME_LENGTH);
  const type = text(FIELDS.type, 1) || "0";
  return { name: prefix === "" ? name : `${prefix}/${name}`, size, type: type === "7" ? "0" : type };
}

/** Reads the content of an extended header; undefined for a damaged one. */
export function decodePax(content: Buffer): PaxRecords | undefined {
  const records: { path?: string; size?: number } = {};
  for (let at = 0; at < content.length;) {
    const digits = /^\d{1,9}(?= )/.exec(content.toString("latin1", at, at + 10))?.[0];
    const end = at + Number(digits ?? Number.NaN);
    const record = content.subarray(at + (digits?.length ?? 0) + 1, end - 1);
    const equals = record.indexOf("=");
    if (digits === undefined || end > content.length || content[end - 1] !== 0x0a || equals < 1)
      return undefined;
    const value = record.toString("utf8", equals + 1);
    const key = record.toString("utf8", 0, equals);
    if (key === "path") records.path = value;
    if (key === "size" && !/^\d+$/.test(value)) return undefined;
    if (key === "size") records.size = Number(value);
    if (!Number.isSafeInteger(records.size ?? 0)) return undefined;
    at = end;
  }
  return records;
}

function encodeBlock({ name, size, type }: TarHeader): Buffer {
  const block = Buffer.alloc(BLOCK);
  const octal = (value: number, at: number, length: number): void =>
    void block.write(`${value.toString(8).padStart(length - 1, "0")}\0`, at, "latin1");
  block.write(name, FIELDS.name, NAME_LENGTH, "utf8");
  octal(type === "5" ? 0o755 : 0o444, FIELDS.mode, 8);
  octal(0, FIELDS.uid, 8);
  octal(0, FIELDS.gid, 8);
  octal(size < OCTAL_LIMIT ? size : 0, FIELDS.size, 12);
  octal(0, FIELDS.mtime, 12);
  block.write(type, FIELDS.type, "latin1");
  block.write("ustar\x0000", 257, "latin1");
  octal(checksumOf(block), FIELDS.checksum, 7);
  block.write(" ", FIELDS.checksum + 7, "latin1");
  return block;
}

/** The length that a record begins with counts its own digits too. */
function encodePax(records: PaxRecords): Buffer {
  return Buffer.concat(
    Object.entries(records).map(([key, value]) => {
      const rest = Buffer.byteLength(` ${key}=${value}\n`);
      const length = rest + String(rest).length;
      const whole = rest + String(length).length;
      return Buffer.from(`${whole} ${key}=${value}\n`);
    }),
  );
}

function pad(content: Buffer): Buffer {
  return Buffer.concat([content, Buffer.alloc(paddingOf(content.length))]);
}

/** Sizes are octal, or binary where the first bit says so (GNU's way beyond 8 GiB). */
function decodeNumber(field: Buffer): number | undefined {
  if ((field[0] ?? 0) === 0x80) {
    const value = field.subarray(1).reduce((total, byte) => total * 256 + byte, 0);
    return Number.isSafeInteger(value) ? value : undefined;
  }
  const digits = field
    .toString("latin1")
    .replace(/\0[^]*$/, "")
    .trim();
  return /^[0-7]*$/.test(digits) ? Number.parseInt(digits || "0", 8) : undefined;
}

/** The sum of all bytes, the field of the sum itself counted as spaces. */
function checksumOf(block: Buffer): number {
  const { checksum, type } = FIELDS;
  return block.reduce((sum, byte, at) => sum + (at >= checksum && at < type ? 0x20 : byte), 0);
}
