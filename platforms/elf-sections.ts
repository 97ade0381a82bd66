/** What small parts of ELF programs say: pure functions on bytes that may be cut short, or lie. */
import { fieldsOf } from "./byte-ranges.ts";
import type { Fields } from "./byte-ranges.ts";

/** What the header says of itself, and of where sections are. */
export interface ElfLayout {
  readonly class: 32 | 64;
  readonly data: "little" | "big";
  readonly sectionsAt: number;
  readonly sectionSize: number;
  readonly sectionCount: number;
}

type Words = Pick<ElfLayout, "class" | "data">;

/** The path in a PT_INTERP segment, as the kernel reads it: up to the first NUL, which must be there. */
export function interpreterPath(bytes: Uint8Array): string | undefined {
  const end = bytes.indexOf(0);
  return end > 0 ? new TextDecoder().decode(bytes.subarray(0, end)) : undefined;
}

const [DT_NULL, DT_FLAGS_1, DF_1_PIE] = [0, 0x6fff_fffb, 0x0800_0000];

/** Does a PT_DYNAMIC segment say that it is of an executable? Static position-independent ones have nothing else that does. */
export function isPieDynamic(bytes: Uint8Array, words: Words): boolean {
  const { length, u32, u64 } = fieldsOf(bytes, words.data);
  const [size, read] = words.class === 32 ? [4, u32] : [8, u64];
  for (let at = 0; at + 2 * size <= length; at += 2 * size) {
    const tag = read(at);
    if (tag === DT_NULL) return false;
    // The flags are in the lower half, which is all that a number holds of it for sure.
    if (tag === DT_FLAGS_1) return hasBit(u32, at + size, words);
  }
  return false;
}

function hasBit(u32: Fields["u32"], at: number, words: Words): boolean {
  const lower = words.class === 64 && words.data === "big" ? at + 4 : at;
  return (u32(lower) & DF_1_PIE) !== 0;
}

const [NT_GNU_PROPERTY_TYPE_0, GNU_PROPERTY_X86_ISA_1_NEEDED] = [5, 0xc000_8002];
const LEVELS = [undefined, 1, 2, 3, 4] as const;

/** The highest level that notes demand of an x86-64 CPU; `align` is the segment's. */
export function x86Level(
  bytes: Uint8Array,
  { align, ...words }: Words & { readonly align: 4 | 8 },
): 1 | 2 | 3 | 4 | undefined {
  const { length, u32 } = fieldsOf(bytes, words.data);
  for (let at = 0; at + 12 <= length;) {
    const [nameLength, descriptionLength, type] = [u32(at), u32(at + 4), u32(at + 8)];
    const description = aligned(at + 12 + nameLength, align);
    const end = description + descriptionLength;
    const isGnu = nameLength === 4 && u32(at + 12) === 0x0055_4e47;
    if (isGnu && type === NT_GNU_PROPERTY_TYPE_0 && end <= length) {
      const properties = fieldsOf(bytes.subarray(description, end), words.data);
      return LEVELS[levelIn(properties, words.class === 64 ? 8 : 4)];
    }
    at = aligned(end, align);
  }
  return undefined;
}

/** 0 where nothing is demanded. */
function levelIn({ length, u32 }: Fields, align: number): number {
  for (let at = 0; at + 8 <= length;) {
    const [type, size] = [u32(at), u32(at + 4)];
    // One bit for each level; the highest counts.
    if (type === GNU_PROPERTY_X86_ISA_1_NEEDED && size === 4) return 32 - Math.clz32(u32(at + 8) & 0xf);
    at = aligned(at + 8 + size, align);
  }
  return 0;
}

function aligned(at: number, align: number): number {
  return Math.ceil(at / align) * align;
}

const SHT_ARM_ATTRIBUTES = 0x7000_0003;
const [MOST_SECTIONS, LONGEST_ATTRIBUTES] = [1024, 65_536];

