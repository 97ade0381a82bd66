import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { elfRule, exampleElf } from "../../platforms/elf.ts";
import {
  emulatedPlatforms,
  emulates,
  explainEntry,
  parseBinfmtEntry,
  recognizes,
} from "../../platforms/emulation.ts";
import type { BinfmtEntry } from "../../platforms/emulation.ts";
import { formatPlatform } from "../../platforms/platform.ts";

const AARCH64 = "7f454c460201010000000000000000000200b700";
const AARCH64_MASK = "ffffffffffffff00fffffffffffffffffeffffff";

describe("parseBinfmtEntry", () => {
  test("reads what the kernel writes", () => {
    const text = `enabled\ninterpreter /usr/bin/qemu-aarch64-static\nflags: POCF\noffset 0\nmagic ${AARCH64}\nmask ${AARCH64_MASK}\n`;
    expect(parseBinfmtEntry("qemu-aarch64", text)).toEqual({
      name: "qemu-aarch64",
      enabled: true,
      interpreter: "/usr/bin/qemu-aarch64-static",
      flags: ["P", "O", "C", "F"],
      recognition: {
        kind: "magic",
        offset: 0,
        magic: new Uint8Array(Buffer.from(AARCH64, "hex")),
        mask: new Uint8Array(Buffer.from(AARCH64_MASK, "hex")),
      },
    });
  });

  test("an entry without mask compares every bit", () => {
    const jar = parseBinfmtEntry(
      "jar",
      "disabled\ninterpreter /usr/bin/my java\nflags: \noffset 2\nmagic 504b\n",
    );
    expect(jar).toMatchObject({ enabled: false, interpreter: "/usr/bin/my java", flags: [] });
    expect(jar?.recognition).toMatchObject({ offset: 2, mask: new Uint8Array([0xff, 0xff]) });
  });

  test("an entry may go by the ending of a name", () => {
    const entry = parseBinfmtEntry("exe", "enabled\ninterpreter /usr/bin/wine\nflags: \nextension .exe\n");
    expect(entry?.recognition).toEqual({ kind: "extension", extension: "exe" });
    expect(entry && emulatedPlatforms(entry)).toEqual([]);
    expect(entry && explainEntry(entry)).toEqual(["exe hands files that end in .exe to /usr/bin/wine."]);
  });

  test.each([
    ["the status file", "enabled\n"],
    ["nothing", ""],
    ["another state", `maybe\ninterpreter /x\nflags: \noffset 0\nmagic ${AARCH64}\n`],
    ["no interpreter", `enabled\nflags: \noffset 0\nmagic ${AARCH64}\n`],
    ["odd magic", "enabled\ninterpreter /x\nflags: \noffset 0\nmagic 7f4\n"],
    ["magic that is not hexadecimal", "enabled\ninterpreter /x\nflags: \noffset 0\nmagic zz\n"],
    ["a mask of another length", `enabled\ninterpreter /x\nflags: \noffset 0\nmagic ${AARCH64}\nmask ff\n`],
    ["a negative offset", `enabled\ninterpreter /x\nflags: \noffset -1\nmagic ${AARCH64}\n`],
  ])("%s is no entry", (_, text) => {
    expect(parseBinfmtEntry("x", text)).toBeUndefined();
  });

  test("no text throws", () => {
    const line = fc.constantFrom(
      "enabled",
      "interpreter /x",
      "flags: F",
      "offset 9e9",
      "magic 7f",
      "mask",
      "",
      ":",
    );
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.array(line).map((lines) => lines.join("\n")),
        ),
        (text) => {
          const entry = parseBinfmtEntry("x", text);
          expect(entry === undefined || explainEntry(entry).length > 0).toBe(true);
        },
      ),
    );
  });
});

