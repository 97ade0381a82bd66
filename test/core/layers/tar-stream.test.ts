import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { TarEnd, TarEntry } from "../../../core/layers/tar-entry.ts";
import { TarStream } from "../../../core/layers/tar-stream.ts";
import { paxPart, tarBytes, tarPart, type TarPart } from "../../support/tar-bytes.ts";

interface Read {
  readonly entries: readonly (TarEntry & { readonly content?: string })[];
  readonly end: TarEnd;
}

/** Reads a tar file in pieces, and the content of its files as text. */
function read(
  bytes: Uint8Array,
  options: { readonly size?: number; readonly maxEntries?: number } = {},
): Read {
  const { size = 1_000_000, maxEntries = 1000 } = options;
  const entries: (TarEntry & { content?: string })[] = [];
  const tar = new TarStream(
    (entry) => {
      const seen: TarEntry & { content?: string } = { ...entry };
      entries.push(seen);
      if (entry.kind !== "file") return undefined;
      let content = "";
      return {
        take: (piece) => {
          content += Buffer.from(piece).toString("latin1");
          return content.length < 100_000;
        },
        end: () => void (seen.content = content),
      };
    },
    { maxEntries },
  );
  for (let at = 0; at < bytes.length; at += size) if (!tar.take(bytes.subarray(at, at + size))) break;
  return { entries, end: tar.end() };
}

function only(parts: readonly TarPart[]): Read["entries"][number] {
  const { entries, end } = read(tarBytes(parts));
  expect(end).toMatchObject({ kind: "ended", entries: 1 });
  const [entry] = entries;
  if (entry === undefined) throw new Error("no entry");
  return entry;
}

const LONG = `${"folder/".repeat(30)}file`;

