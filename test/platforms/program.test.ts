import { describe, expect, test } from "vitest";
import { fitOf, madeFor, readProgram } from "../../platforms/program.ts";
import type { Fit } from "../../platforms/program.ts";
import { parsePlatform } from "../../platforms/platform.ts";
import type { Platform } from "../../platforms/platform.ts";
import { fatFile, machOFile, peFile, programIn, wasmFile } from "../support/programs.ts";
import { sheet } from "../support/sheet.ts";

const [I386, X64, ARM64, ARM] = [0x14c, 0x8664, 0xaa64, 0x1c4];
const [IL_ONLY, NEEDS_32_BIT, PREFERS_32_BIT] = [1, 2, 0x2_0000];
const il = (flags: number): { readonly cli: { readonly flags: number } } => ({ cli: { flags } });
const readyToRun = { cli: { flags: 4, native: true } };
const [MAC_ARM64, MAC_X64] = [0x0100_000c, 0x0100_0007];

/** A file, what is read of it, what is said of it, and how it goes with platforms. */
const PROGRAMS: readonly (readonly [string, Uint8Array, object, string, Readonly<Record<string, Fit>>])[] = [
  [
    "x64",
    peFile(),
    { type: "executable", machine: X64 },
    "windows/amd64",
    {
      "windows/amd64": "native",
      "windows/arm64": "foreign-cpu",
      "windows/386": "foreign-cpu",
      "linux/amd64": "foreign-system",
    },
  ],
  ["a DLL", peFile({ dll: true }), { type: "library" }, "windows/amd64", { "windows/amd64": "native" }],
  [
    "x86",
    peFile({ machine: I386 }),
    { machine: I386 },
    "windows/386",
    { "windows/386": "native", "windows/amd64": "compatible", "windows/arm64": "foreign-cpu" },
  ],
  [
    "ARM64",
    peFile({ machine: ARM64, hybrid: false }),
    { machine: ARM64 },
    "windows/arm64",
    { "windows/arm64": "native", "windows/amd64": "foreign-cpu", "linux/arm64": "foreign-system" },
  ],
  [
    "32-bit ARM",
    peFile({ machine: ARM, plus: false }),
    { machine: ARM },
    "windows/arm/v7",
    { "windows/arm": "native", "windows/arm64": "compatible" },
  ],
  [
    "ARM64EC",
    peFile({ hybrid: true }),
    { machine: X64, hybrid: "arm64ec" },
    "windows/arm64 (ARM64EC)",
    { "windows/arm64": "native", "windows/amd64": "foreign-cpu" },
  ],
  [
    "Arm64X",
    peFile({ machine: ARM64, hybrid: true }),
    { machine: ARM64, hybrid: "arm64x" },
    "windows/arm64 (Arm64X)",
    { "windows/arm64": "native", "windows/amd64": "foreign-cpu" },
  ],
  [
    "a load configuration of before hybrids",
    peFile({ hybrid: true, loadConfigSize: 0x94 }),
    { machine: X64 },
    "windows/amd64",
    { "windows/amd64": "native" },
  ],
  [
    "a machine that nobody knows",
    peFile({ machine: 0x1234 }),
    { machine: 0x1234 },
    "windows/machine 0x1234",
    { "windows/amd64": "foreign-cpu", "linux/amd64": "foreign-system" },
  ],
  [
    ".NET for every CPU",
    peFile({ machine: I386, ...il(IL_ONLY), dll: true }),
    { type: "library", managed: "any" },
    ".NET on every CPU",
    { "linux/arm64": "portable", "windows/amd64": "portable" },
  ],
  [
    ".NET that would rather have 32 bits",
    peFile({ machine: I386, ...il(IL_ONLY | NEEDS_32_BIT | PREFERS_32_BIT) }),
    { managed: "any" },
    ".NET on every CPU",
    { "linux/arm64": "portable" },
  ],
  [
    ".NET for 32 bits",
    peFile({ machine: I386, ...il(IL_ONLY | NEEDS_32_BIT) }),
    { managed: "x86" },
    ".NET on 386",
    { "windows/386": "native", "linux/amd64": "compatible", "linux/arm64": "foreign-cpu" },
  ],
  [
    ".NET for x64",
    peFile(il(IL_ONLY)),
    { managed: "one-cpu" },
    ".NET on amd64",
    { "linux/amd64": "native", "windows/amd64": "native", "linux/arm64": "foreign-cpu" },
  ],
  [
    "the same on 32-bit ARM",
    peFile({ machine: ARM, plus: false, ...il(IL_ONLY) }),
    { managed: "one-cpu" },
    ".NET on arm",
    { "linux/arm/v7": "native", "linux/amd64": "foreign-cpu" },
  ],
  [
    "an ARM64EC program with .NET in it, far behind its headers",
    peFile({ far: true, hybrid: true, ...il(IL_ONLY) }),
    { hybrid: "arm64ec", managed: "one-cpu" },
    ".NET on arm64",
    { "windows/arm64": "native" },
  ],
  [
    "C++ with .NET in it",
    peFile(il(0)),
    { machine: X64 },
    "windows/amd64",
    { "windows/amd64": "native", "linux/amd64": "foreign-system" },
  ],
  [
    "ready-to-run on Linux",
    peFile({ machine: X64 ^ 0x7b79, ...readyToRun }),
    { managed: "ready-to-run" },
    "linux/amd64 (.NET, ready-to-run)",
    { "linux/amd64": "native", "linux/arm64": "foreign-cpu", "windows/amd64": "foreign-system" },
  ],
  [
    "ready-to-run on Linux and ARM64",
    peFile({ machine: ARM64 ^ 0x7b79, ...readyToRun }),
    { managed: "ready-to-run" },
    "linux/arm64 (.NET, ready-to-run)",
    { "linux/arm64": "native", "linux/amd64": "foreign-cpu" },
  ],
  [
    "ready-to-run on macOS",
    peFile({ machine: ARM64 ^ 0x4644, ...readyToRun }),
    { managed: "ready-to-run" },
    "darwin/arm64 (.NET, ready-to-run)",
    { "darwin/arm64": "native", "linux/arm64": "foreign-system" },
  ],
  [
    "ready-to-run on FreeBSD",
    peFile({ machine: X64 ^ 0xadc4, ...readyToRun }),
    { managed: "ready-to-run" },
    "freebsd/amd64 (.NET, ready-to-run)",
    { "freebsd/amd64": "native" },
  ],
  [
    "ready-to-run on NetBSD",
    peFile({ machine: X64 ^ 0x1993, ...readyToRun }),
    { managed: "ready-to-run" },
    "netbsd/amd64 (.NET, ready-to-run)",
    { "netbsd/amd64": "native" },
  ],
  [
    "ready-to-run on Windows",
    peFile({ machine: X64, ...readyToRun }),
    { managed: "ready-to-run" },
    "windows/amd64 (.NET, ready-to-run)",
    { "windows/amd64": "native", "linux/amd64": "foreign-system" },
  ],
  [
    "macOS",
    machOFile(),
    { type: "executable", cpus: [{ type: MAC_ARM64, subtype: 0 }] },
    "darwin/arm64",
    {
      "darwin/arm64": "native",
      "macos/arm64": "native",
      "ios/arm64": "native",
      "darwin/amd64": "foreign-cpu",
      "linux/arm64": "foreign-system",
    },
  ],
  [
    "macOS with pointer authentication",
    machOFile({ subtype: 0x8000_0002 }),
    { cpus: [{ type: MAC_ARM64, subtype: 2 }] },
    "darwin/arm64",
    { "darwin/arm64": "native" },
  ],
  [
    "a library of macOS",
    machOFile({ cpu: MAC_X64, type: 6 }),
    { type: "library" },
    "darwin/amd64",
    { "darwin/amd64": "native" },
  ],
  [
    "macOS of long ago",
    machOFile({ cpu: 18, bits: 32, data: "big" }),
    { type: "executable" },
    "darwin/ppc",
    { "darwin/amd64": "foreign-cpu" },
  ],
  [
    "macOS, 32 bits",
    machOFile({ cpu: 7, bits: 32, subtype: 3 }),
    { type: "executable" },
    "darwin/386",
    { "darwin/amd64": "compatible" },
  ],
  [
    "iOS of long ago",
    machOFile({ cpu: 12, subtype: 9, bits: 32 }),
    { type: "executable" },
    "darwin/arm/v7",
    { "ios/arm64": "compatible" },
  ],
  [
    "two CPUs in one",
    fatFile([machOFile({ cpu: MAC_X64 }), machOFile()]),
    {
      type: "executable",
      cpus: [
        { type: MAC_X64, subtype: 0 },
        { type: MAC_ARM64, subtype: 0 },
      ],
    },
    "darwin/amd64, darwin/arm64",
    { "darwin/amd64": "native", "darwin/arm64": "native", "linux/amd64": "foreign-system" },
  ],
  [
    "the same with 64-bit places",
    fatFile([machOFile({ cpu: MAC_X64 }), machOFile()], true),
    { type: "executable" },
    "darwin/amd64, darwin/arm64",
    { "darwin/arm64": "native" },
  ],
  [
    "WebAssembly",
    wasmFile(),
    { component: false },
    "WebAssembly",
    {
      "wasi/wasm": "native",
      "wasip1/wasm": "native",
      "js/wasm": "native",
      "linux/amd64": "portable",
      "windows/arm64": "portable",
    },
  ],
  [
    "a component",
    wasmFile(true),
    { component: true },
    "WebAssembly (a component)",
    { "wasi/wasm": "native", "linux/arm64": "portable" },
  ],
];

