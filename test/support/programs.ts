/** Executable files of other formats than ELF, made by code like those of `elf-file.ts`. */
import { readProgram } from "../../platforms/program.ts";
import type { Program } from "../../platforms/program.ts";
import { sheet } from "./sheet.ts";

/** What {@link readProgram} answers for a whole file that comes in chunks of this size. */
export function programIn(file: Uint8Array, chunkSize = 65_536): Program | undefined {
  const reader = readProgram(file.length);
  for (let at = 0; at < file.length; at += chunkSize) {
    if (!reader.take(file.subarray(at, at + chunkSize))) break;
  }
  return reader.end();
}

export interface PeParts {
  readonly machine?: number;
  readonly dll?: boolean;
  readonly subsystem?: number;
  readonly plus?: boolean;
  /** Flags of .NET's header; `native` where it has machine code, too. */
  readonly cli?: { readonly flags: number; readonly native?: boolean };
  /** CHPEMetadataPointer */
  readonly hybrid?: boolean;
  /** Size that the load configuration says that it has. */
  readonly loadConfigSize?: number;
  /** Both stand behind what is kept of the beginning, the load configuration first. */
  readonly far?: boolean;
}

const [PE_AT, SECTION_ADDRESS] = [0x80, 0x2000];

/** Headers, and a section with .NET's header and the load configuration. */
export function peFile(parts: PeParts = {}): Uint8Array {
  const { machine = 0x8664, plus = machine !== 0x14c } = parts;
  const sectionAt = parts.far === true ? 0x2400 : 0x400;
  const cliAt = parts.far === true ? 0x300 : 8;
  const file = sheet(sectionAt + 0x400);
  file.put(0, "MZ");
  file.u32(0x3c, PE_AT);
  file.put(PE_AT, "PE\0\0");
  file.u16(PE_AT + 4, machine);
  file.u16(PE_AT + 6, 1);
  const optional = PE_AT + 24;
  const directories = optional + (plus ? 112 : 96);
  const optionalSize = directories + 16 * 8 - optional;
  file.u16(PE_AT + 20, optionalSize);
  file.u16(PE_AT + 22, 0x22 | (parts.dll === true ? 0x2000 : 0));
  file.u16(optional, plus ? 0x20b : 0x10b);
  file.u16(optional + 68, parts.subsystem ?? 3);
  file.u32(directories - 4, 16);
  const section = optional + optionalSize;
  file.put(section, ".rdata");
  file.u32(section + 8, 0x400);
  file.u32(section + 12, SECTION_ADDRESS);
  file.u32(section + 16, 0x400);
  file.u32(section + 20, sectionAt);
  if (parts.cli !== undefined) {
    file.u32(directories + 14 * 8, SECTION_ADDRESS + cliAt);
    file.u32(directories + 14 * 8 + 4, 72);
    file.u32(sectionAt + cliAt, 72);
    file.u32(sectionAt + cliAt + 16, parts.cli.flags);
    file.u32(sectionAt + cliAt + 64, parts.cli.native === true ? SECTION_ADDRESS + 0x300 : 0);
  }
  if (parts.hybrid !== undefined) {
    file.u32(directories + 10 * 8, SECTION_ADDRESS + 0x100);
    file.u32(directories + 10 * 8 + 4, 0x140);
    file.u32(sectionAt + 0x100, parts.loadConfigSize ?? 0x140);
    file.word(sectionAt + 0x100 + 200, parts.hybrid ? 0x1_8000_3000 : 0, 64);
  }
  return file.bytes;
}

export interface MachOParts {
  readonly cpu?: number;
  readonly subtype?: number;
  /** MH_EXECUTE is 2, MH_DYLIB 6. */
  readonly type?: number;
  readonly bits?: 32 | 64;
  readonly data?: "little" | "big";
}

export function machOFile({
  cpu = 0x0100_000c,
  subtype = 0,
  type = 2,
  bits = 64,
  data = "little",
}: MachOParts = {}): Uint8Array {
  const file = sheet(64, data);
  file.u32(0, bits === 64 ? 0xfeed_facf : 0xfeed_face);
  file.u32(4, cpu);
  file.u32(8, subtype);
  file.u32(12, type);
  return file.bytes;
}

/** Slices at places that are aligned as linkers do it. */
export function fatFile(slices: readonly Uint8Array[], wide = false): Uint8Array {
  const entrySize = wide ? 32 : 20;
  const at = (index: number): number => (index + 1) * 0x400;
  const file = sheet(at(slices.length), "big");
  file.u32(0, wide ? 0xcafe_babf : 0xcafe_babe);
  file.u32(4, slices.length);
  slices.forEach((slice, index) => {
    const entry = 8 + index * entrySize;
    // The table may say what it likes of CPUs: the slices' own headers count.
    file.word(entry + 8, at(index), wide ? 64 : 32);
    file.word(entry + (wide ? 16 : 12), slice.length, wide ? 64 : 32);
    file.u32(entry + (wide ? 24 : 16), 10);
    file.put(at(index), slice);
  });
  return file.bytes;
}

export function wasmFile(component = false): Uint8Array {
  return Uint8Array.of(0, 0x61, 0x73, 0x6d, component ? 13 : 1, 0, component ? 1 : 0, 0);
}
