/**
 * Programs of macOS and its relatives, for one CPU (thin) or several (fat).
 * @see https://github.com/apple-oss-distributions/xnu/tree/main/EXTERNAL_HEADERS/mach-o loader.h and fat.h
 * @see https://github.com/apple-oss-distributions/xnu/blob/main/osfmk/mach/machine.h the CPUs
 */
import { fieldsOf } from "./byte-ranges.ts";
import type { Inspection } from "./byte-ranges.ts";
import { cpusOf, fitOfTargets } from "./fit.ts";
import type { Fit, Target } from "./fit.ts";
import type { Platform } from "./platform.ts";

export interface MachOProgram {
  readonly format: "mach-o";
  readonly type: "executable" | "library";
  /** One, or all of a fat file. The subtype is without its capability bits. */
  readonly cpus: readonly MachOCpu[];
}

interface MachOCpu {
  readonly type: number;
  readonly subtype: number;
}

/** What the first four bytes may be, read big-endian: 32 and 64 bits, in both byte orders. */
export const THIN_MAGIC: ReadonlySet<number> = new Set([0xfeedface, 0xfeedfacf, 0xcefaedfe, 0xcffaedfe]);
/** Fat headers are always big-endian; the second has 64-bit offsets. The first is that of Java classes, too. */
export const FAT_MAGIC: ReadonlySet<number> = new Set([0xcafebabe, 0xcafebabf]);

/** MH_EXECUTE; MH_DYLIB, MH_DYLINKER and MH_BUNDLE. Objects, cores, symbol files and kernel extensions are no programs. */
const TYPES: ReadonlyMap<number, MachOProgram["type"]> = new Map([
  [2, "executable"],
  [6, "library"],
  [7, "library"],
  [8, "library"],
]);

/** In place of the number of CPUs, a Java class has its version, which begins at 45. */
const MOST_CPUS = 30;

const ARCHITECTURES: ReadonlyMap<number, string> = new Map([
  [7, "386"],
  [0x0100_0007, "amd64"],
  [12, "arm"],
  [0x0100_000c, "arm64"],
  [0x0200_000c, "arm64_32"],
  [18, "ppc"],
  [0x0100_0012, "ppc64"],
]);

/** Reads a thin file. */
export function* inspectMachO(): Inspection<MachOProgram> {
  const bytes = yield { at: 0, length: 16 };
  const slice = bytes && readSlice(bytes);
  return slice && { format: "mach-o", type: slice.type, cpus: [slice.cpu] };
}

/** Reads the table of a fat file, then each slice's own header: the table alone might be anything. */
export function* inspectFat(size: number): Inspection<MachOProgram> {
  const start = yield { at: 0, length: 8 };
  if (start === undefined) return undefined;
  const header = fieldsOf(start, "big");
  const wide = header.u32(0) === 0xcafebabf;
  const count = header.u32(4);
  if (count === 0 || count > MOST_CPUS) return undefined;
  const table = yield { at: 8, length: count * (wide ? 32 : 20) };
  const places = table && readTable(table, { wide, count, size });
  const slices: Slice[] = [];
  for (const at of places ?? []) {
    const bytes = yield { at, length: 16 };
    const slice = bytes && readSlice(bytes);
    if (slice !== undefined) slices.push(slice);
  }
  const [first] = slices;
  return first && { format: "mach-o", type: first.type, cpus: slices.map(({ cpu }) => cpu) };
}

interface Slice {
  readonly type: MachOProgram["type"];
  readonly cpu: MachOCpu;
}

function readSlice(bytes: Uint8Array): Slice | undefined {
  const magic = fieldsOf(bytes, "big").u32(0);
  if (!THIN_MAGIC.has(magic)) return undefined;
  const { u32 } = fieldsOf(bytes, magic >= 0xfeed_0000 ? "big" : "little");
  const type = TYPES.get(u32(12));
  return type && { type, cpu: { type: u32(4), subtype: u32(8) & 0x00ff_ffff } };
}

/** Where the slices begin, first to last; undefined where an entry cannot be right. */
function readTable(
  table: Uint8Array,
  { wide, count, size }: { readonly wide: boolean; readonly count: number; readonly size: number },
): readonly number[] | undefined {
  const { u32, u64 } = fieldsOf(table, "big");
  const entries = Array.from({ length: count }, (_, index) => {
    const entry = index * (wide ? 32 : 20) + 8;
    return wide
      ? { at: u64(entry), length: u64(entry + 8), align: u32(entry + 16) }
      : { at: u32(entry), length: u32(entry + 4), align: u32(entry + 8) };
  });
  const isSane = entries.every(
    ({ at, length, align }) => at >= 8 + table.length && length >= 28 && at + length <= size && align < 32,
  );
  return isSane ? entries.map(({ at }) => at).toSorted((one, other) => one - other) : undefined;
}

/** How it goes with a platform. Which of Apple's systems it is for is not looked at. */
export function machOFit(program: MachOProgram, platform: Platform): Fit {
  const [{ os }] = cpusOf(platform);
  return fitOfTargets(platform, targetsOf(program, os === "ios" ? os : "darwin"));
}

/** `darwin/amd64, darwin/arm64` */
export function machOMadeFor(program: MachOProgram): string {
  const targets = targetsOf(program, "darwin").map(({ os, architecture, variant }) =>
    [os, architecture, variant].filter(Boolean).join("/"),
  );
  return [...new Set(targets)].join(", ");
}

function targetsOf({ cpus }: MachOProgram, os: string): readonly Target[] {
  return cpus.map(({ type, subtype }) => ({
    os,
    architecture: ARCHITECTURES.get(type) ?? `cpu-${type}`,
    // ARM's subtypes: 6 is v6, 7 is v5, all later ones v7 and its relatives.
    ...(type === 12 && { variant: { 6: "v6", 7: "v5" }[subtype] ?? "v7" }),
  }));
}
