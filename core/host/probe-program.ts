import type { Platform } from "../../platforms/platform.ts";

/**
 * The status that every probe program ends with. Not 0, and not one that a shell gives (1, 2, 126, 127, 128 + signal):
 * only the program itself can have said it.
 */
export const PROBE_EXIT_STATUS = 42;

/** What an ELF header says of a CPU, and `exit(42)` in its machine code. */
interface Machine {
  readonly bits: 32 | 64;
  readonly endian: "little" | "big";
  /** e_machine, from the ELF specification's register. */
  readonly machine: number;
  /** e_flags: the ABI, where the kernel or QEMU asks for it. */
  readonly flags?: number;
  /** Instructions of this size in bytes, in the CPU's own byte order; or plain bytes for CPUs with instructions of any length. */
  readonly code: readonly number[];
  readonly unit: 1 | 2 | 4;
}

const AMD64_AND_386 = {
  // mov eax, SYS_exit; mov edi or ebx, 42; syscall or int 0x80
  amd64: [0xb8, 60, 0, 0, 0, 0xbf, 42, 0, 0, 0, 0x0f, 0x05],
  i386: [0xb8, 1, 0, 0, 0, 0xbb, 42, 0, 0, 0, 0xcd, 0x80],
} as const;
// li $v0, SYS_exit (4001 in the o32 ABI, 5058 in n64); li $a0, 42; syscall
const MIPS_O32 = [0x24020fa1, 0x2404002a, 0x0000000c] as const;
const MIPS_N64 = [0x240213c2, 0x2404002a, 0x0000000c] as const;
// li r0, SYS_exit; li r3, 42; sc
const POWER = [0x38000001, 0x3860002a, 0x44000002] as const;
const ELF_ABI_V2 = 2;

/**
 * One entry for each architecture of Go's and OCI's naming that Linux images are made for.
 * System call numbers: the kernel's own tables (arch/<name>/.../syscall.tbl).
 */
const MACHINES: Readonly<Record<string, Machine>> = {
  amd64: { bits: 64, endian: "little", machine: 62, unit: 1, code: AMD64_AND_386.amd64 },
  "386": { bits: 32, endian: "little", machine: 3, unit: 1, code: AMD64_AND_386.i386 },
  // mov r7, #SYS_exit; mov r0, #42; svc #0 (ARMv4 instructions, EABI version 5: good for arm/v5 to v7)
  arm: {
    bits: 32,
    endian: "little",
    machine: 40,
    flags: 0x05000000,
    unit: 4,
    code: [0xe3a07001, 0xe3a0002a, 0xef000000],
  },
  // mov x8, #SYS_exit; mov x0, #42; svc #0
  arm64: {
    bits: 64,
    endian: "little",
    machine: 183,
    unit: 4,
    code: [0xd2800ba8, 0xd2800540, 0xd4000001],
  },
  ppc64: { bits: 64, endian: "big", machine: 21, flags: ELF_ABI_V2, unit: 4, code: POWER },
  ppc64le: { bits: 64, endian: "little", machine: 21, flags: ELF_ABI_V2, unit: 4, code: POWER },
  // lghi %r2, 42; svc SYS_exit
  s390x: { bits: 64, endian: "big", machine: 22, unit: 2, code: [0xa729, 0x002a, 0x0a01] },
  // li a7, SYS_exit; li a0, 42; ecall
  riscv64: {
    bits: 64,
    endian: "little",
    machine: 243,
    unit: 4,
    code: [0x05d00893, 0x02a00513, 0x00000073],
  },
  // li.w a7, SYS_exit; li.w a0, 42; syscall 0 (flags: double-float, object ABI version 1)
  loong64: {
    bits: 64,
    endian: "little",
    machine: 258,
    flags: 0x43,
    unit: 4,
    code: [0x0281740b, 0x0280a804, 0x002b0000],
  },
  // flags: MIPS32 with o32, MIPS64
  mips: { bits: 32, endian: "big", machine: 8, flags: 0x50001000, unit: 4, code: MIPS_O32 },
  mipsle: { bits: 32, endian: "little", machine: 8, flags: 0x50001000, unit: 4, code: MIPS_O32 },
  mips64: { bits: 64, endian: "big", machine: 8, flags: 0x60000000, unit: 4, code: MIPS_N64 },
  mips64le: { bits: 64, endian: "little", machine: 8, flags: 0x60000000, unit: 4, code: MIPS_N64 },
};