describe.each(PROGRAMS)("%s", (_, file, read, words, fits) => {
  const program = programIn(file);

  test("is read and said", () => {
    expect(program).toMatchObject(read);
    expect(program && madeFor(program)).toBe(words);
  });

  test.each(Object.entries(fits))("for %s: %s", (text, fit) => {
    expect(program && fitOf(program, platform(text))).toBe(fit);
  });
});

test("nothing is said of a program that is not there", () => {
  const [plain] = PROGRAMS.map(([, file]) => programIn(file));
  expect(Object.keys(plain ?? {})).toEqual(["format", "type", "machine"]);
});

test("a version of Windows does not matter to programs", () => {
  const program = programIn(peFile());
  expect(program && fitOf(program, { os: "windows", architecture: "amd64", osVersion: "10.0.20348.1" })).toBe(
    "native",
  );
});

describe("no program", () => {
  test.each([
    ["nothing", new Uint8Array()],
    ["three bytes", Uint8Array.of(0x7f, 0x45, 0x4c)],
    ["a script", new TextEncoder().encode("#!/bin/sh\nexit 0\n")],
    [
      "a text that begins like one",
      new TextEncoder().encode("MZ is what old programs begin with, and so does this text, on and on."),
    ],
    ["a DOS program", dosFile()],
    ["a boot loader", peFile({ subsystem: 10 })],
    ["a driver of firmware", peFile({ subsystem: 12 })],
    ["an object file of macOS", machOFile({ type: 1 })],
    ["a file of symbols", machOFile({ type: 10 })],
    ["a static library of two CPUs", fatFile([new TextEncoder().encode("!<arch>\n".padEnd(64))])],
    ["a Java class", javaClass(65)],
    ["the first Java class", javaClass(45)],
    ["a fat file of no CPU", fatFile([])],
    ["a fat file of more CPUs than there are", fatFile(Array.from({ length: 31 }, () => machOFile()))],
    ["a fat file whose slices lie outside of it", lyingFat((file) => file.u32(16, 0xffff_0000))],
    ["a fat file whose slices lie in its own table", lyingFat((file) => file.u32(16, 8))],
    ["a fat file with an alignment that cannot be", lyingFat((file) => file.u32(24, 77))],
    ["WebAssembly of another version", Uint8Array.of(0, 0x61, 0x73, 0x6d, 2, 0, 0, 0)],
    ["WebAssembly cut short", Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0)],
  ])("%s", (_, file) => {
    expect([programIn(file), programIn(file, 1)]).toEqual([undefined, undefined]);
  });
});

