/** For which platforms an ELF program is, and how to say so. */
import type { ElfProgram } from "./elf-program.ts";
import {
  cpuAcceptsElf,
  elfArchitecture,
  elfSystem,
  isElfArchitecture,
  machineName,
  systemAcceptsElf,
} from "./elf.ts";
import type { ElfHeader } from "./elf.ts";
import { cpusOf, fitOfCpu } from "./fit.ts";
import type { Fit, Target } from "./fit.ts";
import type { Platform } from "./platform.ts";

/** Loaders that only one system has; programs of some systems say it nowhere else. */
const LOADERS: ReadonlyMap<string, string> = new Map([
  ["/libexec/ld-elf.so.1", "freebsd"],
  ["/libexec/ld.elf_so", "netbsd"],
  ["/usr/libexec/ld.elf_so", "netbsd"],
  ["/usr/libexec/ld.so", "openbsd"],
  ["/libexec/ld-elf.so.2", "dragonfly"],
  ["/usr/libexec/ld-elf.so.2", "dragonfly"],
  ["/lib/64/ld.so.1", "solaris"],
  ["/lib/amd64/ld.so.1", "solaris"],
  ["/usr/lib/amd64/ld.so.1", "solaris"],
]);

/**
 * The variant of 32-bit ARM that Tag_CPU_arch demands. Microcontrollers (M and R) are left out: what of them runs on a CPU that
 * runs a system is not for the tag to say.
 */
const ARM_VARIANTS: ReadonlyMap<number, string> = new Map([
  ...[0, 1, 2, 3, 4, 5].map((tag) => [tag, "v5"] as const),
  ...[6, 7, 9].map((tag) => [tag, "v6"] as const),
  // Thumb-2 came with v6T2, which no common v6 has.
  ...[8, 10].map((tag) => [tag, "v7"] as const),
  ...[14, 22].map((tag) => [tag, "v8"] as const),
]);

/**
 * How it goes with a platform. An architecture of which nothing is known gets the benefit of the doubt, unless the program is for
 * one that is known.
 */
export function elfFit(program: ElfProgram, platform: Platform): Fit {
  const [own] = cpusOf(platform);
  if (!isOfSystem(program, own.os)) return "foreign-system";
  if (!isElfArchitecture(own.architecture))
    return elfArchitecture(program.header) === undefined ? "native" : "foreign-cpu";
  return fitOfCpu(platform, (cpu) => cpuAcceptsElf(cpu, program.header) && hasArmVariant(cpu, program));
}

/** Illumos has the loaders of Solaris, and Android Linux's numbers. */
function isOfSystem({ header, interpreter = "" }: ElfProgram, os: string): boolean {
  const loaderOf = LOADERS.get(interpreter);
  const isOther = loaderOf !== undefined && loaderOf !== (os === "illumos" ? "solaris" : os);
  return systemAcceptsElf(os, header) && !isOther;
}

/**
 * Is the CPU new enough? The tag is the highest of all that was linked: a library may hold code that it uses only where the CPU
 * has it, as cryptography does, so only executables are held to it.
 */
function hasArmVariant({ architecture, variant = "" }: Target, program: ElfProgram): boolean {
  const needed = program.type === "executable" ? armVariant(program) : undefined;
  return architecture !== "arm" || needed === undefined || needed <= variant;
}

function armVariant({ armArchitecture }: ElfProgram): string | undefined {
  return armArchitecture === undefined ? undefined : ARM_VARIANTS.get(armArchitecture);
}

/**
 * Does an x86-64 program demand a level that the platform's lowest CPU does not have? That makes it no foreign one: distributions
 * put libraries for newer CPUs into folders where only those look.
 */
export function elfLevelTooHigh({ header, x86Level = 1 }: ElfProgram, platform: Platform): boolean {
  const [{ architecture, variant = "v1" }] = cpusOf(platform);
  const offered = Number(/^v(\d)$/.exec(variant)?.[1] ?? 1);
  return architecture === "amd64" && header.machine === 62 && x86Level > offered;
}

/** `linux/arm64`, `linux/amd64/v3`, `linux/arm with hard float`, `x86-64 with 32-bit pointers (x32)` */
export function elfMadeFor(program: ElfProgram): string {
  const { header, interpreter = "" } = program;
  const system = elfSystem(header) ?? LOADERS.get(interpreter) ?? "linux";
  const architecture = elfArchitecture(header);
  if (architecture === undefined) return unusual(header);
  return `${system}/${architecture}${detail(program, architecture)}`;
}

function detail(program: ElfProgram, architecture: string): string {
  const { header, x86Level = 1 } = program;
  if (architecture === "amd64" && x86Level > 1) return `/v${x86Level}`;
  if (architecture !== "arm") return "";
  const variant = armVariant(program);
  if (variant !== undefined) return `/${variant}`;
  return (header.flags & 0x400) === 0 ? "" : " with hard float";
}

/** Near relatives of a known architecture are named after what makes them another. */
function unusual(header: ElfHeader): string {
  const { class: bits, data, machine, flags } = header;
  if (machine === 62 && bits === 32) return "x86-64 with 32-bit pointers (x32)";
  if (machine === 183 && bits === 32) return "AArch64 with 32-bit pointers (ILP32)";
  if (machine === 183 && data === "big") return "big-endian AArch64";
  if (machine === 8 && bits === 32 && (flags & 0x20) !== 0) return "MIPS with 32-bit pointers (n32)";
  if (machine === 22 && bits === 32) return "31-bit S/390";
  if (machine === 40 && data === "big") return "big-endian ARM";
  if (machine === 40) return "ARM with an ABI older than EABI5";
  return `${machineName(machine)}, ${bits}-bit, ${data}-endian`;
}
