/** Executable files and libraries of every format: reading them, and judging which platforms they are for. */
import { fieldsOf, readRanges } from "./byte-ranges.ts";
import type { Inspection, RangeReader } from "./byte-ranges.ts";
import { elfFit, elfLevelTooHigh, elfMadeFor } from "./elf-fit.ts";
import { inspectElf } from "./elf-program.ts";
import type { ElfProgram } from "./elf-program.ts";
import type { Fit } from "./fit.ts";
import { FAT_MAGIC, inspectFat, inspectMachO, machOFit, machOMadeFor, THIN_MAGIC } from "./mach-o.ts";
import type { MachOProgram } from "./mach-o.ts";
import { peFit, peMadeFor } from "./pe-fit.ts";
import { inspectPe } from "./pe.ts";
import type { PeProgram } from "./pe.ts";
import type { Platform } from "./platform.ts";
import { inspectWasm, wasmFit } from "./wasm.ts";
import type { WasmProgram } from "./wasm.ts";

export type { ElfProgram, Fit, MachOProgram, PeProgram, WasmProgram };

/**
 * What an executable file or shared library says that it is made for: plain data, kept as JSON. Object files, static libraries,
 * kernel modules, core dumps, firmware and code for graphics cards are no programs: nothing starts them.
 */
export type Program = ElfProgram | PeProgram | MachOProgram | WasmProgram;

/**
 * Looks at one file while its bytes go by, and keeps what matters: 4 KiB and one range of at most 64 KiB, a mebibyte for 32-bit ARM,
 * however large the file is. How the bytes are cut into chunks changes nothing, and nothing makes it throw.
 */
export interface ProgramReader {
  /** Takes the next bytes. Answers false once no further byte can change the result: the rest may be skipped. */
  take(chunk: Uint8Array): boolean;
  /** After the last byte: the program; undefined where it is none, or broken off before it could be told. */
  end(): Program | undefined;
}

const MAGIC_BYTES = 4;

/** Begins to read a file of `size` bytes. */
export function readProgram(size: number): ProgramReader {
  let start = new Uint8Array();
  // Undefined until the magic number is there, and for ever where it is none of a program.
  let reader: RangeReader<Program> | undefined;
  let isOpen = size >= MAGIC_BYTES;
  return {
    take(chunk) {
      if (!isOpen) return false;
      if (reader !== undefined) isOpen = reader.take(chunk);
      else {
        const bytes = start.length === 0 ? chunk : Uint8Array.from([...start, ...chunk]);
        if (bytes.length < MAGIC_BYTES) start = bytes.slice();
        else isOpen = begin(bytes);
      }
      return isOpen;
    },
    end: () => reader?.end(),
  };

  function begin(bytes: Uint8Array): boolean {
    const inspection = inspectionOf(bytes, size);
    if (inspection === undefined) return false;
    reader = readRanges(inspection, size);
    return reader.take(bytes);
  }
}

function inspectionOf(start: Uint8Array, size: number): Inspection<Program> | undefined {
  const magic = fieldsOf(start, "big").u32(0);
  if (magic === 0x7f45_4c46) return inspectElf(size);
  if (magic >>> 16 === 0x4d5a) return inspectPe();
  if (magic === 0x0061_736d) return inspectWasm();
  if (THIN_MAGIC.has(magic)) return inspectMachO();
  return FAT_MAGIC.has(magic) ? inspectFat(size) : undefined;
}

/** How does the program go with the platform? Spelling of the platform does not matter. */
export function fitOf(program: Program, platform: Platform): Fit {
  if (program.format === "elf") return elfFit(program, platform);
  if (program.format === "pe") return peFit(program, platform);
  return program.format === "wasm" ? wasmFit(platform) : machOFit(program, platform);
}

/**
 * Does the program demand a newer x86-64 CPU than the platform promises? It may be meant: folders for newer CPUs hold such
 * libraries, so this does not make it a foreign one.
 */
export function x86LevelTooHigh(program: Program, platform: Platform): boolean {
  return program.format === "elf" && elfLevelTooHigh(program, platform);
}

/** What a program is for, as people say it: `linux/arm64`, `windows/amd64`, `x86-64 with 32-bit pointers (x32)`, `linux/arm with hard float`. */
export function madeFor(program: Program): string {
  if (program.format === "elf") return elfMadeFor(program);
  if (program.format === "pe") return peMadeFor(program);
  if (program.format === "mach-o") return machOMadeFor(program);
  return program.component ? "WebAssembly (a component)" : "WebAssembly";
}
