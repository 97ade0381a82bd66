import * as fc from "fast-check";
import { expect, test } from "vitest";
import { BLOCK, decodeHeader, decodePax, encodeHeader, paddingOf } from "../../../core/layout/tar-header.ts";

const GIB = 1024 ** 3;
// Names as layouts have them, and any other without the end of a text field in it.
const names = fc.oneof(
  fc
    .string({ minLength: 1, maxLength: 300, unit: "binary" })
    .filter((name) => !/\0|\p{Surrogate}/u.test(name)),
  fc.stringMatching(/^blobs\/sha512\/[0-9a-f]{128}$/),
);
const sizes = fc.oneof(fc.nat(), fc.maxSafeNat(), fc.constantFrom(0, 8 * GIB - 1, 8 * GIB, 8 * GIB + 1));

/** What a reader makes of one member's headers, the extended one included. */
function read(bytes: Buffer): { readonly name: string; readonly size: number; readonly type: string } {
  const first = decodeHeader(bytes.subarray(0, BLOCK));
  if (first === undefined || first === "end") throw new Error("no header");
  if (first.type !== "x") return first;
  const records = decodePax(bytes.subarray(BLOCK, BLOCK + first.size));
  const rest = read(bytes.subarray(BLOCK + first.size + paddingOf(first.size)));
  return { ...rest, name: records?.path ?? rest.name, size: records?.size ?? rest.size };
}

test("a header is read as it was written, whatever the name and size", () => {
  fc.assert(
    fc.property(names, sizes, (name, size) => {
      expect(read(encodeHeader({ name, size, type: "0" }))).toEqual({ name, size, type: "0" });
    }),
  );
});

test("an extended header is only there where it is needed", () => {
  expect(encodeHeader({ name: "a".repeat(100), size: 8 * GIB - 1, type: "0" })).toHaveLength(BLOCK);
  expect(encodeHeader({ name: "a".repeat(101), size: 0, type: "0" })).toHaveLength(3 * BLOCK);
  expect(encodeHeader({ name: "a", size: 8 * GIB, type: "0" })).toHaveLength(3 * BLOCK);
});

test("one flipped byte of a header is noticed", () => {
  const header = encodeHeader({ name: "index.json", size: 12, type: "0" });
  fc.assert(
    fc.property(fc.nat(BLOCK - 1), fc.integer({ min: 1, max: 255 }), (at, change) => {
      const bytes = Buffer.from(header);
      bytes[at] = (bytes[at] ?? 0) ^ change;
      const isInSum = at >= 148 && at < 156;
      // The field of the sum has ends that mean nothing.
      fc.pre(!isInSum);
      expect(decodeHeader(bytes)).toBeUndefined();
    }),
  );
});

test("no bytes make the readers throw", () => {
  const read = (bytes: Uint8Array): void => {
    decodeHeader(Buffer.from(bytes));
    decodePax(Buffer.from(bytes));
  };
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 2 * BLOCK }), (bytes) => {
      expect(() => read(bytes)).not.toThrow();
    }),
  );
});

test.each([
  ["13 path=abcd\n", { path: "abcd" }],
  ["13 path=abcd\n13 path=wxyz\n", { path: "wxyz" }],
  ["17 comment=a=b\nc\n14 size=12345\n", { size: 12_345 }],
  ["16 path=\u00e9t\u00e9/x\n", { path: "\u00e9t\u00e9/x" }],
  ["", {}],
])("an extended header of %j", (text, records) => {
  expect(decodePax(Buffer.from(text))).toEqual(records);
});

test.each([
  "13 path=abc\n",
  "99 path=abcd\n",
  "path=abcd\n",
  "0 \n",
  "10 size=x2\n",
  "11 size=-12\n",
  "5 =a\n",
])("a damaged extended header is refused: %j", (text) => {
  expect(decodePax(Buffer.from(text))).toBeUndefined();
});

test("a size in GNU's binary form is read, and one beyond all numbers refused", () => {
  const sized = (bytes: readonly number[]): Buffer => {
    const header = encodeHeader({ name: "a", size: 0, type: "0" });
    header.set(bytes, 124);
    header.write("        ", 148, "latin1");
    const sum = header.reduce((total, byte) => total + byte, 0);
    header.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
    return header;
  };
  expect(decodeHeader(sized([0x80, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 1]))).toMatchObject({ size: 8 * GIB + 1 });
  expect(decodeHeader(sized([0x80, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]))).toBeUndefined();
  expect(decodeHeader(sized([0xff, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255]))).toBeUndefined();
});
