import { describe, expect, test } from "vitest";
import { x86LevelTooHigh, fitOf, madeFor } from "../../platforms/program.ts";
import type { ElfProgram, Fit } from "../../platforms/program.ts";
import { parsePlatform } from "../../platforms/platform.ts";
import type { Platform } from "../../platforms/platform.ts";
import { armAttributes, dynamic, elfFile, interpreter, levelNote } from "../support/elf-file.ts";
import type { ElfParts } from "../support/elf-file.ts";
import { programIn } from "../support/programs.ts";

const PIE = 0x0800_0000;
const EABI5 = 0x0500_0000;
const arm = { class: 32, machine: 40, flags: EABI5 } as const;
const loader = interpreter("/lib64/ld-linux-x86-64.so.2");

describe("what is read", () => {
  test("the header, the kind of program, and the loader that it needs", () => {
    expect(programIn(elfFile({ class: 32, data: "big", machine: 8, flags: 0x1004, osAbi: 3 }))).toEqual({
      format: "elf",
      type: "executable",
      header: { class: 32, data: "big", osAbi: 3, machine: 8, flags: 0x1004 },
    });
    expect(programIn(elfFile({ type: 3, segments: [loader] }))).toMatchObject({
      type: "executable",
      interpreter: "/lib64/ld-linux-x86-64.so.2",
    });
  });

  test.each<readonly [string, ElfParts, "executable" | "library" | undefined]>([
    ["ET_EXEC", { type: 2 }, "executable"],
    ["ET_DYN", { type: 3 }, "library"],
    ["ET_DYN that says that it is an executable", { type: 3, segments: [dynamic(PIE)] }, "executable"],
    [
      "the same far behind",
      { type: 3, segments: [{ type: 1, content: new Uint8Array(99_999) }, dynamic(PIE)] },
      "executable",
    ],
    [
      "the same in 32 bits, big-endian",
      { type: 3, class: 32, data: "big", machine: 8, segments: [dynamic(PIE, 32, "big")] },
      "executable",
    ],
    [
      "the same in 64 bits, big-endian",
      { type: 3, data: "big", machine: 22, segments: [dynamic(PIE, 64, "big")] },
      "executable",
    ],
    ["a library with other flags", { type: 3, segments: [dynamic(1)] }, "library"],
    ["a library without entry point", { type: 3, entry: 0, segments: [dynamic(PIE)] }, "library"],
    ["an object file", { type: 1 }, undefined],
    ["a core dump", { type: 4 }, undefined],
    ["no type at all", { type: 0 }, undefined],
    ["code for a graphics card", { type: 2, machine: 190 }, undefined],
    ["the same, of another maker", { type: 3, machine: 224 }, undefined],
  ])("%s", (_, parts, type) => {
    expect(elfIn(parts)?.type).toBe(type);
  });

  test.each([
    [0, undefined],
    [1, 1],
    [0b11, 2],
    [0b100, 3],
    [0b1111, 4],
  ])("the level of x86-64 that bits %i demand is %s", (levels, x86Level) => {
    expect(elfIn({ segments: [levelNote(levels)] })?.x86Level).toBe(x86Level);
    expect(elfIn({ segments: [levelNote(levels, 4)] })?.x86Level).toBe(x86Level);
  });

  test("a level is one of x86-64 only: other CPUs have other meanings for the number", () => {
    expect(programIn(elfFile({ machine: 183, segments: [levelNote(4)] }))).not.toHaveProperty("x86Level");
  });

  test.each([3, 5, 6, 10, 14])("Tag_CPU_arch %i stands at the end of an ARM program", (tag) => {
    const sections = [{ type: 1, content: new Uint8Array(64) }, armAttributes(tag)];
    expect(programIn(elfFile({ ...arm, sections, code: 3_000_000 }))).toHaveProperty("armArchitecture", tag);
    const bigEndian = { ...arm, data: "big", sections: [armAttributes(tag, "big")] } as const;
    expect(programIn(elfFile(bigEndian))).toHaveProperty("armArchitecture", tag);
  });

  test("attributes further than a mebibyte from the end are out of reach, and none are none", () => {
    const far = [armAttributes(10), { type: 2, content: new Uint8Array(1 << 20) }];
    expect(programIn(elfFile({ ...arm, sections: far }))).not.toHaveProperty("armArchitecture");
    expect(programIn(elfFile(arm))).not.toHaveProperty("armArchitecture");
  });

  test.each<readonly [string, (content: Uint8Array) => unknown]>([
    ["of another format", (content) => content.set([0x42], 0)],
    ["of a vendor whose part has no length", (content) => content.set([0, 0, 0, 0, 0x78], 1)],
    ["of a scope that has no length", (content) => content.set([2, 0, 0, 0, 0], 11)],
    ["longer than the section", (content) => content.fill(0xff, content.length - 4)],
  ])("attributes %s say nothing", (_, spoil) => {
    const attributes = armAttributes(10);
    spoil(attributes.content);
    expect(elfIn({ ...arm, sections: [attributes] })?.armArchitecture).toBeUndefined();
  });

  test("sections of another size than they have are not read", () => {
    const file = elfFile({ ...arm, sections: [armAttributes(10)] });
    file.set([41], 46);
    expect(programIn(file)).toMatchObject({ format: "elf" });
    expect(programIn(file)).not.toHaveProperty("armArchitecture");
  });

  test("parts are read in the order in which they stand in the file", () => {
    const code = { type: 1, content: new Uint8Array(9000) };
    for (const segments of [
      [code, dynamic(PIE), levelNote(4)],
      [code, levelNote(4), dynamic(PIE)],
    ])
      expect(elfIn({ type: 3, segments })).toMatchObject({ type: "executable", x86Level: 3 });
  });

  test.each([
    ["without NUL", { type: 3, content: new TextEncoder().encode("/lib/ld.so") }],
    ["empty", { type: 3, content: Uint8Array.of(0) }],
    ["longer than any", interpreter(`/${"x".repeat(600)}`)],
  ])("a loader's path that is %s is not kept, and the program still an executable", (_, segment) => {
    const program = programIn(elfFile({ type: 3, segments: [segment] }));
    expect(program).toMatchObject({ type: "executable" });
    expect(program).not.toHaveProperty("interpreter");
  });
});