describe("names, kinds and sizes", () => {
  test.each<[string, TarPart[], Partial<Read["entries"][number]>]>([
    ["a file", [{ name: "a", content: "hello" }], { kind: "file", name: "a", size: 5, content: "hello" }],
    ["an empty file", [{ name: "a" }], { kind: "file", size: 0, content: "" }],
    [
      "a file of exactly one block",
      [{ name: "a", content: "x".repeat(512) }],
      { size: 512, content: "x".repeat(512) },
    ],
    ["the NUL of older files", [{ name: "a", type: "\0" }], { kind: "file" }],
    ["and their folders", [{ name: "a/", type: "\0" }], { kind: "folder", name: "a/" }],
    ["a contiguous file", [{ name: "a", type: "7", content: "hello" }], { kind: "file", content: "hello" }],
    ["a folder", [{ name: "a/", type: "5" }], { kind: "folder" }],
    ["a symbolic link", [{ name: "a", type: "2", linkName: "../b" }], { kind: "symlink", linkName: "../b" }],
    [
      "a hard link, whose size means nothing",
      [{ name: "a", type: "1", linkName: "b", size: 99_999 }],
      { kind: "hardlink", linkName: "b", size: 0 },
    ],
    [
      "a device, whose size means nothing",
      [{ name: "a", type: "3", size: 99_999 }],
      { kind: "special", size: 0 },
    ],
    ["an unknown kind with content", [{ name: "a", type: "V", content: "hello" }], { kind: "unknown" }],
    ["the mode", [{ name: "a", mode: 0o4755 }], { mode: 0o4755 }],
    ["a name of a hundred bytes", [{ name: "x".repeat(100) }], { name: "x".repeat(100) }],
    ["ustar's prefix", [{ name: "file", prefix: "some/folder" }], { name: "some/folder/file" }],
    [
      "star's shorter prefix",
      [{ name: "file", prefix: `${"p".repeat(131)}123456`, raw: [[508, "tar\0"]] }],
      { name: `${"p".repeat(131)}/file` },
    ],
    [
      "GNU's long name before pax's path, as for Go",
      [{ name: "@", type: "L", content: LONG }, paxPart([["path", "pax"]]), { name: "short" }],
      { name: LONG },
    ],
    ["no prefix in GNU's headers", [{ name: "file", prefix: "1234", magic: "ustar  \0" }], { name: "file" }],
    ["nor in those without a magic", [{ name: "file", prefix: "1234", magic: "" }], { name: "file" }],
    [
      "a binary size",
      [{ name: "a", content: "hello", raw: [[124, Buffer.from("800000000000000000000005", "hex")]] }],
      { size: 5, content: "hello" },
    ],
    [
      "a size that spaces fill",
      [{ name: "a", content: "hello", raw: [[124, "          5 "]] }],
      { size: 5, content: "hello" },
    ],
    ["a sum of signed bytes", [{ name: "é", checksum: signedSum({ name: "é" }) }], { name: "é" }],
    ["GNU's long name", [{ name: "@", type: "L", content: `${LONG}\0` }, { name: "short" }], { name: LONG }],
    [
      "GNU's long target",
      [
        { name: "@", type: "K", content: `${LONG}\0` },
        { name: "a", type: "2" },
      ],
      { linkName: LONG },
    ],
    [
      "pax's path",
      [
        paxPart([
          ["path", LONG],
          ["mtime", "1.5"],
        ]),
        { name: "short" },
      ],
      { name: LONG },
    ],
    ["pax's target", [paxPart([["linkpath", LONG]]), { name: "a", type: "2" }], { linkName: LONG }],
    [
      "the later of two extended headers",
      [paxPart([["path", "one"]]), paxPart([["path", "two"]]), { name: "x" }],
      { name: "two" },
    ],
    ["an empty value, which is none", [paxPart([["path", ""]]), { name: "x" }], { name: "x" }],
    [
      "a global header, which says nothing of the next entry",
      [paxPart([["path", "all"]], "g"), { name: "x" }],
      { name: "x" },
    ],
    [
      "a value with an equals sign and a newline",
      [paxPart([["path", "a=b\nc"]]), { name: "x" }],
      { name: "a=b\nc" },
    ],
    ["Windows' attributes", [paxPart([["MSWINDOWS.fileattr", "32"]]), { name: "x" }], { isWindows: true }],
    ["a name that is not UTF-8", [{ name: Buffer.from([0x61, 0xff, 0x62]) }], { name: "a\udcffb" }],
  ])("%s", (_name, parts, expected) => {
    expect(only(parts)).toMatchObject(expected);
  });

  test("pax's size counts for the content, too", () => {
    const bytes = Buffer.concat([
      tarPart(paxPart([["size", "5"]])),
      tarPart({ name: "a", content: "hello", size: 0 }),
      tarBytes([{ name: "b" }]),
    ]);
    expect(read(bytes).entries.map(({ name, size }) => [name, size])).toEqual([
      ["a", 5],
      ["b", 0],
    ]);
  });

  test("names that differ in bytes alone stay different", () => {
    const { entries } = read(tarBytes([0xfe, 0xff].map((byte) => ({ name: Buffer.from([byte]) }))));
    expect(new Set(entries.map(({ name }) => name)).size).toBe(2);
  });
});

