import { BLOCK, paddingOf } from "../layout/tar-header.ts";
import type { TarEnd, TarEntry, TarProblem, TarVisitor } from "./tar-entry.ts";
import { isZeroBlock, readBlock, readText, type TarBlock } from "./tar-fields.ts";
import { readPax, type PaxFacts } from "./tar-pax.ts";
import {
  fillHoles,
  fillHolesByContent,
  readRealSize,
  readSparseBlock,
  type ContentReader,
  type HoleBudget,
} from "./tar-sparse.ts";

const KINDS: Readonly<Record<string, TarEntry["kind"]>> = {
  "0": "file",
  "\0": "file",
  "1": "hardlink",
  "2": "symlink",
  "3": "special",
  "4": "special",
  "5": "folder",
  "6": "special",
  "7": "file",
  S: "file",
};

/** Longer headers about an entry are refused, as Go's reader does. */
const MAX_EXTENSION_BYTES = 1024 * 1024;
const MAX_SPARSE_NUMBERS = 200_000;
const MAX_HOLE_BYTES = 256 * 1024 * 1024;
const EXTENSIONS: ReadonlySet<string> = new Set(["x", "g", "L", "K"]);

/** What is known of the entry to come. */
interface Pending {
  readonly pax?: PaxFacts;
  readonly paxContent?: Buffer;
  readonly longName?: string;
  readonly longLink?: string;
}

/** A header block, read and as it stands there. */
interface Header {
  readonly block: TarBlock;
  readonly bytes: Buffer;
}

/** A file in the old GNU format while the blocks of its map are read. */
interface OldSparse extends Header {
  readonly parts: number[];
  readonly realSize: number;
}

/** What the next bytes are. Those of content, padding and after the end come in any pieces, the others are gathered. */
type State =
  | { readonly at: "header" | "second-zero" | "padding" | "after-end" }
  | { readonly at: "extension"; readonly type: string; readonly padding: number }
  | { readonly at: "sparse-map"; readonly file: OldSparse }
  | { readonly at: "content"; reader: ContentReader | undefined; readonly padding: number };

const HEADER: State = { at: "header" };

/**
 * Reads ustar, GNU's and POSIX's (pax) tar files by the rules of Go's reader, which is the one that clients of images use. Content
 * is passed on without copying it. Memory is that of one header and its extensions.
 * @see https://pubs.opengroup.org/onlinepubs/9799919799/utilities/pax.html
 */
export class TarStream {
  readonly #visit: TarVisitor;
  readonly #maxEntries: number;
  readonly #budget: HoleBudget = { left: MAX_HOLE_BYTES };
  readonly #scratch = Buffer.alloc(BLOCK);
  #state: State = HEADER;
  /** Bytes that are still to come of the state, and for those that are gathered the ones that came. */
  #left = BLOCK;
  #gathered = this.#scratch;
  #have = 0;
  #pending: Pending = {};
  #position = 0;
  #entries = 0;
  #hasDataAfterEnd = false;
  #problem: TarProblem | undefined;

  constructor(visit: TarVisitor, { maxEntries }: { readonly maxEntries: number }) {
    this.#visit = visit;
    this.#maxEntries = maxEntries;
  }

  /** Takes the next bytes. Answers false once they make no sense; `end` says why. */
  take(bytes: Uint8Array): boolean {
    const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    let at = 0;
    while (at < buffer.length && this.#problem === undefined) {
      at += this.#step(buffer, at);
    }
    return this.#problem === undefined;
  }

