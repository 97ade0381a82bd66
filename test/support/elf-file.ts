/** ELF files made by code: headers and the few tables that are looked at, and nothing to run. */
import { sheet } from "./sheet.ts";

export interface ElfParts {
  readonly class?: 32 | 64;
  readonly data?: "little" | "big";
  readonly osAbi?: number;
  readonly machine?: number;
  readonly flags?: number;
  /** e_type: 2 is ET_EXEC, 3 ET_DYN. */
  readonly type?: number;
  readonly entry?: number;
  readonly segments?: readonly ElfSegment[];
  readonly sections?: readonly ElfSection[];
  /** Zeros between what segments and what sections hold: the code of a real program. */
  readonly code?: number;
}

export interface ElfSection {
  readonly type: number;
  readonly content: Uint8Array;
}

export interface ElfSegment {
  readonly type: number;
  readonly content: Uint8Array;
  readonly align?: number;
}

/** Header, program headers, what they point at, code, sections, section headers: in the order that linkers use. */
export function elfFile(parts: ElfParts = {}): Uint8Array {
  const { class: bits = 64, data = "little", segments = [], sections = [], code = 0 } = parts;
  const narrow = bits === 32;
  const [headerSize, segmentSize, sectionSize] = narrow ? [52, 32, 40] : [64, 56, 64];
  const segmentsEnd = headerSize + segments.length * segmentSize;
  const sizes = [...segments, ...sections].map(({ content }) => Math.ceil(content.length / 8) * 8);
  const placesOf = (from: number, count: number, start: number): readonly number[] =>
    Array.from({ length: count + 1 }, (_, index) =>
      sizes.slice(from, from + index).reduce((sum, size) => sum + size, start),
    );
  const segmentPlaces = placesOf(0, segments.length, Math.ceil(segmentsEnd / 8) * 8);
  const sectionPlaces = placesOf(segments.length, sections.length, (segmentPlaces.at(-1) ?? 0) + code);
  const sectionsAt = sectionPlaces.at(-1) ?? 0;
  const file = sheet(sectionsAt + sections.length * sectionSize, data);
  file.put(
    0,
    Uint8Array.of(0x7f, 0x45, 0x4c, 0x46, bits / 32, data === "little" ? 1 : 2, 1, parts.osAbi ?? 0),
  );
  file.u16(16, parts.type ?? 2);
  file.u16(18, parts.machine ?? 62);
  file.u32(20, 1);
  file.word(24, parts.entry ?? 0x40_1000, bits);
  file.word(narrow ? 28 : 32, segments.length === 0 ? 0 : headerSize, bits);
  file.word(narrow ? 32 : 40, sections.length === 0 ? 0 : sectionsAt, bits);
  file.u32(narrow ? 36 : 48, parts.flags ?? 0);
  const sizesAt = narrow ? 40 : 52;
  [headerSize, segmentSize, segments.length, sectionSize, sections.length].forEach((value, index) =>
    file.u16(sizesAt + index * 2, value),
  );
  segments.forEach(({ type, content, align = 4 }, index) => {
    const at = headerSize + index * segmentSize;
    file.u32(at, type);
    file.word(at + (narrow ? 4 : 8), segmentPlaces[index] ?? 0, bits);
    file.word(at + (narrow ? 16 : 32), content.length, bits);
    file.word(at + (narrow ? 28 : 48), align, bits);
    file.put(segmentPlaces[index] ?? 0, content);
  });
  sections.forEach(({ type, content }, index) => {
    const at = sectionsAt + index * sectionSize;
    file.u32(at + 4, type);
    file.word(at + (narrow ? 16 : 24), sectionPlaces[index] ?? 0, bits);
    file.word(at + (narrow ? 20 : 32), content.length, bits);
    file.put(sectionPlaces[index] ?? 0, content);
  });
  return file.bytes;
}

/** PT_INTERP */
export function interpreter(path: string): ElfSegment {
  return { type: 3, content: new TextEncoder().encode(`${path}\0`), align: 1 };
}

/** PT_DYNAMIC of a program with these flags in DT_FLAGS_1. */
export function dynamic(flags: number, bits: 32 | 64 = 64, data: "little" | "big" = "little"): ElfSegment {
  const size = bits / 8;
  const table = sheet(6 * size, data);
  table.word(0, 1, bits);
  table.word(2 * size, 0x6fff_fffb, bits);
  table.word(3 * size, flags, bits);
  return { type: 2, content: table.bytes };
}

/** PT_NOTE or PT_GNU_PROPERTY that demands these levels of x86-64, a bit for each; another property stands before it. */
export function levelNote(levels: number, type = 0x6474_e553): ElfSegment {
  const note = sheet(16 + 16 + 16);
  note.u32(0, 4);
  note.u32(4, 32);
  note.u32(8, 5);
  note.put(12, "GNU\0");
  note.u32(16, 0xc000_0002);
  note.u32(20, 4);
  note.u32(24, 3);
  note.u32(32, 0xc000_8002);
  note.u32(36, 4);
  note.u32(40, levels);
  return { type, content: note.bytes, align: 8 };
}

/** `.ARM.attributes` as compilers write it, with the tags before and after the one that counts. */
export function armAttributes(cpuArchitecture: number, data: "little" | "big" = "little"): ElfSection {
  // Texts in which a reader that takes them for numbers would find the tag: Tag_conformance, Tag_compatibility, both names.
  const trap = [0x78, 6, 1, 0];
  const tags = [
    [67, ...trap],
    [32, 0, 6, 1, 0],
    [4, ...trap],
    [5, ...trap],
    [6, cpuArchitecture],
    [10, 3],
  ].flat();
  const content = sheet(1 + 4 + 6 + 5 + tags.length, data);
  content.put(0, "A");
  content.u32(1, content.bytes.length - 1);
  content.put(5, "aeabi\0");
  content.put(11, Uint8Array.of(1));
  content.u32(12, 5 + tags.length);
  content.put(16, Uint8Array.from(tags));
  return { type: 0x7000_0003, content: content.bytes };
}
