import { BLOCK } from "../layout/tar-header.ts";

/** One header block, as far as reading layers needs it. */
export interface TarBlock {
  /** Ustar's flag; older files have NUL for regular ones. */
  readonly type: string;
  readonly name: string;
  readonly linkName: string;
  readonly mode: number;
  readonly size: number;
}

const OCTAL_FIELD = { mode: [100, 8], size: [124, 12], checksum: [148, 8] } as const;

/** Is it one of the two blocks of zeros that end a tar file? */
export function isZeroBlock(block: Uint8Array): boolean {
  for (let at = 0; at < BLOCK; at += 1) if (block[at] !== 0) return false;
  return true;
}

/**
 * Reads a header block; undefined for one whose checksum or numbers are wrong.
 * @see https://pubs.opengroup.org/onlinepubs/9799919799/utilities/pax.html
 */
export function readBlock(block: Buffer): TarBlock | undefined {
  const checksum = readNumber(block, ...OCTAL_FIELD.checksum);
  const mode = readNumber(block, ...OCTAL_FIELD.mode);
  const size = readNumber(block, ...OCTAL_FIELD.size);
  if (!isChecksum(block, checksum) || size === undefined) return undefined;
  const magic = block.toString("latin1", 257, 265);
  const isStar = block.toString("latin1", 508, BLOCK) === "tar\0";
  // GNU's headers have other fields there, and star's some behind a shorter one.
  const prefix = magic.startsWith("ustar\0") ? readText(block, 345, isStar ? 131 : 155) : "";
  const name = readText(block, 0, 100);
  return {
    type: block.toString("latin1", 156, 157),
    name: prefix === "" ? name : `${prefix}/${name}`,
    linkName: readText(block, 157, 100),
    mode: mode ?? 0,
    size,
  };
}

/** A field of text, which NUL ends early. */
export function readText(bytes: Buffer, from: number, length: number): string {
  const nul = bytes.indexOf(0, from);
  return decodeName(bytes, from, nul === -1 || nul > from + length ? from + length : nul);
}

const LONE_BYTES = 0xdc00;

/**
 * Decodes UTF-8. Bytes that are none become halves of surrogate pairs, one each, so that different names stay different;
 * {@link isCleanName} tells.
 */
export function decodeName(bytes: Buffer, from: number, to: number): string {
  const text = bytes.toString("utf8", from, to);
  if (!text.includes("\ufffd") || Buffer.from(text).equals(bytes.subarray(from, to))) return text;
  return bytes
    .toString("latin1", from, to)
    .replace(/[\x80-\xff]/g, (byte) => String.fromCharCode(LONE_BYTES + byte.charCodeAt(0)));
}

/** Was the name UTF-8? */
export function isCleanName(name: string): boolean {
  return name.isWellFormed();
}

/** A number in octal, or in binary where the first bit says so (GNU); undefined where it is none, negative or beyond 2^53. */
export function readNumber(bytes: Uint8Array, from: number, length: number): number | undefined {
  if (((bytes[from] ?? 0) & 0x80) !== 0) return readBinary(bytes, from, length);
  let value = 0;
  let hasDigits = false;
  for (let at = from; at < from + length; at += 1) {
    const byte = bytes[at] ?? 0;
    const isBlank = byte === 0x20 || byte === 0;
    if (isBlank && !hasDigits) continue;
    if (isBlank) break;
    if (byte < 0x30 || byte > 0x37) return undefined;
    hasDigits = true;
    value = value * 8 + byte - 0x30;
  }
  return value;
}

function readBinary(bytes: Uint8Array, from: number, length: number): number | undefined {
  if (bytes[from] !== 0x80) return undefined;
  let value = 0;
  for (let at = from + 1; at < from + length; at += 1) value = value * 256 + (bytes[at] ?? 0);
  return Number.isSafeInteger(value) ? value : undefined;
}

/** Both sums that tar programs have written: of bytes without a sign, and with one. Its own field counts as spaces. */
function isChecksum(block: Uint8Array, expected: number | undefined): boolean {
  const { checksum } = OCTAL_FIELD;
  let sum = 0;
  let high = 0;
  for (let at = 0; at < BLOCK; at += 1) {
    const byte = block[at] ?? 0;
    sum += byte;
    high += byte >>> 7;
  }
  for (let at = checksum[0]; at < checksum[0] + checksum[1]; at += 1) {
    const byte = block[at] ?? 0;
    sum += 0x20 - byte;
    high -= byte >>> 7;
  }
  return sum === expected || sum - 256 * high === expected;
}