/**
 * Tag_CPU_arch of a 32-bit program, whose end is given, from `tailAt` on; undefined where there is none, or not in these bytes.
 * @see https://github.com/ARM-software/abi-aa/blob/main/addenda32/addenda32.rst
 */
export function armArchitecture(
  tail: Uint8Array,
  { tailAt, data, sectionsAt, sectionSize, sectionCount }: ElfLayout & { readonly tailAt: number },
): number | undefined {
  if (sectionSize !== 40) return undefined;
  const { u32 } = fieldsOf(tail, data);
  for (let index = 0; index < Math.min(sectionCount, MOST_SECTIONS); index++) {
    const section = sectionsAt - tailAt + index * sectionSize;
    if (section < 0 || u32(section + 4) !== SHT_ARM_ATTRIBUTES) continue;
    const from = u32(section + 16) - tailAt;
    const length = Math.min(u32(section + 20), LONGEST_ATTRIBUTES);
    if (from < 0 || from + length > tail.length) return undefined;
    return cpuArchitectureIn(tail.subarray(from, from + length), data);
  }
  return undefined;
}

const [FORMAT_A, TAG_FILE, TAG_CPU_ARCH] = [0x41, 1, 6];

/** The section is a list of vendors' parts, each a list of scopes, each a list of tags with values. */
function cpuArchitectureIn(bytes: Uint8Array, data: ElfLayout["data"]): number | undefined {
  const { u32 } = fieldsOf(bytes, data);
  if (bytes[0] !== FORMAT_A) return undefined;
  for (let at = 1; at + 4 <= bytes.length;) {
    const end = Math.min(at + u32(at), bytes.length);
    const name = textEnd(bytes, at + 4);
    if (end <= at + 4) return undefined;
    if (new TextDecoder().decode(bytes.subarray(at + 4, name)) === "aeabi")
      return cpuArchitectureOfFile(bytes.subarray(name + 1, end), data);
    at = end;
  }
  return undefined;
}

function cpuArchitectureOfFile(scopes: Uint8Array, data: ElfLayout["data"]): number | undefined {
  const { u32 } = fieldsOf(scopes, data);
  for (let at = 0; at + 5 <= scopes.length;) {
    const length = u32(at + 1);
    if (length < 5) return undefined;
    if (scopes[at] === TAG_FILE) return cpuArchitectureOfTags(scopes.subarray(at + 5, at + length));
    at += length;
  }
  return undefined;
}

function cpuArchitectureOfTags(tags: Uint8Array): number | undefined {
  for (let at = 0; at < tags.length;) {
    const tag = readUleb(tags, at);
    const value = readUleb(tags, tag.end);
    if (tag.value === TAG_CPU_ARCH) return value.end <= tags.length ? value.value : undefined;
    if (tag.value === 32) at = textEnd(tags, value.end) + 1;
    else at = isText(tag.value) ? textEnd(tags, tag.end) + 1 : value.end;
  }
  return undefined;
}

/** Up to 32 each tag has a kind of its own, after it odd ones are texts; 32 itself is a number and a text. */
function isText(tag: number): boolean {
  return tag === 4 || tag === 5 || (tag > 32 && tag % 2 === 1);
}

function textEnd(bytes: Uint8Array, from: number): number {
  const end = bytes.indexOf(0, from);
  return end === -1 ? bytes.length : end;
}

/** A number in groups of seven bits, the lowest first; `end` is after the last byte where the bytes end before it does. */
function readUleb(bytes: Uint8Array, from: number): { readonly value: number; readonly end: number } {
  let value = 0;
  for (let at = from; at < bytes.length && at < from + 5; at++) {
    const byte = bytes[at] ?? 0;
    value += (byte & 0x7f) * 2 ** (7 * (at - from));
    if (byte < 0x80) return { value, end: at + 1 };
  }
  return { value, end: bytes.length + 1 };
}
