/**
 * ELF programs: header, program headers, and of what those point at the little that tells more of a platform. At most one range of
 * a mebibyte is held (the end of 32-bit ARM programs, where `.ARM.attributes` stands), for all others 64 KiB.
 * @see https://gabi.xinuos.com/elf/07-pheader.html
 * @see https://gitlab.com/x86-psABIs/x86-64-ABI program properties
 */
import { fieldsOf, LONGEST_RANGE } from "./byte-ranges.ts";
import type { Inspection } from "./byte-ranges.ts";
import { readElfHeader } from "./elf.ts";
import type { ElfHeader } from "./elf.ts";
import { armArchitecture, interpreterPath, isPieDynamic, x86Level } from "./elf-sections.ts";
import type { ElfLayout } from "./elf-sections.ts";

export interface ElfProgram {
  readonly format: "elf";
  /** ET_EXEC and position-independent executables (an interpreter, or DF_1_PIE); or any other ET_DYN, loaders too. */
  readonly type: "executable" | "library";
  readonly header: ElfHeader;
  /** PT_INTERP: the loader that a dynamically linked program needs. */
  readonly interpreter?: string;
  /** Tag_CPU_arch of `.ARM.attributes`, where it was within reach: 10 is v7. */
  readonly armArchitecture?: number;
  /** The level of x86-64 that GNU_PROPERTY_X86_ISA_1_NEEDED demands. */
  readonly x86Level?: 1 | 2 | 3 | 4;
}

const [ET_EXEC, ET_DYN] = [2, 3];
const [PT_DYNAMIC, PT_INTERP, PT_NOTE, PT_GNU_PROPERTY] = [2, 3, 4, 0x6474_e553];
const [EM_ARM, EM_X86_64] = [40, 62];

/** Code for graphics cards and the kernel's bytecode (Intel GT, CUDA, AMD GPU, BPF): what loads it is not the CPU. */
const NO_CPU: ReadonlySet<number> = new Set([0, 190, 205, 224, 247]);

/** As much as the kernel reads of program headers. */
const LONGEST_TABLE = 65_536;

/** How much of each kind of segment is looked at. */
const LONGEST_SEGMENT: ReadonlyMap<number, number> = new Map([
  [PT_INTERP, 512],
  [PT_NOTE, 4096],
  [PT_GNU_PROPERTY, 4096],
  [PT_DYNAMIC, 16_384],
]);
const MOST_NOTES = 4;

/** Reads a program; an object file, a core dump or code for another kind of processor is none. */
export function* inspectElf(size: number): Inspection<ElfProgram> {
  const bytes = (yield { at: 0, length: 64 }) ?? (yield { at: 0, length: 52 });
  const header = bytes && readElfHeader(bytes);
  if (bytes === undefined || header === undefined || NO_CPU.has(header.machine)) return undefined;
  const layout = readLayout(bytes, header);
  if (layout.type !== ET_EXEC && layout.type !== ET_DYN) return undefined;
  const segments = yield* readSegments(header, layout);
  const facts = yield* readFacts(header, layout, segments);
  const isExecutable =
    layout.type === ET_EXEC || facts.isPie === true || segments.some(({ type }) => type === PT_INTERP);
  const arm =
    header.machine === EM_ARM && layout.class === 32 ? yield* readArmArchitecture(layout, size) : undefined;
  return {
    format: "elf",
    type: isExecutable ? "executable" : "library",
    header,
    ...(facts.interpreter !== undefined && { interpreter: facts.interpreter }),
    ...(arm !== undefined && { armArchitecture: arm }),
    ...(facts.x86Level !== undefined && { x86Level: facts.x86Level }),
  };
}

interface Layout extends ElfLayout {
  readonly type: number;
  readonly hasEntry: boolean;
  readonly segmentsAt: number;
  readonly segmentSize: number;
  readonly segmentCount: number;
}

