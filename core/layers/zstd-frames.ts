/** Cuts zstd data into pieces that each belong to one frame. */
export interface ZstdCutter {
  /** Cuts the next bytes and leaves skippable frames out; false where they cannot follow. Pieces share memory with the input. */
  take(bytes: Uint8Array, piece: (bytes: Uint8Array) => void): boolean;
  /** Did the data end where a frame does? */
  isWhole(): boolean;
}

/** What the next bytes are. */
type Part =
  | "magic"
  | "skippable-size"
  | "skippable"
  | "flags"
  | "fields"
  | "block"
  | "content"
  | "last-content";

/** What comes next, and how many bytes of it. */
type Next = readonly [part: Part, bytes: number];

const MAGIC = Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd);
const START: Next = ["magic", MAGIC.length];
const BLOCK: Next = ["block", 3];
const SKIPPED: ReadonlySet<Part> = new Set<Part>(["magic", "skippable-size", "skippable"]);
const GATHERED: ReadonlySet<Part> = new Set<Part>(["magic", "skippable-size", "flags", "block"]);

/**
 * Finds the frames of zstd data without decompressing it. Node's decompressor ignores without a word whatever follows a frame
 * in the same write, so that each frame needs writes of its own; seekable zstd and zstd:chunked are made of many.
 * @see https://www.rfc-editor.org/rfc/rfc8878.html#section-3.1
 */
export function cutZstdFrames(): ZstdCutter {
  // A number of at most four bytes, gathered here because it may be spread over several inputs.
  let gathered = 0;
  let [part, left] = START;
  let length = left;
  let hasChecksum = false;

  const take = (bytes: Uint8Array, piece: (bytes: Uint8Array) => void): boolean => {
    let from = 0;
    for (let at = 0; at < bytes.length;) {
      const end = Math.min(bytes.length, at + left);
      if (GATHERED.has(part)) gathered = gather(gathered, length - left, bytes.subarray(at, end));
      left -= end - at;
      at = end;
      while (left === 0) {
        const done = part;
        if (done === "flags") hasChecksum = (gathered & 0x04) !== 0;
        const next = after(done, gathered, hasChecksum);
        if (next === undefined) return false;
        [part, left] = next;
        length = left;
        gathered = 0;
        if (part === "flags" && at < MAGIC.length) piece(MAGIC);
        if (part === "flags") from = at < MAGIC.length ? at : at - MAGIC.length;
        if (done === "last-content" && at > from) piece(bytes.subarray(from, at));
      }
    }
    if (!SKIPPED.has(part) && from < bytes.length) piece(bytes.subarray(from));
    return true;
  };
  return { take, isWhole: () => part === "magic" && left === MAGIC.length };
}

function gather(number: number, before: number, bytes: Uint8Array): number {
  return bytes.reduce((sum, byte, at) => sum + byte * 256 ** (before + at), number);
}

function after(part: Part, number: number, hasChecksum: boolean): Next | undefined {
  switch (part) {
    case "magic":
      if (number === 0xfd2fb528) return ["flags", 1];
      return number >>> 4 === 0x184d2a5 ? ["skippable-size", 4] : undefined;
    case "skippable-size":
      return ["skippable", number];
    case "flags":
      return ["fields", fieldBytes(number)];
    case "fields":
    case "content":
      return BLOCK;
    case "block":
      return content(number, hasChecksum);
    case "skippable":
    case "last-content":
  }
  return START;
}

/** How long the rest of a frame's header is: window, dictionary, size of the content. */
function fieldBytes(flags: number): number {
  const isSingleSegment = (flags & 0x20) !== 0;
  const size = flags >>> 6 === 0 ? Number(isSingleSegment) : 1 << (flags >>> 6);
  const dictionary = (flags & 3) === 3 ? 4 : flags & 3;
  return Number(!isSingleSegment) + dictionary + size;
}

/** The content of a block, with the checksum that follows the last one; a type that is reserved is an error. */
function content(header: number, hasChecksum: boolean): Next | undefined {
  const isLast = (header & 1) === 1;
  const type = (header >>> 1) & 3;
  if (type === 3) return undefined;
  const bytes = (type === 1 ? 1 : header >>> 3) + (isLast && hasChecksum ? 4 : 0);
  return [isLast ? "last-content" : "content", bytes];
}
