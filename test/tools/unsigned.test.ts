import { describe, expect, test } from "vitest";
import { unsigned } from "../../tools/executable/unsigned.ts";

const HEADER = 0x80;
const DIRECTORY = HEADER + 24 + 112 + 4 * 8;
const LENGTH = 0x200;

/** As much of a Windows program as names its signature. */
function program({ signature = Buffer.alloc(0), magic = 0x20b, start = LENGTH } = {}): Buffer {
  const content = Buffer.alloc(LENGTH, 0xaa);
  content.writeUInt32LE(HEADER, 0x3c);
  content.writeUInt16LE(magic, HEADER + 24);
  content.writeUInt32LE(signature.length === 0 ? 0 : start, DIRECTORY);
  content.writeUInt32LE(signature.length, DIRECTORY + 4);
  return Buffer.concat([content, signature]);
}

describe("a Windows program", () => {
  test("loses its signature, and nothing else", () => {
    expect(unsigned(program({ signature: Buffer.alloc(64, 1) })).equals(program())).toBe(true);
  });

  test("that has none stays as it is", () => {
    expect(unsigned(program()).equals(program())).toBe(true);
  });

  test("is not guessed at", () => {
    expect(() => unsigned(program({ magic: 0x10b }))).toThrow("no Windows program of 64 bits");
    expect(() => unsigned(program({ signature: Buffer.alloc(64), start: 0x100 }))).toThrow(
      "does not end the file",
    );
  });
});