function readLayout(bytes: Uint8Array, { class: bits, data }: ElfHeader): Layout {
  const { u16, u32, u64 } = fieldsOf(bytes, data);
  const narrow = bits === 32;
  // What follows the addresses: flags, the header's own size, then pairs of entry size and count.
  const sizes = narrow ? 42 : 54;
  return {
    class: bits,
    data,
    type: u16(16),
    hasEntry: (narrow ? u32(24) : u64(24)) !== 0,
    segmentsAt: narrow ? u32(28) : u64(32),
    segmentSize: u16(sizes),
    segmentCount: u16(sizes + 2),
    sectionsAt: narrow ? u32(32) : u64(40),
    sectionSize: u16(sizes + 4),
    sectionCount: u16(sizes + 6),
  };
}

interface Segment {
  readonly type: number;
  readonly at: number;
  readonly length: number;
  readonly align: number;
}

/** None where the table is not where the header says, or has entries of another size: then the header alone speaks. */
function* readSegments(
  header: ElfHeader,
  layout: Layout,
): Generator<{ at: number; length: number }, readonly Segment[], Uint8Array | undefined> {
  const narrow = header.class === 32;
  const { segmentsAt: at, segmentSize, segmentCount } = layout;
  const length = segmentSize * segmentCount;
  if (segmentSize !== (narrow ? 32 : 56) || length === 0 || length > LONGEST_TABLE) return [];
  const table = yield { at, length };
  if (table === undefined) return [];
  const { u32, u64 } = fieldsOf(table, header.data);
  return Array.from({ length: segmentCount }, (_, index): Segment => {
    const entry = index * segmentSize;
    return narrow
      ? { type: u32(entry), at: u32(entry + 4), length: u32(entry + 16), align: u32(entry + 28) }
      : { type: u32(entry), at: u64(entry + 8), length: u64(entry + 32), align: u64(entry + 48) };
  });
}

interface Facts {
  interpreter?: string | undefined;
  x86Level?: ElfProgram["x86Level"];
  isPie?: boolean;
}

/** Looks into the segments that matter, in the order in which they go by. */
function* readFacts(
  header: ElfHeader,
  layout: Layout,
  segments: readonly Segment[],
): Generator<{ at: number; length: number }, Facts, Uint8Array | undefined> {
  const facts: Facts = {};
  for (const { type, at, length, align } of wantedSegments(header, layout, segments)) {
    const bytes = yield { at, length: Math.min(length, LONGEST_SEGMENT.get(type) ?? 0) };
    if (bytes === undefined) continue;
    if (type === PT_INTERP) facts.interpreter = interpreterPath(bytes);
    else if (type === PT_DYNAMIC) facts.isPie = isPieDynamic(bytes, layout);
    else facts.x86Level ??= x86Level(bytes, { ...layout, align: align === 8 ? 8 : 4 });
  }
  return facts;
}

function wantedSegments(
  header: ElfHeader,
  { type, hasEntry }: Layout,
  segments: readonly Segment[],
): readonly Segment[] {
  const of = (wanted: number): readonly Segment[] => segments.filter((segment) => segment.type === wanted);
  const interpreter = of(PT_INTERP).slice(0, 1);
  const property = of(PT_GNU_PROPERTY).slice(0, 1);
  const notes = property.length > 0 ? property : of(PT_NOTE).slice(0, MOST_NOTES);
  const isUnclear = type === ET_DYN && interpreter.length === 0 && hasEntry;
  return [
    ...interpreter,
    ...(header.machine === EM_X86_64 ? notes : []),
    // Only static programs are in doubt; libraries of today have no entry point, and need not be read up to here.
    ...(isUnclear ? of(PT_DYNAMIC).slice(0, 1) : []),
  ].toSorted((one, other) => one.at - other.at);
}

function* readArmArchitecture(
  layout: Layout,
  size: number,
): Generator<{ last: number }, number | undefined, Uint8Array | undefined> {
  if (layout.sectionsAt === 0 || layout.sectionCount === 0) return undefined;
  const tail = yield { last: LONGEST_RANGE };
  return tail && armArchitecture(tail, { ...layout, tailAt: size - tail.length });
}
