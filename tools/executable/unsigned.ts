const PE_HEADER = 0x3c;
const OPTIONAL_HEADER = 24;
const PE32_PLUS = 0x20b;
/** The fifth of the data directories: place and size of the certificates, which stand at the end of the file. */
const CERTIFICATES = 112 + 4 * 8;

/**
 * A Windows program (64 bits) without its signature: a program that is changed has a wrong one, which looks worse than none.
 * @see https://learn.microsoft.com/windows/win32/debug/pe-format#the-attribute-certificate-table-image-only
 */
export function unsigned(program: Buffer): Buffer {
  const optional = program.readUInt32LE(PE_HEADER) + OPTIONAL_HEADER;
  if (program.readUInt16LE(optional) !== PE32_PLUS) throw new Error("this is no Windows program of 64 bits");
  const entry = optional + CERTIFICATES;
  const [start, size] = [program.readUInt32LE(entry), program.readUInt32LE(entry + 4)];
  if (start === 0) return program;
  if (start + size !== program.length) throw new Error("the signature does not end the file");
  const rest = Buffer.from(program.subarray(0, start));
  rest.fill(0, entry, entry + 8);
  return rest;
}