/** Where the program is loaded: high enough for every kernel's lowest mapping, a multiple of every page size. */
const LOAD_ADDRESS = 0x400000;
const PAGE_SIZE = 0x10000;

/** Architectures that a program can be made for. */
export function probeArchitectures(): readonly string[] {
  return Object.keys(MACHINES);
}

/**
 * Makes the smallest static ELF program of a Linux platform, one that only ends with `PROBE_EXIT_STATUS`.
 * Undefined for a platform that no code is known for. The variant does not matter: the code is that of the oldest one.
 * @see https://gabi.xinuos.com/elf/02-eheader.html
 */
export function probeProgram(platform: Platform): Uint8Array | undefined {
  const machine = MACHINES[platform.architecture];
  if (platform.os !== "linux" || machine === undefined) return undefined;
  return machine.bits === 64 ? elf64(machine) : elf32(machine);
}

function elf64(machine: Machine): Uint8Array {
  const headers = 64 + 56;
  const writer = elfWriter(machine, headers);
  writeIdent(writer, machine);
  writer.u64(LOAD_ADDRESS + headers); // e_entry
  writer.u64(64); // e_phoff
  writer.u64(0); // e_shoff
  writer.u32(machine.flags ?? 0);
  for (const field of [64, 56, 1, 0, 0, 0]) writer.u16(field); // sizes and counts of headers
  writer.u32(1); // p_type: PT_LOAD
  writer.u32(5); // p_flags: read and execute
  for (const field of [0, LOAD_ADDRESS, LOAD_ADDRESS, writer.size, writer.size, PAGE_SIZE]) writer.u64(field);
  writer.code();
  return writer.bytes;
}

function elf32(machine: Machine): Uint8Array {
  const headers = 52 + 32;
  const writer = elfWriter(machine, headers);
  writeIdent(writer, machine);
  writer.u32(LOAD_ADDRESS + headers); // e_entry
  writer.u32(52); // e_phoff
  writer.u32(0); // e_shoff
  writer.u32(machine.flags ?? 0);
  for (const field of [52, 32, 1, 0, 0, 0]) writer.u16(field); // sizes and counts of headers
  // PT_LOAD: the whole file, p_flags 5 = read and execute
  for (const field of [1, 0, LOAD_ADDRESS, LOAD_ADDRESS, writer.size, writer.size, 5, PAGE_SIZE])
    writer.u32(field);
  writer.code();
  return writer.bytes;
}

function writeIdent(writer: ElfWriter, machine: Machine): void {
  writer.raw([0x7f, 0x45, 0x4c, 0x46, machine.bits / 32, machine.endian === "little" ? 1 : 2, 1]);
  writer.raw([0, 0, 0, 0, 0, 0, 0, 0, 0]); // System V ABI, padding
  writer.u16(2); // e_type: ET_EXEC
  writer.u16(machine.machine);
  writer.u32(1); // e_version
}

type ElfWriter = ReturnType<typeof elfWriter>;

/** Writes fields one after another in the machine's byte order. */
function elfWriter(machine: Machine, headers: number) {
  const isLittle = machine.endian === "little";
  const bytes = new Uint8Array(headers + machine.code.length * machine.unit);
  const view = new DataView(bytes.buffer);
  let at = 0;
  const raw = (values: readonly number[]): void => {
    bytes.set(values, at);
    at += values.length;
  };
  const u16 = (value: number): void => view.setUint16((at += 2) - 2, value, isLittle);
  const u32 = (value: number): void => view.setUint32((at += 4) - 4, value, isLittle);
  const u64 = (value: number): void => view.setBigUint64((at += 8) - 8, BigInt(value), isLittle);
  const write = { 1: (value: number): void => raw([value]), 2: u16, 4: u32 }[machine.unit];
  return { bytes, size: bytes.length, raw, u16, u32, u64, code: () => machine.code.forEach(write) };
}
