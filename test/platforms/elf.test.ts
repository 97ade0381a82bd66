import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { acceptsElf, elfRule, exampleElf, machineName, readElfHeader } from "../../platforms/elf.ts";
import type { ElfHeader } from "../../platforms/elf.ts";
import { formatPlatform, knownPlatforms } from "../../platforms/platform.ts";

const linux = knownPlatforms.filter((platform) => platform.os === "linux");
const armHeader: ElfHeader = { class: 32, data: "little", osAbi: 0, machine: 40, flags: 0x0500_0000 };

describe("readElfHeader", () => {
  // Written out by hand after the specification's table: 32-bit ARM with hard float, and big-endian MIPS.
  test.each([
    [
      "7f454c460101010000000000000000000200280001000000e9b7010034000000f8e71000000400053400200009002800",
      { class: 32, data: "little", osAbi: 0, machine: 40, flags: 0x0500_0400 },
    ],
    [
      "7f454c4601020103000000000000000000020008000000010040045000000034000f424070001007003400200008002800",
      { class: 32, data: "big", osAbi: 3, machine: 8, flags: 0x7000_1007 },
    ],
  ])("%.20s...", (hex, header) => {
    expect(readElfHeader(new Uint8Array(Buffer.from(hex.padEnd(104, "0"), "hex")))).toEqual(header);
  });

  test.each([
    ["nothing", ""],
    ["a script", "#!/bin/sh\necho a script that is longer than any ELF header would be"],
    ["a header cut short", "\x7fELF\x02\x01\x01".padEnd(63, "\0")],
    ["an unknown class", "\x7fELF\x03\x01\x01".padEnd(64, "\0")],
    ["an unknown byte order", "\x7fELF\x02\x03\x01".padEnd(64, "\0")],
  ])("%s is no header", (_, text) => {
    expect(readElfHeader(new Uint8Array(Buffer.from(text, "latin1")))).toBeUndefined();
  });

  test("reads a part of a larger buffer from its own beginning, and never throws", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 20 }), fc.constantFrom(...linux), (before, platform) => {
        const rule = elfRule(platform);
        const program = rule === undefined ? new Uint8Array() : exampleElf(rule);
        const whole = new Uint8Array([...before, ...program]);
        expect(readElfHeader(whole.subarray(before.length))).toEqual(readElfHeader(program));
        expect(readElfHeader(before)).toBeUndefined();
      }),
    );
  });
});

describe("acceptsElf", () => {
  test.each(linux.map((platform) => [formatPlatform(platform), platform] as const))(
    "%s has a rule, and accepts its own example",
    (_, platform) => {
      const rule = elfRule(platform);
      const header = rule === undefined ? undefined : readElfHeader(exampleElf(rule));
      expect(header).toMatchObject({ machine: rule?.machine, class: rule?.class });
      expect(header !== undefined && acceptsElf(platform, header)).toBe(true);
    },
  );

  test("no architecture accepts the example of another", () => {
    for (const platform of linux) {
      const rule = elfRule(platform);
      const header = rule === undefined ? undefined : readElfHeader(exampleElf(rule));
      const takers = linux.filter((other) => header !== undefined && acceptsElf(other, header));
      expect(new Set(takers.map((taker) => taker.architecture))).toEqual(new Set([platform.architecture]));
    }
  });

  test.each([
    ["hard float on v7", { os: "linux", architecture: "arm" }, { ...armHeader, flags: 0x0500_0400 }, true],
    [
      "hard float on v5",
      { os: "linux", architecture: "arm", variant: "v5" },
      { ...armHeader, flags: 0x0500_0400 },
      false,
    ],
    [
      "an ABI before EABI5",
      { os: "linux", architecture: "arm" },
      { ...armHeader, flags: 0x0400_0002 },
      false,
    ],
    ["high flag bits", { os: "linux", architecture: "arm" }, { ...armHeader, flags: 0x8500_0000 }, false],
    ["GNU extensions", { os: "linux", architecture: "arm" }, { ...armHeader, osAbi: 3 }, true],
    ["a FreeBSD program on Linux", { os: "linux", architecture: "arm" }, { ...armHeader, osAbi: 9 }, false],
    ["a FreeBSD program", { os: "freebsd", architecture: "arm" }, { ...armHeader, osAbi: 9 }, true],
    ["ELF on Windows", { os: "windows", architecture: "arm" }, armHeader, false],
    ["an architecture without a rule", { os: "linux", architecture: "sparc64" }, armHeader, false],
    [
      "little-endian POWER, first ABI",
      { os: "linux", architecture: "ppc64le" },
      { ...armHeader, class: 64, machine: 21, flags: 1 },
      false,
    ],
  ] as const)("%s", (_, platform, header, accepted) => {
    expect(acceptsElf(platform, header)).toBe(accepted);
  });
});

test("a machine is named, or numbered", () => {
  expect([machineName(183), machineName(62), machineName(60_000)]).toEqual([
    "AArch64",
    "x86-64",
    "machine 60000",
  ]);
});
