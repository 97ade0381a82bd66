/**
 * Programs of Windows, and .NET's, which are written the same way on every system. Besides the headers, two structures behind them
 * are looked at: .NET's own header, and the load configuration, which gives away code for ARM64 that passes as x64.
 * @see https://learn.microsoft.com/en-us/windows/win32/debug/pe-format
 * @see https://ecma-international.org/publications-and-standards/standards/ecma-335/ II.25.3.3, the CLI header
 * @see https://github.com/dotnet/runtime/blob/main/docs/design/coreclr/botr/readytorun-format.md
 */
import { fieldsOf } from "./byte-ranges.ts";
import type { Fields, Inspection } from "./byte-ranges.ts";

export interface PeProgram {
  readonly format: "pe";
  readonly type: "executable" | "library";
  /** Of the COFF header. */
  readonly machine: number;
  /** `arm64ec`: says x64 and runs on ARM64; `arm64x`: says ARM64 and can be loaded as both. */
  readonly hybrid?: "arm64ec" | "arm64x";
  /**
   * .NET: `any` is bytecode for every CPU and system, `x86` only for 32-bit x86 processes, `one-cpu` only for those of `machine`;
   * `ready-to-run` also has machine code, for `machine`, which then names the system, too.
   */
  readonly managed?: "any" | "x86" | "one-cpu" | "ready-to-run";
}

/** Where compilers put the headers: a few hundred bytes after the beginning. */
const FURTHEST_HEADERS = 1 << 20;
const [LARGEST_OPTIONAL, MOST_SECTIONS] = [1024, 512];
const [FILE_DLL, PE32, PE32_PLUS] = [0x2000, 0x10b, 0x20b];
const [LOAD_CONFIG, CLI_HEADER] = [10, 14];
const [I386, X64, ARM64] = [0x14c, 0x8664, 0xaa64];

/** Boot loaders and drivers of firmware (10 to 13): no system starts them. */
const isFirmware = (subsystem: number): boolean => subsystem >= 10 && subsystem <= 13;

/** Reads a program; a DOS program without a newer header, or one for firmware, is none. */
export function* inspectPe(): Inspection<PeProgram> {
  const dos = yield { at: 0, length: 64 };
  const headersAt = dos === undefined ? 0 : fieldsOf(dos, "little").u32(0x3c);
  if (headersAt < 4 || headersAt > FURTHEST_HEADERS) return undefined;
  const coffBytes = yield { at: headersAt, length: 24 };
  if (coffBytes === undefined) return undefined;
  const coff = fieldsOf(coffBytes, "little");
  if (coff.u32(0) !== 0x4550) return undefined;
  const optionalSize = Math.min(coff.u16(20), LARGEST_OPTIONAL);
  const length = optionalSize + Math.min(coff.u16(6), MOST_SECTIONS) * 40;
  const rest = yield { at: headersAt + 24, length };
  const headers = readOptional(rest ?? new Uint8Array(), optionalSize);
  if (isFirmware(headers.subsystem)) return undefined;
  const machine = coff.u16(4);
  const parts = yield* readParts(headers, machine);
  const hybrid = parts.hasHybridMetadata === true ? ({ [X64]: "arm64ec", [ARM64]: "arm64x" } as const) : {};
  return {
    format: "pe",
    type: (coff.u16(22) & FILE_DLL) === 0 ? "executable" : "library",
    machine,
    ...(hybrid[machine] !== undefined && { hybrid: hybrid[machine] }),
    ...(parts.managed !== undefined && { managed: parts.managed }),
  };
}

interface Headers {
  readonly isPlus: boolean;
  readonly subsystem: number;
  /** Where a directory stands in the file; undefined where it is not. */
  directory(index: number): number | undefined;
}

function readOptional(bytes: Uint8Array, optionalSize: number): Headers {
  const fields = fieldsOf(bytes, "little");
  const { u16, u32 } = fields;
  const isPlus = u16(0) === PE32_PLUS;
  const directories = isPlus ? 112 : 96;
  return {
    isPlus,
    subsystem: isPlus || u16(0) === PE32 ? u16(68) : 0,
    directory(index) {
      const entry = directories + index * 8;
      if (index >= u32(directories - 4) || entry + 8 > optionalSize) return undefined;
      return fileOffset(u32(entry), fields, optionalSize);
    },
  };
}

/** Sections say which part of the file is loaded to which address. */
function fileOffset(address: number, { length, u32 }: Fields, sectionsAt: number): number | undefined {
  for (let at = sectionsAt; at + 40 <= length; at += 40) {
    const [from, size, offset] = [u32(at + 12), u32(at + 16), u32(at + 20)];
    if (address >= from && address < from + size) return offset + (address - from);
  }
  return undefined;
}

interface Parts {
  managed?: PeProgram["managed"];
  hasHybridMetadata?: boolean;
}

/** Reads both structures, in the order in which they go by. */
function* readParts(
  headers: Headers,
  machine: number,
): Generator<{ at: number; length: number }, Parts, Uint8Array | undefined> {
  const mayBeHybrid = headers.isPlus && (machine === X64 || machine === ARM64);
  const wanted = [
    { kind: "cli", at: headers.directory(CLI_HEADER), length: 72 },
    { kind: "load-config", at: mayBeHybrid ? headers.directory(LOAD_CONFIG) : undefined, length: 208 },
  ].toSorted((one, other) => (one.at ?? 0) - (other.at ?? 0));
  const parts: Parts = {};
  for (const { kind, at, length } of wanted) {
    const bytes = at === undefined ? undefined : yield { at, length };
    if (bytes === undefined) continue;
    const fields = fieldsOf(bytes, "little");
    if (kind === "cli") parts.managed = readCli(fields, headers, machine);
    // CHPEMetadataPointer, where the structure, which has grown over the years, goes that far.
    else parts.hasHybridMetadata = fields.u32(0) >= 208 && fields.u64(200) !== 0;
  }
  return parts;
}

const [IL_ONLY, NEEDS_32_BIT, PREFERS_32_BIT] = [0x1, 0x2, 0x2_0000];

function readCli({ u32 }: Fields, { isPlus }: Headers, machine: number): PeProgram["managed"] {
  const flags = u32(16);
  // ManagedNativeHeader
  if (u32(64) !== 0) return "ready-to-run";
  // Bytecode mixed with machine code, as C++/CLI has it: a Windows program like others.
  if ((flags & IL_ONLY) === 0) return undefined;
  if (isPlus || machine !== I386) return "one-cpu";
  return (flags & NEEDS_32_BIT) !== 0 && (flags & PREFERS_32_BIT) === 0 ? "x86" : "any";
}
