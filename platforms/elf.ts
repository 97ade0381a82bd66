/**
 * ELF headers: what a program of each platform must say about itself in its first bytes.
 *
 * A header tells the architecture, seldom the variant: amd64/v2 to v4 look like amd64, and of 32-bit ARM only a
 * hard-float program gives away that it is no v5.
 * @see https://gabi.xinuos.com/elf/02-eheader.html the header, and the list of machines
 * @see https://github.com/ARM-software/abi-aa/blob/main/aaelf32/aaelf32.rst flags of ARM
 */
import { normalizePlatform } from "./platform.ts";
import type { Platform } from "./platform.ts";

/** What an ELF header says, as far as platforms go. `machine` is e_machine, `flags` e_flags, `osAbi` EI_OSABI. */
export interface ElfHeader {
  readonly class: 32 | 64;
  readonly data: "little" | "big";
  readonly osAbi: number;
  readonly machine: number;
  readonly flags: number;
}

/** What a platform demands of a header: after `mask`, the flags are `value`; bits of `without` are not set. */
export interface ElfRule extends Pick<ElfHeader, "class" | "data" | "machine"> {
  readonly flags?: { readonly mask: number; readonly value: number; readonly without?: number };
}

const EABI5 = { mask: 0xff00_0000, value: 0x0500_0000 };
const HARD_FLOAT = 0x400;
// EF_MIPS_ABI2: 32-bit pointers in 64-bit registers.
const MIPS_N32 = { mask: 0, value: 0, without: 0x20 };

/** Keyed by architecture, or by architecture/variant where the variant shows. */
const RULES: ReadonlyMap<string, ElfRule> = new Map<string, ElfRule>([
  ["386", { class: 32, data: "little", machine: 3 }],
  ["amd64", { class: 64, data: "little", machine: 62 }],
  ["arm", { class: 32, data: "little", machine: 40, flags: EABI5 }],
  ["arm/v5", { class: 32, data: "little", machine: 40, flags: { ...EABI5, without: HARD_FLOAT } }],
  ["arm64", { class: 64, data: "little", machine: 183 }],
  ["loong64", { class: 64, data: "little", machine: 258 }],
  ["mips", { class: 32, data: "big", machine: 8, flags: MIPS_N32 }],
  ["mips64", { class: 64, data: "big", machine: 8 }],
  ["mips64le", { class: 64, data: "little", machine: 8 }],
  ["mipsle", { class: 32, data: "little", machine: 8, flags: MIPS_N32 }],
  ["ppc64", { class: 64, data: "big", machine: 21 }],
  // The second ELF ABI of POWER, the only one for little-endian.
  ["ppc64le", { class: 64, data: "little", machine: 21, flags: { mask: 0x3, value: 0x2 } }],
  ["riscv64", { class: 64, data: "little", machine: 243 }],
  // The class is what tells s390x from s390.
  ["s390x", { class: 64, data: "big", machine: 22 }],
]);

// 0 is System V, which nearly all say; 3 GNU/Linux, where GNU extensions are used.
const OS_ABIS: ReadonlyMap<string, readonly number[]> = new Map([
  ["linux", [0, 3]],
  ["android", [0, 3]],
  ["dragonfly", [0]],
  ["freebsd", [9]],
  ["netbsd", [0, 2]],
  ["illumos", [0, 6]],
  ["openbsd", [0, 12]],
  ["solaris", [0, 6]],
]);

/** What EI_OSABI decides alone. */
const SYSTEMS: ReadonlyMap<number, string> = new Map([
  [2, "netbsd"],
  [3, "linux"],
  [6, "solaris"],
  [9, "freebsd"],
  [12, "openbsd"],
]);

/** What e_machine numbers are called, those of QEMU's emulators included. */
const MACHINES: ReadonlyMap<number, string> = new Map([
  [2, "SPARC"],
  [3, "386"],
  [4, "68000"],
  [8, "MIPS"],
  [15, "PA-RISC"],
  [18, "SPARC v8+"],
  [20, "PowerPC"],
  [21, "PowerPC 64"],
  [22, "S/390"],
  [40, "ARM"],
  [42, "SuperH"],
  [43, "SPARC v9"],
  [62, "x86-64"],
  [76, "CRIS"],
  [92, "OpenRISC"],
  [94, "Xtensa"],
  [164, "Hexagon"],
  [183, "AArch64"],
  [189, "MicroBlaze"],
  [243, "RISC-V"],
  [258, "LoongArch"],
  [0x9026, "Alpha"],
  [0xbaab, "MicroBlaze (old number)"],
]);