/** Program, platform, fit: the traps of the field. */
const FITS: readonly (readonly [string, ElfParts, Readonly<Record<string, Fit>>])[] = [
  [
    "amd64",
    {},
    {
      "linux/amd64": "native",
      "linux/amd64/v3": "native",
      "linux/386": "foreign-cpu",
      "linux/arm64": "foreign-cpu",
      "android/amd64": "native",
      "freebsd/amd64": "foreign-system",
      "windows/amd64": "foreign-system",
      "darwin/amd64": "foreign-system",
      "wasi/wasm": "foreign-system",
    },
  ],
  ["GNU extensions", { osAbi: 3 }, { "linux/amd64": "native", "netbsd/amd64": "foreign-system" }],
  [
    "FreeBSD",
    { osAbi: 9 },
    { "linux/amd64": "foreign-system", "freebsd/amd64": "native", "freebsd/arm64": "foreign-cpu" },
  ],
  ["FreeBSD on another CPU", { osAbi: 9, machine: 183 }, { "linux/amd64": "foreign-system" }],
  [
    "a loader that only OpenBSD has",
    { segments: [interpreter("/usr/libexec/ld.so")] },
    { "linux/amd64": "foreign-system", "openbsd/amd64": "native" },
  ],
  [
    "a loader that Solaris and illumos have",
    { segments: [interpreter("/lib/amd64/ld.so.1")] },
    { "linux/amd64": "foreign-system", "solaris/amd64": "native", "illumos/amd64": "native" },
  ],
  [
    "a loader that many systems have",
    { machine: 8, data: "big", class: 32, segments: [interpreter("/lib/ld.so.1")] },
    { "linux/mips": "native" },
  ],
  ["x32", { class: 32, machine: 62 }, { "linux/amd64": "foreign-cpu", "linux/386": "foreign-cpu" }],
  [
    "386",
    { class: 32, machine: 3 },
    { "linux/386": "native", "linux/amd64": "compatible", "linux/arm64": "foreign-cpu" },
  ],
  [
    "arm64",
    { machine: 183 },
    {
      "linux/arm64": "native",
      "linux/arm64/v9": "native",
      "linux/arm/v7": "foreign-cpu",
      "linux/amd64": "foreign-cpu",
    },
  ],
  ["big-endian arm64", { machine: 183, data: "big" }, { "linux/arm64": "foreign-cpu" }],
  [
    "arm of static Go, whatever GOARM was",
    { ...arm, flags: EABI5 | 2 },
    {
      "linux/arm/v5": "native",
      "linux/arm/v6": "native",
      "linux/arm/v7": "native",
      "linux/arm64": "compatible",
      "linux/amd64": "foreign-cpu",
    },
  ],
  [
    "arm with hard float",
    { ...arm, flags: EABI5 | 0x400 },
    {
      "linux/arm/v5": "foreign-cpu",
      "linux/arm/v6": "native",
      "linux/arm": "native",
      "linux/arm64": "compatible",
    },
  ],
  [
    "arm/v7 by its attributes",
    { ...arm, flags: EABI5 | 0x400, sections: [armAttributes(10)] },
    {
      "linux/arm/v6": "foreign-cpu",
      "linux/arm/v7": "native",
      "linux/arm/v8": "native",
      "linux/arm64": "compatible",
    },
  ],
  [
    "arm/v6 by its attributes",
    { ...arm, sections: [armAttributes(6)] },
    { "linux/arm/v5": "foreign-cpu", "linux/arm/v6": "native", "linux/arm/v7": "native" },
  ],
  [
    "arm/v5 by its attributes",
    { ...arm, sections: [armAttributes(4)] },
    { "linux/arm/v5": "native", "linux/arm/v6": "native", "linux/arm/v7": "native" },
  ],
  [
    "arm/v8 by its attributes",
    { ...arm, sections: [armAttributes(14)] },
    { "linux/arm/v7": "foreign-cpu", "linux/arm64": "compatible" },
  ],
  [
    "arm for a microcontroller, which is not judged",
    { ...arm, sections: [armAttributes(13)] },
    { "linux/arm/v5": "native" },
  ],
  [
    "a library of arm with code for newer CPUs in it",
    { ...arm, type: 3, sections: [armAttributes(10)] },
    { "linux/arm/v6": "native" },
  ],
  [
    "arm before EABI5",
    { ...arm, flags: 0x0400_0000 },
    { "linux/arm/v5": "foreign-cpu", "linux/arm64": "foreign-cpu" },
  ],
  ["big-endian arm", { ...arm, data: "big" }, { "linux/arm": "foreign-cpu" }],
  [
    "big-endian PowerPC",
    { machine: 21, data: "big", flags: 1 },
    { "linux/ppc64le": "foreign-cpu", "linux/ppc64": "native" },
  ],
  [
    "little-endian PowerPC",
    { machine: 21, flags: 2 },
    { "linux/ppc64le": "native", "linux/ppc64le/power9": "native", "linux/ppc64": "foreign-cpu" },
  ],
  ["little-endian PowerPC of the wrong ABI", { machine: 21, flags: 1 }, { "linux/ppc64le": "foreign-cpu" }],
  ["s390x", { machine: 22, data: "big" }, { "linux/s390x": "native", "linux/amd64": "foreign-cpu" }],
  ["s390", { machine: 22, data: "big", class: 32 }, { "linux/s390x": "foreign-cpu" }],
  [
    "mips64le",
    { machine: 8, flags: 0x2000_0004 },
    { "linux/mips64le": "native", "linux/mips64": "foreign-cpu", "linux/mipsle": "foreign-cpu" },
  ],
  [
    "mips n32",
    { machine: 8, class: 32, data: "big", flags: 0x2000_0020 },
    { "linux/mips": "foreign-cpu", "linux/mips64": "foreign-cpu" },
  ],
  [
    "riscv64 with compressed instructions",
    { machine: 243, flags: 5 },
    { "linux/riscv64": "native", "linux/riscv64/rva22u64": "native" },
  ],
  ["riscv of 32 bits", { machine: 243, class: 32 }, { "linux/riscv64": "foreign-cpu" }],
  ["loong64", { machine: 258, flags: 0x43 }, { "linux/loong64": "native" }],
  [
    "a machine that nobody knows",
    { machine: 60_000 },
    { "linux/amd64": "foreign-cpu", "linux/sparc64": "native" },
  ],
  ["a known machine on a platform that nobody knows", {}, { "linux/sparc64": "foreign-cpu" }],
];

