import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { LONGEST_RANGE, readRanges } from "../../platforms/byte-ranges.ts";
import type { Inspection } from "../../platforms/byte-ranges.ts";
import { inspectElf } from "../../platforms/elf-program.ts";
import { inspectFat, inspectMachO } from "../../platforms/mach-o.ts";
import { inspectPe } from "../../platforms/pe.ts";
import { knownPlatforms } from "../../platforms/platform.ts";
import { fitOf, madeFor, readProgram } from "../../platforms/program.ts";
import type { Program } from "../../platforms/program.ts";
import { inspectWasm } from "../../platforms/wasm.ts";
import { armAttributes, dynamic, elfFile, interpreter, levelNote } from "../support/elf-file.ts";
import { fatFile, machOFile, peFile, programIn, wasmFile } from "../support/programs.ts";

const ARM = { class: 32, machine: 40, flags: 0x0500_0400 } as const;
const LOADER = interpreter("/lib64/ld-linux-x86-64.so.2");

/** One file for every way through the readers. Some are larger than what is kept of their beginning. */
const FILES: readonly Uint8Array[] = [
  elfFile(),
  elfFile({ type: 3, segments: [LOADER, levelNote(4), levelNote(2, 4)] }),
  elfFile({
    type: 3,
    segments: [levelNote(4, 4), { type: 1, content: new Uint8Array(9000) }, dynamic(0x0800_0000)],
  }),
  elfFile({
    ...ARM,
    segments: [interpreter("/lib/ld-linux-armhf.so.3")],
    sections: [armAttributes(10)],
    code: 9000,
  }),
  elfFile({
    ...ARM,
    data: "big",
    type: 3,
    segments: [dynamic(1, 32, "big")],
    sections: [armAttributes(6, "big")],
  }),
  peFile({ hybrid: true, cli: { flags: 1 } }),
  peFile({ machine: 0x14c, cli: { flags: 3 } }),
  machOFile(),
  machOFile({ bits: 32, data: "big" }),
  fatFile([machOFile(), machOFile({ cpu: 7 })]),
  fatFile([machOFile()], true),
  wasmFile(),
];

const file = fc.constantFrom(...FILES);
/** Numbers that are at the edge of something are met more often than by chance. */
const byte = fc.oneof(fc.constantFrom(0, 1, 0x7f, 0x80, 0xff), fc.nat(255));
const place = fc.oneof(fc.nat(63), fc.nat(600), fc.nat(12_000));
const changes = fc.array(
  fc.tuple(
    place,
    fc
      .uint8Array({ minLength: 1, maxLength: 8 })
      .chain((bytes) => fc.tuple(...Array.from(bytes, () => byte))),
  ),
  { maxLength: 12 },
);
const changedFile = fc.tuple(file, changes).map(([original, edits]) => {
  const copy = original.slice();
  for (const [at, bytes] of edits)
    bytes.forEach((value, index) =>
      copy.set(at + index < copy.length ? [value] : [], at + index < copy.length ? at + index : 0),
    );
  return copy;
});
const anyFile = fc.oneof(changedFile, fc.uint8Array({ maxLength: 300 }), magicThenNoise());

/** The first bytes of a program, then anything. */
function magicThenNoise(): fc.Arbitrary<Uint8Array> {
  return fc
    .tuple(file, fc.integer({ min: 4, max: 64 }), fc.uint8Array({ maxLength: 600 }))
    .map(([original, kept, noise]) => Uint8Array.of(...original.subarray(0, kept), ...noise));
}

test("how a file is cut into chunks changes nothing", () => {
  fc.assert(
    fc.property(
      anyFile,
      fc.array(fc.integer({ min: 0, max: 5000 }), { minLength: 1, maxLength: 20 }),
      (bytes, sizes) => {
        const whole = programIn(bytes, bytes.length);
        expect(readIn(bytes, sizes)).toEqual(whole);
        expect(programIn(bytes, 1)).toEqual(whole);
      },
    ),
    { numRuns: 500 },
  );
});