/** The rule for programs of this platform; undefined where its programs are not ELF, or nothing is known of them. */
export function elfRule(platform: Platform): ElfRule | undefined {
  const { os, architecture, variant = "" } = normalizePlatform(platform);
  if (!OS_ABIS.has(os)) return undefined;
  return RULES.get(`${architecture}/${variant}`) ?? RULES.get(architecture);
}

/** May a program with this header be in an image for this platform? */
export function acceptsElf(platform: Platform, header: ElfHeader): boolean {
  const own = normalizePlatform(platform);
  return systemAcceptsElf(own.os, header) && cpuAcceptsElf(own, header);
}

/** Does a system run programs of this OS ABI? Neither CPU nor interpreter is looked at. */
export function systemAcceptsElf(os: string, header: Pick<ElfHeader, "osAbi">): boolean {
  return OS_ABIS.get(os)?.includes(header.osAbi) === true;
}

/** Does the CPU of this platform, which is in canonical form, run such programs? */
export function cpuAcceptsElf({ architecture, variant = "" }: Cpu, header: ElfHeader): boolean {
  const rule = RULES.get(`${architecture}/${variant}`) ?? RULES.get(architecture);
  if (rule === undefined) return false;
  const { mask = 0, value = 0, without = 0 } = rule.flags ?? {};
  return (
    rule.class === header.class &&
    rule.data === header.data &&
    rule.machine === header.machine &&
    (header.flags & mask) === value &&
    (header.flags & without) === 0
  );
}

/** The architecture that such programs are for; undefined where it is none of the known ones. */
export function elfArchitecture(header: ElfHeader): string | undefined {
  return [...RULES.keys()].find(
    (name) => !name.includes("/") && cpuAcceptsElf({ architecture: name }, header),
  );
}

/** Is anything known of the programs of this architecture? */
export function isElfArchitecture(architecture: string): boolean {
  return RULES.has(architecture);
}

/** The system that EI_OSABI names; undefined where it says System V, as nearly all do. */
export function elfSystem(header: Pick<ElfHeader, "osAbi">): string | undefined {
  return SYSTEMS.get(header.osAbi);
}

type Cpu = Pick<Platform, "architecture" | "variant">;

/** Name of an e_machine number, or the number itself. */
export function machineName(machine: number): string {
  return MACHINES.get(machine) ?? `machine ${machine}`;
}

/** Reads the header; undefined where the bytes are not ELF, or end before it does. */
export function readElfHeader(bytes: Uint8Array): ElfHeader | undefined {
  const [m0, m1, m2, m3, classByte, dataByte, , osAbi = 0] = bytes;
  if (m0 !== 0x7f || m1 !== 0x45 || m2 !== 0x4c || m3 !== 0x46) return undefined;
  if ((classByte !== 1 && classByte !== 2) || (dataByte !== 1 && dataByte !== 2)) return undefined;
  const { flagsAt, size } = classByte === 1 ? { flagsAt: 36, size: 52 } : { flagsAt: 48, size: 64 };
  if (bytes.length < size) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const little = dataByte === 1;
  return {
    class: classByte === 1 ? 32 : 64,
    data: little ? "little" : "big",
    osAbi,
    machine: view.getUint16(18, little),
    flags: view.getUint32(flagsAt, little),
  };
}

/** The first bytes of a plain executable (ET_EXEC, System V) that the rule accepts: what the kernel compares magic with. */
export function exampleElf(rule: ElfRule): Uint8Array {
  const little = rule.data === "little";
  const bytes = new Uint8Array(rule.class === 32 ? 52 : 64);
  bytes.set([0x7f, 0x45, 0x4c, 0x46, rule.class / 32, little ? 1 : 2, 1]);
  const view = new DataView(bytes.buffer);
  view.setUint16(16, 2, little);
  view.setUint16(18, rule.machine, little);
  view.setUint32(20, 1, little);
  view.setUint32(rule.class === 32 ? 36 : 48, rule.flags?.value ?? 0, little);
  return bytes;
}