describe("emulatedPlatforms", () => {
  const mask32 = "ffffffffffffff00fefffffffffffffffffeffff0000000000000000000000000000000000000020";
  test.each([
    ["an entry whose name says something else", AARCH64, AARCH64_MASK, "linux/arm64"],
    [
      "all that one ARM emulator runs",
      "7f454c4601010100000000000000000002002800",
      AARCH64_MASK,
      "linux/arm/v7 linux/arm/v6 linux/arm/v5",
    ],
    [
      "MIPS with the old ABI",
      "7f454c46010201000000000000000000000200080000000000000000000000000000000000000000",
      mask32,
      "linux/mips",
    ],
    [
      "MIPS with the n32 ABI, told by a flag",
      "7f454c46010201000000000000000000000200080000000000000000000000000000000000000020",
      mask32,
      "",
    ],
    [
      "big-endian ARM",
      "7f454c4601020100000000000000000000020028",
      "ffffffffffffff00fffffffffffffffffffeffff",
      "",
    ],
    ["Java archives", "504b0304", "ffffffff", ""],
    [
      "ELF as such",
      "7f454c46",
      "ffffffff",
      "linux/amd64 linux/arm64 linux/arm/v7 linux/arm/v6 linux/arm/v5 linux/386 linux/ppc64le linux/s390x linux/riscv64 linux/loong64 linux/mips64le linux/mips64 linux/mipsle linux/mips linux/ppc64 linux/amd64/v2 linux/amd64/v3 linux/amd64/v4",
    ],
  ])("%s", (_, magic, mask, expected) => {
    expect(emulatedPlatforms(entryOf({ magic, mask })).map(formatPlatform).join(" ")).toBe(expected);
  });

  test("a platform that is not among the known ones is looked up by its programs too", () => {
    const takes = (architecture: string) =>
      emulates(entryOf({}), { os: "linux", architecture, variant: "v9" });
    expect([takes("arm64"), takes("s390x")]).toEqual([true, false]);
  });

  test("the offset counts, and a program that ends early does not match", () => {
    const { recognition } = entryOf({ magic: "0200b700", mask: "ffffffff", offset: 16 });
    const rule = elfRule({ os: "linux", architecture: "arm64" });
    const program = rule === undefined ? new Uint8Array() : exampleElf(rule);
    expect(recognizes(recognition, program)).toBe(true);
    expect(recognizes(recognition, program.subarray(1))).toBe(false);
    expect(recognizes(recognition, program.subarray(0, 19))).toBe(false);
    expect(recognizes(entryOf({ magic: "ff", mask: "ff" }).recognition, new Uint8Array())).toBe(false);
  });
});

describe("explainEntry", () => {
  test.each([
    ["CF", ["so it works inside containers", "so sudo and the like work"]],
    ["F", ["so it works inside containers", "Flag C is missing"]],
    [
      "C",
      [
        "Flag F is missing: the kernel looks for /opt/emulator inside each container",
        "sudo and the like work",
      ],
    ],
    ["PF", ["so it works inside containers", "Flag C is missing", "argv[0]"]],
    ["OF", ["so it works inside containers", "Flag C is missing", "already open"]],
    ["OCF", ["so it works inside containers", "so sudo and the like work"]],
  ])("flags %s", (flags, sentences) => {
    const [takes, ...rest] = explainEntry(entryOf({ flags }));
    expect(takes).toBe("thing hands programs for linux/arm64 to /opt/emulator.");
    expect(rest).toEqual(sentences.map((sentence) => expect.stringContaining(sentence)));
  });

  test("a disabled entry is said to be disabled, and how to enable it", () => {
    expect(explainEntry(entryOf({ enabled: false }))).toContainEqual(
      expect.stringContaining("until 1 is written to /proc/sys/fs/binfmt_misc/thing"),
    );
  });

  test("an emulator of no platform gets one sentence, with what its programs are", () => {
    const bigEndianArm = entryOf({
      magic: "7f454c4601020100000000000000000000020028",
      mask: "ff".repeat(20),
    });
    expect(explainEntry(bigEndianArm)).toEqual([
      "thing hands programs of no known platform (ELF, 32-bit, big-endian, ARM) to /opt/emulator.",
    ]);
    expect(explainEntry(entryOf({ magic: "504b", mask: "ffff" }))).toEqual([
      "thing hands files that are no programs of a platform to /opt/emulator.",
    ]);
  });
});

function entryOf({
  enabled = true,
  flags = "F",
  magic = AARCH64,
  mask = AARCH64_MASK,
  offset = 0,
}): BinfmtEntry {
  const state = enabled ? "enabled" : "disabled";
  const text = `${state}\ninterpreter /opt/emulator\nflags: ${flags}\noffset ${offset}\nmagic ${magic}\nmask ${mask}\n`;
  const entry = parseBinfmtEntry("thing", text);
  expect(entry).toBeDefined();
  return (
    entry ?? {
      name: "",
      enabled,
      interpreter: "",
      flags: [],
      recognition: { kind: "extension", extension: "" },
    }
  );
}