  /** After the last byte. As for Go's reader, the blocks of zeros at the end may be missing, and the last padding. */
  end(): TarEnd {
    if (this.#problem !== undefined) return this.#problem;
    const { at } = this.#state;
    const isBetween = at === "after-end" || at === "padding" || (isBlockState(at) && this.#have === 0);
    if (!isBetween) return { kind: "truncated", detail: "the tar file in it ends in the middle" };
    return { kind: "ended", entries: this.#entries, hasDataAfterEnd: this.#hasDataAfterEnd };
  }

  #step(buffer: Buffer, at: number): number {
    const state = this.#state;
    if (state.at === "after-end") {
      this.#hasDataAfterEnd ||= buffer.subarray(at).some((byte) => byte !== 0);
      return buffer.length - at;
    }
    const used = Math.min(this.#left, buffer.length - at);
    this.#left -= used;
    this.#position += used;
    if (state.at === "content") this.#pass(state, viewOf(buffer, at, used));
    else if (state.at === "padding") {
      if (this.#left === 0) this.#expectHeader();
    } else if (this.#have === 0 && this.#left === 0) {
      this.#handle(state, buffer.subarray(at, at + used));
    } else {
      buffer.copy(this.#gathered, this.#have, at, at + used);
      this.#have += used;
      if (this.#left === 0) this.#handle(state, this.#gathered.subarray(0, this.#have));
    }
    return used;
  }

  #pass(state: Extract<State, { readonly at: "content" }>, bytes: Uint8Array): void {
    if (state.reader?.take(bytes) === false) {
      state.reader.end();
      state.reader = undefined;
    }
    if (this.#left > 0) return;
    state.reader?.end();
    this.#pad(state.padding);
  }

  #handle(state: State, bytes: Buffer): void {
    if (state.at === "header") this.#header(bytes);
    else if (state.at === "extension") this.#extension(state, bytes);
    else if (state.at === "sparse-map") this.#sparseMap(state.file, bytes, "continued");
    else if (isZeroBlock(bytes)) this.#state = { at: "after-end" };
    else this.#fail("not-tar", "a block of zeros stands between its entries");
  }

  #header(bytes: Buffer): void {
    if (isZeroBlock(bytes)) return this.#expect({ at: "second-zero" }, BLOCK);
    const block = readBlock(bytes);
    const place =
      this.#entries === 0 ? "it is no tar file" : `no tar header at byte ${this.#position - BLOCK}`;
    if (block === undefined) return this.#fail("not-tar", place);
    if (EXTENSIONS.has(block.type)) return this.#expectExtension(block);
    if (block.type !== "S") return this.#entry({ block, bytes });
    const realSize = readRealSize(bytes);
    if (realSize === undefined) return this.#fail("not-tar", "a file with holes has no size");
    // The blocks of its map are gathered where this one was.
    this.#sparseMap({ block, bytes: Buffer.from(bytes), parts: [], realSize }, bytes, "header");
  }

  #expectExtension({ type, size }: TarBlock): void {
    if (size > MAX_EXTENSION_BYTES) return this.#fail("not-tar", `a header of ${size} bytes`);
    const state: State = { at: "extension", type, padding: paddingOf(size) };
    if (size === 0) return this.#extension(state, Buffer.alloc(0));
    this.#expect(state, size);
  }

  #extension({ type, padding }: Extract<State, { readonly at: "extension" }>, bytes: Buffer): void {
    const pax = type === "x" || type === "g" ? readPax(bytes) : undefined;
    if (type === "L") this.#pending = { ...this.#pending, longName: readText(bytes, 0, bytes.length) };
    else if (type === "K") this.#pending = { ...this.#pending, longLink: readText(bytes, 0, bytes.length) };
    else if (pax === undefined) return this.#fail("not-tar", "an extended header is damaged");
    // Clients apply global headers to nothing.
    else if (type === "x") this.#pending = { ...this.#pending, pax, paxContent: Buffer.from(bytes) };
    this.#pad(padding);
  }

  #sparseMap(file: OldSparse, bytes: Buffer, kind: "header" | "continued"): void {
    const read = readSparseBlock(bytes, kind);
    if (read === undefined || file.parts.length > MAX_SPARSE_NUMBERS)
      return this.#fail("not-tar", "a file with holes is damaged");
    file.parts.push(...read.parts);
    if (read.isContinued) this.#expect({ at: "sparse-map", file }, BLOCK);
    else this.#entry(file, file);
  }

  #entry({ block, bytes }: Header, oldSparse?: OldSparse): void {
    this.#entries += 1;
    if (this.#entries > this.#maxEntries)
      return this.#fail("too-many-entries", `it has more than ${this.#maxEntries} entries`);
    const { pax, paxContent, longName, longLink } = this.#pending;
    this.#pending = {};
    const sparse = pax?.sparse;
    const name = longName ?? sparse?.name ?? pax?.path ?? block.name;
    const kind = block.type === "\0" && name.endsWith("/") ? "folder" : (KINDS[block.type] ?? "unknown");
    const stored = kind === "file" || kind === "unknown" ? (pax?.size ?? block.size) : 0;
    const parts = oldSparse?.parts ?? sparse?.map;
    const entry: TarEntry = {
      kind,
      name,
      linkName: longLink ?? pax?.linkPath ?? block.linkName,
      mode: block.mode,
      size: oldSparse?.realSize ?? sparse?.realSize ?? stored,
      isWindows: pax?.isWindows ?? false,
    };
    const reader = this.#visit(entry, { block: bytes, pax: paxContent });
    this.#expectContent(reader && this.#withHoles(reader, parts, sparse !== undefined), stored);
  }

  #withHoles(reader: ContentReader, parts: readonly number[] | undefined, isSparse: boolean): ContentReader {
    if (parts !== undefined) return fillHoles(reader, parts, this.#budget);
    return isSparse ? fillHolesByContent(reader, this.#budget) : reader;
  }

  #expectContent(reader: ContentReader | undefined, size: number): void {
    if (size > 0) return this.#expect({ at: "content", reader, padding: paddingOf(size) }, size);
    reader?.end();
    this.#expectHeader();
  }

  #pad(bytes: number): void {
    if (bytes === 0) this.#expectHeader();
    else this.#expect({ at: "padding" }, bytes);
  }

  #expectHeader(): void {
    this.#expect(HEADER, BLOCK);
  }

  #expect(state: State, bytes: number): void {
    this.#state = state;
    this.#left = bytes;
    this.#have = 0;
    this.#gathered = state.at === "extension" ? Buffer.alloc(bytes) : this.#scratch;
  }

  #fail(kind: TarProblem["kind"], detail: string): void {
    this.#problem = { kind, detail };
  }
}

/** No Buffer: whose `slice` copies nothing, although that of every Uint8Array does. */
function viewOf({ buffer, byteOffset }: Buffer, at: number, length: number): Uint8Array {
  return new Uint8Array(buffer, byteOffset + at, length);
}

function isBlockState(at: State["at"]): boolean {
  return at === "header" || at === "second-zero";
}
