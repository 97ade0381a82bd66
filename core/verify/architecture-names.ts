import type { Program } from "../../platforms/program.ts";

/**
 * How folders name CPUs: what Go, GNU triplets, Rust, Debian, npm, .NET, Python and Android write, all in lower case. A name
 * of 32-bit ARM may go on (`armv7l`, `arm-linux-gnueabihf`).
 */
const NAMES = {
  "386": ["386", "i386", "i486", "i586", "i686", "x86", "ia32", "win32", "linux32"],
  amd64: ["amd64", "x86_64", "x86-64", "x64", "x32", "win64", "linux64"],
  arm: ["arm", "armhf", "armel", "armv5", "armv6", "armv7", "armeabi", "arm32", "arm32v6", "arm32v7"],
  arm64: ["arm64", "aarch64", "armv8", "arm64v8", "arm64ec", "arm64e"],
  loong64: ["loong64", "loongarch64", "loongarch"],
  mips: ["mips", "mipsel", "mipsle", "mips64", "mips64el", "mips64le", "mipsr6", "mipsn32"],
  ppc: ["ppc", "powerpc", "ppc32", "ppc64", "powerpc64", "ppc64le", "ppc64el", "powerpc64le"],
  riscv: ["riscv", "riscv32", "riscv64", "riscv64gc"],
  s390: ["s390", "s390x"],
  sparc: ["sparc", "sparc64", "sparcv9"],
} as const satisfies Readonly<Record<string, readonly string[]>>;

type Cpu = keyof typeof NAMES;

/** e_machine of ELF, by the CPU that folders would name. */
const ELF: ReadonlyMap<number, Cpu> = new Map<number, Cpu>([
  [2, "sparc"],
  [3, "386"],
  [8, "mips"],
  [18, "sparc"],
  [20, "ppc"],
  [21, "ppc"],
  [22, "s390"],
  [40, "arm"],
  [43, "sparc"],
  [62, "amd64"],
  [183, "arm64"],
  [243, "riscv"],
  [258, "loong64"],
]);

/** @see https://learn.microsoft.com/en-us/windows/win32/debug/pe-format#machine-types */
const PE: ReadonlyMap<number, Cpu> = new Map<number, Cpu>([
  [0x1_4c, "386"],
  [0x1_c0, "arm"],
  [0x1_c4, "arm"],
  [0x86_64, "amd64"],
  [0xaa_64, "arm64"],
]);

/** CPU types of Mach-O; the bit 0x01000000 says 64. */
const MACH_O: ReadonlyMap<number, Cpu> = new Map<number, Cpu>([
  [7, "386"],
  [12, "arm"],
  [18, "ppc"],
  [0x0100_0007, "amd64"],
  [0x0100_000c, "arm64"],
  [0x0100_0012, "ppc"],
]);

/** Does this name of a folder or file say that what is in it is for the CPU of the program? */
export function namesCpuOf(name: string, program: Program): boolean {
  const cpus = cpusOf(program);
  return cpus.some((cpu) => NAMES[cpu].some((word) => hasWord(name.toLowerCase(), word, cpu === "arm")));
}

function cpusOf(program: Program): readonly Cpu[] {
  if (program.format === "elf") return defined([ELF.get(program.header.machine)]);
  if (program.format === "pe") return defined([PE.get(program.machine)]);
  return program.format === "wasm" ? [] : defined(program.cpus.map(({ type }) => MACH_O.get(type)));
}

function defined(cpus: readonly (Cpu | undefined)[]): readonly Cpu[] {
  return cpus.filter((cpu) => cpu !== undefined);
}

/** Stands the word in the name by itself? `open` words may go on with letters and digits: `armv7l`, but never `arm64`. */
function hasWord(name: string, word: string, open: boolean): boolean {
  for (let at = name.indexOf(word); at !== -1; at = name.indexOf(word, at + 1)) {
    const [before = "", after = ""] = [name[at - 1], name[at + word.length]];
    const goesOn = open && word !== "arm" ? /^[a-z]$/.test(after) : false;
    // `x86_64` is not `x86`.
    const isLonger = word === "x86" && /^[_-]64/.test(name.slice(at + 3));
    if (!isWordCharacter(before) && (!isWordCharacter(after) || goesOn) && !isLonger) return true;
  }
  return false;
}

function isWordCharacter(character: string): boolean {
  return /^[a-z0-9]$/.test(character);
}