test("once no byte is wanted, no byte changes anything", () => {
  fc.assert(
    fc.property(anyFile, (bytes) => {
      const reader = readProgram(bytes.length);
      for (let at = 0; at < bytes.length; at += 64) reader.take(bytes.subarray(at, at + 64));
      expect(reader.end()).toEqual(programIn(bytes, 64));
    }),
    { numRuns: 500 },
  );
});

test("bytes are not kept, only copies of them: who gives them may use their place again", () => {
  fc.assert(
    fc.property(file, fc.integer({ min: 1, max: 5000 }), (bytes, size) => {
      const reader = readProgram(bytes.length);
      const place = new Uint8Array(size);
      for (let at = 0; at < bytes.length; at += size) {
        const chunk = bytes.subarray(at, at + size);
        place.set(chunk);
        reader.take(place.subarray(0, chunk.length));
        place.fill(0xee);
      }
      expect(reader.end()).toEqual(programIn(bytes));
    }),
  );
});

test("a file cut short anywhere is read without a fault, and what was told before the cut stays so", () => {
  for (const bytes of FILES) {
    const whole = programIn(bytes);
    for (const length of cuts(bytes.length)) {
      const reader = readProgram(bytes.length);
      const isDone = !reader.take(bytes.subarray(0, length));
      const program = reader.end();
      expect(isDone ? program : undefined).toEqual(isDone ? whole : undefined);
      // What it says of the CPU stands in the header: no later byte takes it back.
      expect([undefined, whole?.format]).toContain(program?.format);
      expect(reader.end()).toBe(program);
    }
  }
});

describe("whatever the bytes say, what is asked of them is bounded", () => {
  test.each<readonly [string, (size: number) => Inspection<Program>]>([
    ["ELF", inspectElf],
    ["PE", () => inspectPe()],
    ["Mach-O", () => inspectMachO()],
    ["fat Mach-O", inspectFat],
    ["WebAssembly", () => inspectWasm()],
  ])("%s", (_, inspect) => {
    fc.assert(
      fc.property(anyFile, fc.constantFrom(0, 1, 1 << 20, 2 ** 40), (bytes, more) => {
        // The size of an entry may be far beyond what comes of it.
        const size = bytes.length + more;
        const asked: number[] = [];
        const reader = readRanges(watched(inspect(size), asked), size);
        reader.take(bytes);
        reader.end();
        expect(asked.length).toBeLessThan(40);
        // One range is ever as long as a mebibyte; all others together are not.
        expect(asked.reduce((sum, length) => sum + length, 0)).toBeLessThan(2 * LONGEST_RANGE);
      }),
      { numRuns: 500 },
    );
  });
});

test("whatever is read can be said, judged, and kept as JSON", () => {
  fc.assert(
    fc.property(anyFile, fc.constantFrom(...knownPlatforms), (bytes, platform) => {
      const program = programIn(bytes);
      fc.pre(program !== undefined);
      if (program === undefined) return;
      expect(madeFor(program)).not.toBe("");
      expect(["native", "compatible", "portable", "foreign-system", "foreign-cpu"]).toContain(
        fitOf(program, platform),
      );
      expect(JSON.parse(JSON.stringify(program))).toEqual(program);
      expect(JSON.stringify(program).length).toBeLessThan(4000);
    }),
    { numRuns: 500 },
  );
});

function readIn(bytes: Uint8Array, sizes: readonly number[]): Program | undefined {
  const reader = readProgram(bytes.length);
  for (let at = 0, index = 0; at < bytes.length; index++) {
    const size = Math.max(sizes[index % sizes.length] ?? 1, index % 7 === 6 ? 1 : 0);
    if (!reader.take(bytes.subarray(at, at + size))) break;
    at += size;
  }
  return reader.end();
}

/** Every place in the beginning, and some of the rest. */
function cuts(length: number): readonly number[] {
  return Array.from({ length: length + 1 }, (_, at) => at).filter(
    (at) => at < 600 || at % 97 === 0 || at === length,
  );
}

function* watched<Found>(inspection: Inspection<Found>, asked: number[]): Inspection<Found> {
  let step = inspection.next();
  while (step.done !== true) {
    const range = step.value;
    asked.push("last" in range ? range.last : range.length);
    step = inspection.next(yield range);
  }
  return step.value;
}