describe("files with holes", () => {
  const size = 5000;
  const content = `${"\0".repeat(1000)}abc${"\0".repeat(997)}defg`;

  test.each<[string, TarPart[]]>([
    [
      "pax 0.0",
      [
        paxPart([
          ["GNU.sparse.size", `${size}`],
          ["GNU.sparse.numblocks", "2"],
          ["GNU.sparse.offset", "1000"],
          ["GNU.sparse.numbytes", "3"],
          ["GNU.sparse.offset", "2000"],
          ["GNU.sparse.numbytes", "4"],
        ]),
        { name: "a", content: "abcdefg" },
      ],
    ],
    [
      "pax 0.1",
      [
        paxPart([
          ["GNU.sparse.size", `${size}`],
          ["GNU.sparse.name", "a"],
          ["GNU.sparse.map", "1000,3,2000,4,5000,0"],
        ]),
        { name: "GNUSparseFile.1/a", content: "abcdefg" },
      ],
    ],
    [
      "pax 1.0",
      [
        paxPart([
          ["GNU.sparse.major", "1"],
          ["GNU.sparse.minor", "0"],
          ["GNU.sparse.name", "a"],
          ["GNU.sparse.realsize", `${size}`],
        ]),
        {
          name: "GNUSparseFile.1/a",
          content: `${"3\n1000\n3\n2000\n4\n5000\n0\n".padEnd(512, "\0")}abcdefg`,
        },
      ],
    ],
    [
      "old GNU",
      [
        oldSparse(
          [
            [1000, 3],
            [2000, 4],
            [5000, 0],
          ],
          "abcdefg",
        ),
      ],
    ],
  ])("%s", (_name, parts) => {
    for (const pieceSize of [1, 100, 1_000_000]) {
      const { entries, end } = read(tarBytes(parts), { size: pieceSize });
      expect(end.kind).toBe("ended");
      expect(entries).toEqual([expect.objectContaining({ kind: "file", name: "a", size, content })]);
    }
  });

  test("old GNU with more parts than its header has room for", () => {
    const places = Array.from({ length: 40 }, (_, at) => [at * 10, 1] as const);
    const file = tarBytes([oldSparse(places, "x".repeat(40)), { name: "next" }]);
    const { entries } = read(file, { size: 333 });
    expect(entries.map(({ name }) => name)).toEqual(["a", "next"]);
    expect(entries[0]?.content).toBe("x".padEnd(10, "\0").repeat(40).slice(0, 391));
  });

  test.each([
    ["a hole of exabytes before the data", "9000000000000000,3"],
    ["parts that come in no order", "10,3,0,4"],
    ["more data than parts", "0,2"],
  ])("%s does not hang: the file is what came before", (_name, map) => {
    const parts = [
      paxPart([
        ["GNU.sparse.size", "100"],
        ["GNU.sparse.map", map],
      ]),
      { name: "a", content: "abcdefg" },
      { name: "b" },
    ];
    const { entries, end } = read(tarBytes(parts));
    expect(end.kind).toBe("ended");
    expect(entries.map(({ name }) => name)).toEqual(["a", "b"]);
    expect(entries[0]?.content?.length).toBeLessThan(14);
  });
});