test.each(
  FITS.flatMap(([name, parts, fits]) =>
    Object.entries(fits).map(([text, fit]) => [name, text, fit, parts] as const),
  ),
)("%s for %s: %s", (_, text, fit, parts) => {
  const program = programIn(elfFile(parts));
  expect(program && fitOf(program, platform(text))).toBe(fit);
});

test("the spelling of a platform does not matter", () => {
  const program = programIn(elfFile({ machine: 183 }));
  const spellings = ["linux/aarch64", "Linux/ARM64/v8", "linux/arm64/8"];
  expect(spellings.map((text) => program && fitOf(program, { ...platform(text), os: "Linux" }))).toEqual([
    "native",
    "native",
    "native",
  ]);
});

test.each([
  ["linux/amd64", 1, false],
  ["linux/amd64", 0b10, true],
  ["linux/amd64/v2", 0b10, false],
  ["linux/amd64/v3", 0b1000, true],
  ["linux/amd64/v4", 0b1000, false],
  ["linux/arm64", 0b1000, false],
])("a CPU of %s, and a program that demands levels %i: too high is %s", (text, levels, isTooHigh) => {
  const program = programIn(elfFile({ segments: [levelNote(levels)] }));
  expect(program && x86LevelTooHigh(program, platform(text))).toBe(isTooHigh);
});