describe("no more is read than is needed", () => {
  test.each([
    ["a text", new TextEncoder().encode("text".padEnd(100_000))],
    ["an empty file", new Uint8Array()],
  ])("%s: nothing after the first bytes", (_, file) => {
    const reader = readProgram(file.length);
    expect([reader.take(file.subarray(0, 4)), reader.take(file.subarray(4)), reader.end()]).toEqual([
      false,
      false,
      undefined,
    ]);
  });

  test("single bytes: as soon as four are there", () => {
    const reader = readProgram(100);
    expect([0x74, 0x65, 0x78, 0x74].map((byte) => reader.take(Uint8Array.of(byte)))).toEqual([
      true,
      true,
      true,
      false,
    ]);
  });

  test("bytes after the file's own do not count", () => {
    const reader = readProgram(6);
    expect([reader.take(wasmFile()), reader.end()]).toEqual([false, undefined]);
  });
});

function dosFile(): Uint8Array {
  const file = sheet(256);
  file.put(0, "MZ");
  file.u32(0x3c, 0x40);
  return file.bytes;
}

function javaClass(version: number): Uint8Array {
  const file = sheet(4096, "big");
  file.u32(0, 0xcafe_babe);
  file.u32(4, version);
  return file.bytes;
}

/** A fat file of one slice, its table changed. */
function lyingFat(change: (file: { readonly u32: (at: number, value: number) => void }) => void): Uint8Array {
  const file = sheet(0x800, "big");
  file.put(0, fatFile([machOFile()]));
  change(file);
  return file.bytes;
}

function platform(text: string): Platform {
  const parsed = parsePlatform(text);
  if (!parsed.ok) throw new Error(`${text} is no platform`);
  return parsed.value;
}