describe("how it ends", () => {
  const file = { name: "a", content: "hello" };
  const block = tarPart(file);

  test.each<[string, Buffer, Partial<TarEnd>]>([
    ["nothing", Buffer.alloc(0), { kind: "ended", entries: 0 }],
    ["one block of zeros", Buffer.concat([block, Buffer.alloc(512)]), { kind: "ended", entries: 1 }],
    ["no block of zeros", block, { kind: "ended", entries: 1 }],
    ["no padding", block.subarray(0, 517), { kind: "ended", entries: 1 }],
    ["many zeros", Buffer.concat([block, Buffer.alloc(10_240)]), { kind: "ended", hasDataAfterEnd: false }],
    [
      "something after the end",
      Buffer.concat([tarBytes([file]), tarBytes([file])]),
      { kind: "ended", entries: 1, hasDataAfterEnd: true },
    ],
    [
      "something after one block of zeros",
      Buffer.concat([block, Buffer.alloc(512), block]),
      { kind: "not-tar" },
    ],
    ["within a header", block.subarray(0, 500), { kind: "truncated" }],
    ["within a content", block.subarray(0, 515), { kind: "truncated" }],
    ["within an extended header", tarPart(paxPart([["path", "x"]])).subarray(0, 515), { kind: "truncated" }],
    [
      "a claim of eight exabytes",
      tarPart({ name: "a", size: 2 ** 53 - 1, content: "x" }),
      { kind: "truncated" },
    ],
    [
      "a size of more",
      tarPart({ name: "a", raw: [[124, Buffer.from("80ffffffffffffffffffffff", "hex")]] }),
      { kind: "not-tar" },
    ],
    [
      "a binary size with bits above",
      tarPart({ name: "a", raw: [[124, Buffer.from("810000000000000000000000", "hex")]] }),
      { kind: "not-tar" },
    ],
    [
      "a negative size",
      tarPart({ name: "a", raw: [[124, Buffer.from("ffffffffffffffffffffffff", "hex")]] }),
      { kind: "not-tar" },
    ],
    ["a size of no digits", tarPart({ name: "a", raw: [[124, "12x45"]] }), { kind: "not-tar" }],
    ["a wrong sum", tarPart({ name: "a", checksum: 1 }), { kind: "not-tar", detail: "it is no tar file" }],
    [
      "a wrong sum later",
      Buffer.concat([block, tarPart({ name: "a", checksum: 1 })]),
      { kind: "not-tar", detail: "no tar header at byte 1024" },
    ],
    ["a huge extended header", tarPart({ name: "a", type: "x", size: 2 ** 21 }), { kind: "not-tar" }],
    ["a huge long name", tarPart({ name: "a", type: "L", size: 2 ** 33 }), { kind: "not-tar" }],
    ...[
      "5 path=x\n",
      "99 path=x\n",
      "x path=x\n",
      "9 path=x.",
      "7 path\n",
      "6 =xy\n",
      "12 path=a\0b\n",
      "12 size=abc\n",
      "14 size=1e400\n",
      "17 GNU.sparse.map",
    ].map((content): [string, Buffer, Partial<TarEnd>] => [
      `an extended header of ${JSON.stringify(content)}`,
      tarBytes([{ name: "p", type: "x", content }, file]),
      { kind: "not-tar" },
    ]),
    ["holes without a size", tarBytes([paxPart([["GNU.sparse.map", "0,1"]]), file]), { kind: "not-tar" }],
    ["too many entries", tarBytes(Array.from({ length: 11 }, () => file)), { kind: "too-many-entries" }],
  ])("%s", (_name, bytes, expected) => {
    for (const size of [1, 511, 100_000])
      expect(read(bytes, { size, maxEntries: 10 }).end).toMatchObject(expected);
  });

  test("random bytes, and real headers with random bytes in them, never throw", () => {
    const header = tarPart(file);
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 3000 }),
        fc.nat(511),
        fc.integer({ min: 1, max: 700 }),
        (bytes, at, size) => {
          expect(read(bytes, { size }).end.kind).toMatch(/^(?:ended|truncated|not-tar)$/);
          const bent = Buffer.from(header);
          bent.set(bytes.subarray(0, 512 - at), at);
          bent.write("        ", 148);
          const sum = bent.reduce((total, byte) => total + byte, 0);
          bent.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
          expect(read(Buffer.concat([bent, bytes]), { size }).end.kind).toMatch(
            /^(?:ended|truncated|not-tar)$/,
          );
        },
      ),
    );
  });
});

/** What programs wrote that took bytes for signed. */
function signedSum(part: TarPart): number {
  const header = Buffer.from(tarPart(part).subarray(0, 512));
  header.write("        ", 148);
  return header.reduce((sum, byte) => sum + ((byte << 24) >> 24), 0);
}

/** A file in the old GNU format with parts of `content` at these places. */
function oldSparse(places: readonly (readonly [at: number, length: number])[], content: string): TarPart {
  const field = (value: number): string => `${value.toString(8).padStart(11, "0")}\0`;
  const text = (some: typeof places): string =>
    some.map(([at, length]) => field(at) + field(length)).join("");
  const more: Buffer[] = [];
  for (let from = 4; from < places.length; from += 21) {
    const block = Buffer.alloc(512);
    block.write(text(places.slice(from, from + 21)), "latin1");
    block[504] = Number(from + 21 < places.length);
    more.push(block);
  }
  return {
    name: "a",
    type: "S",
    magic: "ustar  \0",
    content: Buffer.concat([...more, Buffer.from(content)]),
    size: content.length,
    raw: [
      [386, text(places.slice(0, 4))],
      [482, Buffer.from([Number(places.length > 4)])],
      [483, field(5000)],
    ],
  };
}
