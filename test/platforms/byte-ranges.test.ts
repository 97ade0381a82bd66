import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { fieldsOf, HEAD_BYTES, LONGEST_RANGE, readRanges } from "../../platforms/byte-ranges.ts";
import type { ByteRange, Inspection } from "../../platforms/byte-ranges.ts";

const FILE = Uint8Array.from({ length: 20_000 }, (_, at) => (at * 31) % 251);

/** Asks for these ranges one after the other; answers where each answer stands in the file, or that there was none. */
function* asking(ranges: readonly ByteRange[]): Inspection<readonly string[]> {
  const answers: string[] = [];
  for (const range of ranges) {
    const bytes = yield range;
    answers.push(
      bytes === undefined ? "none" : `${bytes.length}:${Buffer.from(bytes).toString("hex", 0, 8)}`,
    );
  }
  return answers;
}

function answersTo(
  ranges: readonly ByteRange[],
  chunkSize: number,
  given = FILE.length,
): readonly string[] | undefined {
  const reader = readRanges(asking(ranges), FILE.length);
  for (let at = 0; at < given; at += chunkSize)
    reader.take(FILE.subarray(at, Math.min(at + chunkSize, given)));
  return reader.end();
}

const at = (from: number, length: number): string =>
  `${length}:${Buffer.from(FILE.subarray(from, from + Math.min(length, 8))).toString("hex")}`;

describe.each([1, 7, 4096, 100_000])("in chunks of %i", (size) => {
  test.each<readonly [string, readonly ByteRange[], readonly string[]]>([
    [
      "ranges in their order",
      [
        { at: 10, length: 20 },
        { at: 30, length: 5 },
        { at: 9000, length: 1000 },
      ],
      [at(10, 20), at(30, 5), at(9000, 1000)],
    ],
    [
      "back into the beginning, however far it is",
      [
        { at: 15_000, length: 8 },
        { at: 3, length: 9 },
        { at: HEAD_BYTES - 1, length: 1 },
      ],
      [at(15_000, 8), at(3, 9), at(4095, 1)],
    ],
    [
      "not back to what has gone by",
      [
        { at: 15_000, length: 8 },
        { at: 9000, length: 8 },
        { at: 15_007, length: 2 },
        { at: 15_008, length: 2 },
      ],
      [at(15_000, 8), "none", "none", at(15_008, 2)],
    ],
    [
      "not over the edge of what is kept",
      [
        { at: 6000, length: 1 },
        { at: HEAD_BYTES - 1, length: 2 },
      ],
      [at(6000, 1), "none"],
    ],
    [
      "not beyond the end",
      [
        { at: 19_990, length: 11 },
        { at: 19_990, length: 10 },
        { at: 20_000, length: 0 },
      ],
      ["none", at(19_990, 10), at(20_000, 0)],
    ],
    ["the end, what has gone by left out", [{ last: 100 }], [at(19_900, 100)]],
    [
      "all that is left",
      [{ at: 12_000, length: 10 }, { last: LONGEST_RANGE }],
      [at(12_000, 10), at(12_010, 7990)],
    ],
    [
      "numbers that are none",
      [
        { at: -1, length: 2 },
        { at: Number.NaN, length: 2 },
        { at: 2, length: -1 },
        { at: 2 ** 60, length: 1 },
        { at: 0, length: 2 },
      ],
      ["none", "none", "none", "none", at(0, 2)],
    ],
  ])("%s", (_, ranges, answers) => {
    expect(answersTo(ranges, size)).toEqual(answers);
  });
});

test("no more than a mebibyte is kept for one answer, however large the file is", () => {
  const large = new Uint8Array(2 * LONGEST_RANGE);
  const ranges = [
    { at: 0, length: LONGEST_RANGE + 1 },
    { at: 5, length: LONGEST_RANGE },
    { last: 2 * LONGEST_RANGE },
  ];
  const reader = readRanges(asking(ranges), large.length);
  reader.take(large);
  expect(reader.end()?.map((answer) => answer.split(":")[0])).toEqual(["none", "1048576", "1048571"]);
});

test("of a file that breaks off, what is there is answered", () => {
  const ranges = [
    { at: 9000, length: 100 },
    { at: 5, length: 5 },
    { at: 9050, length: 1 },
  ];
  expect(answersTo(ranges, 64, 9050)).toEqual(["none", at(5, 5), "none"]);
  expect(answersTo(ranges, 9050, 9050)).toEqual(["none", at(5, 5), "none"]);
});

test("answers do not depend on chunks", () => {
  const range = fc.oneof(
    fc.record({ at: fc.nat(21_000), length: fc.nat(3000) }),
    fc.record({ last: fc.nat(21_000) }),
  );
  fc.assert(
    fc.property(
      fc.array(range, { maxLength: 8 }),
      fc.integer({ min: 1, max: 6000 }),
      fc.nat(20_000),
      (ranges, size, given) => {
        expect(answersTo(ranges, size, given)).toEqual(answersTo(ranges, FILE.length, given));
      },
    ),
    { numRuns: 300 },
  );
});

test("numbers of both byte orders, and 0 where the bytes end", () => {
  const bytes = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8, 9).subarray(1);
  const [little, big] = [fieldsOf(bytes, "little"), fieldsOf(bytes, "big")];
  expect([little.u16(0), little.u32(0), little.u64(0)]).toEqual([
    0x302,
    0x0504_0302,
    Number(0x0908_0706_0504_0302n),
  ]);
  expect([big.u16(0), big.u32(4), big.u64(0)]).toEqual([0x203, 0x0607_0809, Number(0x0203_0405_0607_0809n)]);
  expect([big.u16(7), big.u32(5), big.u64(1), big.u32(-1), big.u32(Number.NaN), big.u32(2 ** 40)]).toEqual([
    0, 0, 0, 0, 0, 0,
  ]);
});