test.each<readonly [string, ElfParts]>([
  ["linux/amd64", {}],
  ["linux/amd64/v3", { segments: [levelNote(4)] }],
  ["linux/386", { class: 32, machine: 3 }],
  ["freebsd/arm64", { machine: 183, osAbi: 9 }],
  ["dragonfly/amd64", { segments: [interpreter("/usr/libexec/ld-elf.so.2")] }],
  ["linux/arm", arm],
  ["linux/arm/v7", { ...arm, flags: EABI5 | 0x400, sections: [armAttributes(10)] }],
  ["linux/arm with hard float", { ...arm, flags: EABI5 | 0x400 }],
  ["ARM with an ABI older than EABI5", { ...arm, flags: 0 }],
  ["big-endian ARM", { ...arm, data: "big" }],
  ["x86-64 with 32-bit pointers (x32)", { class: 32 }],
  ["AArch64 with 32-bit pointers (ILP32)", { class: 32, machine: 183 }],
  ["big-endian AArch64", { data: "big", machine: 183 }],
  ["MIPS with 32-bit pointers (n32)", { class: 32, machine: 8, flags: 0x20 }],
  ["31-bit S/390", { class: 32, data: "big", machine: 22 }],
  ["SPARC v9, 64-bit, big-endian", { data: "big", machine: 43 }],
  ["machine 60000, 64-bit, little-endian", { machine: 60_000 }],
])("is said as %s", (words, parts) => {
  const program = programIn(elfFile(parts));
  expect(program && madeFor(program)).toBe(words);
});

function platform(text: string): Platform {
  const parsed = parsePlatform(text);
  if (!parsed.ok) throw new Error(`${text} is no platform`);
  return parsed.value;
}

function elfIn(parts: ElfParts): ElfProgram | undefined {
  const program = programIn(elfFile(parts));
  return program?.format === "elf" ? program : undefined;
}
