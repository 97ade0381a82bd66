import type { ElfHeader } from "./elf.ts";
import type { Platform } from "./platform.ts";

/**
 * What an executable file or shared library says that it is made for: plain data, kept as JSON. Object files, static libraries,
 * kernel modules and core dumps are no programs: nothing starts them.
 */
export type Program = ElfProgram | PeProgram | MachOProgram | WasmProgram;

export interface ElfProgram {
  readonly format: "elf";
  /** ET_EXEC and position-independent executables; or ET_DYN without an interpreter. */
  readonly type: "executable" | "library";
  readonly header: ElfHeader;
  /** PT_INTERP: the loader that a dynamically linked program needs. */
  readonly interpreter?: string;
  /** Tag_CPU_arch of `.ARM.attributes`, where it was within reach: 10 is v7. */
  readonly armArchitecture?: number;
  /** The level of x86-64 that GNU_PROPERTY_X86_ISA_1_NEEDED demands. */
  readonly x86Level?: 1 | 2 | 3 | 4;
}

export interface PeProgram {
  readonly format: "pe";
  readonly type: "executable" | "library";
  /** Of the COFF header. */
  readonly machine: number;
  /** `arm64ec`: says x64 and runs on ARM64; `arm64x`: says ARM64 and can be loaded as both. */
  readonly hybrid?: "arm64ec" | "arm64x";
  /** .NET: `any` is bytecode for every CPU and system; `ready-to-run` also has machine code, for `machine` and perhaps another system. */
  readonly managed?: "any" | "x86" | "ready-to-run";
}

export interface MachOProgram {
  readonly format: "mach-o";
  readonly type: "executable" | "library";
  /** One, or all of a fat file. */
  readonly cpus: readonly { readonly type: number; readonly subtype: number }[];
}

export interface WasmProgram {
  readonly format: "wasm";
  readonly component: boolean;
}

/** How a program goes with a platform. */
export type Fit =
  /** Made for it, or for a lower variant of it. */
  | "native"
  /** Made for an older CPU of the family that such machines usually run too: 386 on amd64, arm/v7 on arm64. */
  | "compatible"
  /** For every platform: bytecode. */
  | "portable"
  /** For this CPU or another, but another system: a Windows program in a Linux image. */
  | "foreign-system"
  /** For another CPU. */
  | "foreign-cpu";

/** Looks at one file while its bytes go by, and keeps what matters: a few kilobytes, however large the file is. */
export interface ProgramReader {
  /** Takes the next bytes. Answers false once no further byte can change the result: the rest may be skipped. */
  take(chunk: Uint8Array): boolean;
  /** After the last byte: the program; undefined where it is none, or broken off before it could be told. */
  end(): Program | undefined;
}

/** Begins to read a file of `size` bytes. */
export function readProgram(size: number): ProgramReader {
  throw new Error(`Internal error: not written yet (${size})`);
}

/** How does the program go with the platform? Spelling of the platform does not matter. */
export function fitOf(program: Program, platform: Platform): Fit {
  throw new Error(`Internal error: not written yet (${program.format}, ${platform.os})`);
}

/** What a program is for, as people say it: `linux/arm64`, `windows/amd64`, `x86-64 with 32-bit pointers (x32)`, `linux/arm with hard float`. */
export function madeFor(program: Program): string {
  throw new Error(`Internal error: not written yet (${program.format})`);
}
