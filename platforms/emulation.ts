/**
 * Emulation by the kernel: entries of binfmt_misc, which hand programs of other machines to an interpreter, QEMU mostly.
 * Everything here works on text that somebody else has read.
 * @see https://docs.kernel.org/admin-guide/binfmt-misc.html
 */
import { elfRule, exampleElf, machineName, readElfHeader } from "./elf.ts";
import { formatPlatform, knownPlatforms } from "./platform.ts";
import type { Platform } from "./platform.ts";

/** One registered format: its name is that of its file in /proc/sys/fs/binfmt_misc. */
export interface BinfmtEntry {
  readonly name: string;
  readonly enabled: boolean;
  readonly interpreter: string;
  readonly flags: readonly BinfmtFlag[];
  readonly recognition: Recognition;
}

/** P: preserve argv[0]; O: hand over the open program; C: credentials of the program (implies O); F: open the interpreter at once. */
export type BinfmtFlag = "P" | "O" | "C" | "F";

const FLAGS: readonly BinfmtFlag[] = ["P", "O", "C", "F"];

/** How the kernel knows a program: by bytes from `offset` on, compared under `mask`, or by the ending of its name. */
export type Recognition =
  | {
      readonly kind: "magic";
      readonly offset: number;
      readonly magic: Uint8Array;
      readonly mask: Uint8Array;
    }
  | { readonly kind: "extension"; readonly extension: string };

/** Reads the text of an entry's file; undefined where it is not that (`status`, `register`, or an unknown layout). */
export function parseBinfmtEntry(name: string, text: string): BinfmtEntry | undefined {
  const [state, ...rest] = text.split("\n");
  const fields = new Map(rest.map(splitField));
  const interpreter = fields.get("interpreter");
  const recognition = parseRecognition(fields);
  if (
    (state !== "enabled" && state !== "disabled") ||
    interpreter === undefined ||
    recognition === undefined
  ) {
    return undefined;
  }
  const flags = FLAGS.filter((flag) => fields.get("flags")?.includes(flag) === true);
  return { name, enabled: state === "enabled", interpreter, flags, recognition };
}

/** Known platforms whose programs this entry takes, enabled or not. See {@link emulates}. */
export function emulatedPlatforms(entry: BinfmtEntry): readonly Platform[] {
  return knownPlatforms.filter((platform) => emulates(entry, platform));
}

/**
 * Does this entry, once enabled, take programs for this platform? Decided by the magic, not by the name, which anyone may
 * choose. Which level of amd64 an emulator really offers depends on its version: only a probe tells.
 */
export function emulates(entry: BinfmtEntry, platform: Platform): boolean {
  const rule = platform.os === "linux" ? elfRule(platform) : undefined;
  return rule !== undefined && recognizes(entry.recognition, exampleElf(rule));
}

/** Would the kernel take this program for the entry's format? By its bytes only. */
export function recognizes(recognition: Recognition, program: Uint8Array): boolean {
  if (recognition.kind === "extension") return false;
  const { offset, magic, mask } = recognition;
  return magic.every((byte, at) => (((program[offset + at] ?? ~byte) ^ byte) & (mask[at] ?? 0xff)) === 0);
}

/**
 * The entry in words: what it takes, and for each flag that decides whether builds work, what it does or what its absence
 * breaks. Whole sentences. Of an entry that emulates no platform only the first one is said.
 */
export function explainEntry(entry: BinfmtEntry): readonly string[] {
  const { name, enabled, interpreter, flags } = entry;
  const takes = `${name} hands ${describePrograms(entry)} to ${interpreter}.`;
  if (emulatedPlatforms(entry).length === 0) return [takes];
  return [
    takes,
    ...(enabled
      ? []
      : [`It is disabled: it emulates nothing until 1 is written to /proc/sys/fs/binfmt_misc/${name}.`]),
    flags.includes("F")
      ? "Flag F: the kernel opened the interpreter when the entry was registered, so it works inside containers, where that file does not exist."
      : `Flag F is missing: the kernel looks for ${interpreter} inside each container, where it does not exist, so programs fail with "no such file or directory"; register the entry again with flag F.`,
    flags.includes("C")
      ? "Flag C: a set-user-ID program gets its own rights, not the interpreter's, so sudo and the like work in a RUN step."
      : "Flag C is missing: a set-user-ID program runs without its extra rights, so sudo and the like fail in a RUN step.",
    ...(flags.includes("P") ? ["Flag P: the program sees the argv[0] that it was started with."] : []),
    ...(flags.includes("O") && !flags.includes("C")
      ? ["Flag O: the interpreter gets the program already open, so it may be one that cannot be read."]
      : []),
  ];
}

function describePrograms(entry: BinfmtEntry): string {
  const { recognition } = entry;
  if (recognition.kind === "extension") return `files that end in .${recognition.extension}`;
  const platforms = emulatedPlatforms(entry).map(formatPlatform);
  if (platforms.length > 0) return `programs for ${platforms.join(", ")}`;
  const { magic, offset } = recognition;
  const header = offset === 0 ? readElfHeader(new Uint8Array([...magic, ...new Uint8Array(64)])) : undefined;
  if (header === undefined) return "files that are no programs of a platform";
  return `programs of no known platform (ELF, ${header.class}-bit, ${header.data}-endian, ${machineName(header.machine)})`;
}

function parseRecognition(fields: ReadonlyMap<string, string>): Recognition | undefined {
  const extension = fields.get("extension");
  if (extension !== undefined) return { kind: "extension", extension: extension.replace(/^\./, "") };
  const magic = parseHex(fields.get("magic"));
  const offset = Number(fields.get("offset") ?? 0);
  if (magic === undefined || !Number.isSafeInteger(offset) || offset < 0) return undefined;
  const given = fields.get("mask");
  const mask = given === undefined ? new Uint8Array(magic.length).fill(0xff) : parseHex(given);
  return mask?.length === magic.length ? { kind: "magic", offset, magic, mask } : undefined;
}

/** `interpreter /usr/bin/qemu-arm`; the kernel writes a colon after `flags` alone. */
function splitField(line: string): readonly [string, string] {
  const [, key = "", value = ""] = /^(\w+):?(?: (.*))?$/.exec(line) ?? [];
  return [key, value.trimEnd()];
}

function parseHex(text: string | undefined): Uint8Array | undefined {
  if (text === undefined || !/^(?:[0-9a-f]{2})+$/i.test(text)) return undefined;
  return Uint8Array.from(text.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}
