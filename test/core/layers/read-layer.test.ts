import { randomBytes } from "node:crypto";
import { gzipSync, zstdCompressSync } from "node:zlib";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { FileContent } from "../../../core/layers/file-content.ts";
import { readLayer } from "../../../core/layers/read-layer.ts";
import { BlobUnreadable } from "../../../core/registry/store.ts";
import { elfFile } from "../../support/elf-file.ts";
import {
  digestOfBytes,
  OCI_LAYER,
  paxPart,
  pieces,
  readBytes,
  summaryOf,
  tarBytes,
  tarPart,
  type TarPart,
} from "../../support/tar-bytes.ts";
import { storeOf } from "../../support/verify-images.ts";

const ELF = elfFile({ machine: 183, code: 3000 });
const PROGRAM = { format: "elf", header: { class: 64, data: "little", osAbi: 0, machine: 183, flags: 0 } };

const EVERYTHING: readonly TarPart[] = [
  { name: "./", type: "5" },
  { name: "usr/", type: "5" },
  { name: "usr/bin/", type: "5" },
  { name: "bin", type: "2", linkName: "usr/bin" },
  { name: "usr/bin/tool", content: ELF, mode: 0o755 },
  { name: "usr/bin/twin", type: "1", linkName: "usr/bin/tool" },
  { name: "usr/bin/script", content: "#! /bin/sh -e\nexit\n", mode: 0o755 },
  { name: "etc/config", content: "x".repeat(600) },
  { name: "usr/lib/libx.so", content: ELF },
  { name: "dev/null", type: "3" },
  { name: "etc/.wh.old" },
  { name: "var/cache/.wh..wh..opq" },
  { name: ".wh..wh.plnk/12.34", content: "x" },
];

describe("what a summary says", () => {
  test("programs, scripts, links, whiteouts and the rest", async () => {
    const tar = tarBytes(EVERYTHING);
    const packed = gzipSync(tar);
    expect(await summaryOf(packed)).toEqual({
      digest: digestOfBytes(packed),
      diffId: digestOfBytes(tar),
      bytes: tar.length,
      entries: 13,
      files: [
        {
          path: "usr/bin/tool",
          executable: true,
          size: ELF.length,
          content: { kind: "program", program: expect.objectContaining(PROGRAM) },
        },
        {
          path: "usr/bin/script",
          executable: true,
          size: 19,
          content: { kind: "script", line: "/bin/sh -e" },
        },
        {
          path: "usr/lib/libx.so",
          executable: false,
          size: ELF.length,
          content: { kind: "program", program: expect.objectContaining(PROGRAM) },
        },
      ],
      links: [
        { path: "bin", target: "usr/bin", hard: false },
        { path: "usr/bin/twin", target: "usr/bin/tool", hard: true },
      ],
      others: ["usr/", "usr/bin/", "etc/config", "dev/null"].join("\0"),
      order: "o2l1f1l1f1o1f1o1",
      whiteouts: ["etc/old"],
      opaque: ["var/cache"],
      oddities: [],
    });
  });

  test("the same for every compression and every way to cut it", async () => {
    const tar = tarBytes(EVERYTHING);
    const { digest: _, ...plain } = await summaryOf(tar, { mediaType: OCI_LAYER });
    const half = 512 * 7 + 100;
    const zstd = Buffer.concat([
      zstdCompressSync(tar.subarray(0, half)),
      zstdCompressSync(tar.subarray(half)),
    ]);
    for (const [packed, mediaType] of [
      [gzipSync(tar), `${OCI_LAYER}+gzip`],
      [zstd, `${OCI_LAYER}+zstd`],
      [tar, OCI_LAYER],
    ] as const)
      for (const pieceSize of [1, 100, 513, 1_000_000])
        expect(await summaryOf(packed, { mediaType, pieceSize })).toMatchObject(plain);
  });

  test("the same however its files lie across the pieces", async () => {
    const parts = Array.from({ length: 60 }, (_, at): TarPart[] => [
      { name: `p${at}`, content: Buffer.concat([ELF, Buffer.alloc(at * 777)]) },
      { name: `s${at}`, content: `#!/bin/sh -${at}\n` },
      { name: `x${at}`, content: randomBytes(3000 + at) },
    ]);
    const tar = tarBytes(parts.flat());
    const { digest: _, ...plain } = await summaryOf(tar);
    expect(plain.files).toHaveLength(120);
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 131_072, max: 400_000 }), async (pieceSize) => {
        expect(await summaryOf(tar, { pieceSize })).toMatchObject(plain);
      }),
      { numRuns: 20 },
    );
    for (const packed of [gzipSync(tar), zstdCompressSync(tar)])
      expect(await summaryOf(packed)).toMatchObject(plain);
  });

  test.each([
    ["#!/bin/sh", "/bin/sh"],
    ["#!/bin/sh\r\nmore", "/bin/sh"],
    ["#! \t/usr/bin/env node  \n", "/usr/bin/env node"],
    [`#!/${"x".repeat(400)}\n`, `/${"x".repeat(252)}`],
    ["#!", ""],
    ["#", undefined],
    [" #!/bin/sh", undefined],
    ["", undefined],
  ])("the first line of the script %j", async (content, line) => {
    const script = line === undefined ? undefined : { kind: "script", line };
    const { files, others } = await summaryOf(tarBytes([{ name: "a", content }]));
    expect(files.map((file) => file.content)).toEqual(line === undefined ? [] : [script]);
    expect(others).toBe(line === undefined ? "a" : "");
    for (const size of [1, 2, 100]) expect(lookAt(Buffer.from(content), size).content).toEqual(script);
  });

  test("of a file that is no program no more is looked at than a script's line could be", () => {
    const { content, taken } = lookAt(Buffer.alloc(5000, "text"), 10);
    expect(content).toBeUndefined();
    expect(taken).toBe(10);
    expect(lookAt(Buffer.from(`#!/bin/sh\n${"x".repeat(5000)}`), 10).taken).toBe(10);
    expect(lookAt(Buffer.from(`#!/bin/sh ${"x".repeat(5000)}`), 10).taken).toBe(260);
  });

  test.each<[string, string, string[]]>([
    ["./usr//bin/./x", "usr/bin/x", []],
    ["/etc/passwd", "etc/passwd", []],
    ["a/b/../c", "a/c", []],
    ["../../etc/passwd", "etc/passwd", ["path-escapes"]],
    ["a/../../etc/passwd", "etc/passwd", ["path-escapes"]],
    ["x".repeat(5000), "", ["path-too-long"]],
    [".wh.", "", ["unknown-entry"]],
    ["a/.wh...", "", ["unknown-entry"]],
    ["a/.wh..", "", ["unknown-entry"]],
  ])("the name %.30s", async (name, others, oddities) => {
    const summary = await summaryOf(tarBytes([paxPart([["path", name]]), { name: "x" }]));
    expect(summary.others).toBe(others);
    expect(summary.oddities.map(({ kind }) => kind)).toEqual(oddities);
    expect(summary.whiteouts).toEqual([]);
  });

  test.each<[string, string, string[]]>([
    ["2", "../../etc/passwd", []],
    ["2", "../../../etc/passwd", ["link-escapes"]],
    ["2", "/etc/../../x", []],
    ["2", "/../../../../x", []],
    ["2", "loop", []],
    ["1", "../etc/passwd", ["link-escapes"]],
    ["1", "./etc/passwd", []],
  ])("a link of type %s to %s", async (type, linkName, oddities) => {
    const summary = await summaryOf(tarBytes([{ name: "usr/bin/loop", type, linkName }]));
    expect(summary.oddities.map(({ kind }) => kind)).toEqual(oddities);
    const target = type === "1" ? "etc/passwd" : linkName;
    expect(summary.links).toEqual([{ path: "usr/bin/loop", target, hard: type === "1" }]);
  });

  test.each<[string, Buffer, string, unknown[]]>([
    [
      "a duplicate",
      tarBytes([{ name: "a" }, { name: "b/", type: "5" }, { name: "./a" }, { name: "b/", type: "5" }]),
      OCI_LAYER,
      [{ kind: "duplicate-entry", path: "a" }],
    ],
    [
      "a name that is not UTF-8",
      tarBytes([{ name: Buffer.from([0xff]) }]),
      OCI_LAYER,
      [{ kind: "name-not-utf8", path: "\udcff" }],
    ],
    [
      "an unknown kind",
      tarBytes([{ name: "v", type: "V", content: "x" }]),
      OCI_LAYER,
      [{ kind: "unknown-entry", path: "v" }],
    ],
    [
      "data after the end",
      Buffer.concat([tarBytes([]), Buffer.from("more")]),
      OCI_LAYER,
      [{ kind: "data-after-end", path: "" }],
    ],
    [
      "zeros after gzip",
      Buffer.concat([gzipSync(tarBytes([])), Buffer.alloc(10)]),
      `${OCI_LAYER}+gzip`,
      [{ kind: "data-after-end", path: "" }],
    ],
    [
      "another compression",
      zstdCompressSync(tarBytes([])),
      `${OCI_LAYER}+gzip`,
      [{ kind: "compression-differs", path: "" }],
    ],
    [
      "compression where none is named",
      gzipSync(tarBytes([])),
      OCI_LAYER,
      [{ kind: "compression-differs", path: "" }],
    ],
    ["but not with Docker's types", tarBytes([]), "application/vnd.docker.image.rootfs.diff.tar.gzip", []],
    ["nor with an unknown one", gzipSync(tarBytes([])), "application/x-layer", []],
  ])("the oddity of %s", async (_name, bytes, mediaType, oddities) => {
    expect((await summaryOf(bytes, { mediaType })).oddities).toEqual(oddities);
  });

  test("only the first hundred oddities are kept", async () => {
    const { oddities } = await summaryOf(tarBytes(Array.from({ length: 200 }, () => ({ name: "../x" }))), {
      mediaType: OCI_LAYER,
    });
    expect(oddities).toHaveLength(101);
    expect(oddities.at(-1)).toEqual({ kind: "too-many", path: "" });
  });

  test("an empty layer, and one of whiteouts alone", async () => {
    for (const empty of [Buffer.alloc(0), gzipSync(tarBytes([]))])
      expect(await summaryOf(empty)).toMatchObject({ entries: 0, files: [], others: "", order: "" });
    expect(await summaryOf(tarBytes([{ name: ".wh.a" }, { name: ".wh..wh..opq" }]))).toMatchObject({
      whiteouts: ["a"],
      opaque: [""],
      others: "",
    });
  });

  test("a file with holes is read as the container sees it", async () => {
    const map = `0,100,3000,${ELF.length - 100}`;
    const parts = [
      paxPart([
        ["GNU.sparse.size", "9000"],
        ["GNU.sparse.map", map],
      ]),
      { name: "a", content: ELF },
    ];
    const [file] = (await summaryOf(tarBytes(parts))).files;
    expect(file).toMatchObject({ path: "a", size: 9000, content: { program: PROGRAM } });
  });
});

/** Looks at a file in pieces, as long as more of them are wanted. */
function lookAt(bytes: Buffer, size: number): { readonly content: unknown; readonly taken: number } {
  const seen: unknown[] = [];
  const file = new FileContent(bytes.length, (content) => seen.push(content));
  let taken = 0;
  for (let at = 0; at < bytes.length; at += size) {
    taken += size;
    if (!file.take(bytes.subarray(at, at + size))) break;
  }
  file.end();
  return { content: seen[0], taken };
}

describe("layers of Windows images", () => {
  const files = [
    { name: "Files/", type: "5" },
    { name: "Hives/", type: "5" },
    { name: "Hives/System_Delta", content: "x" },
    { name: "Files/app/run", content: ELF },
    { name: "Files/app/link", type: "1", linkName: "Files/app/run" },
    { name: "Files/.wh.old" },
    { name: "Files/app/.wh..wh..opq" },
  ];

  test("their file system is what is in Files", async () => {
    expect(await summaryOf(tarBytes(files))).toMatchObject({
      files: [{ path: "app/run" }],
      links: [{ path: "app/link", target: "app/run", hard: true }],
      others: "",
      order: "f1l1",
      whiteouts: ["old"],
      opaque: ["app"],
    });
  });

  test("Windows' attributes tell them, too", async () => {
    const {
      files: [file],
    } = await summaryOf(
      tarBytes([paxPart([["MSWINDOWS.fileattr", "32"]]), { name: "Files/run", content: ELF }]),
    );
    expect(file?.path).toBe("run");
  });

  test("a folder named Files alone makes none", async () => {
    const {
      files: [file],
    } = await summaryOf(tarBytes([{ name: "Files/run", content: ELF }]));
    expect(file?.path).toBe("Files/run");
    const other = await summaryOf(tarBytes([...files, { name: "etc/x", content: ELF }]));
    expect(other.files.map(({ path }) => path)).toEqual(["Files/app/run", "etc/x"]);
  });
});

describe("what cannot be read", () => {
  const random = randomBytes(5000);
  const tar = tarBytes([{ name: "a", content: random }]);

  test.each<[string, Buffer, string]>([
    ["text", Buffer.from("<html>not found</html>"), "truncated"],
    ["a page of text", Buffer.alloc(2000, "<html>not found</html>"), "not-tar"],
    ["compressed text", gzipSync(Buffer.alloc(2000, "text")), "not-tar"],
    ["a tar file in a compressed one, twice", gzipSync(gzipSync(tar)), "not-tar"],
    ["a broken-off tar file", gzipSync(tar.subarray(0, 3000)), "truncated"],
    ["a broken-off gzip file", gzipSync(tar).subarray(0, 3000), "truncated"],
    ["a wrong checksum", gzipSync(tarPart({ name: "a", checksum: 7 })), "not-tar"],
  ])("%s", async (_name, bytes, problem) => {
    expect(await readBytes(bytes)).toMatchObject({
      ok: false,
      error: { kind: "layer-unreadable", digest: digestOfBytes(bytes), problem },
    });
  });

  test("too many bytes, too many entries", async () => {
    expect(await readBytes(gzipSync(tar), { maxBytes: 2000 })).toMatchObject({
      error: { problem: "too-large" },
    });
    expect(await readBytes(gzipSync(tarBytes(EVERYTHING)), { maxEntries: 12 })).toMatchObject({
      error: { problem: "too-many-entries" },
    });
  });

  test("random damage never throws, and never changes a summary without a word", async () => {
    const packed = gzipSync(tarBytes(EVERYTHING));
    const right = await summaryOf(packed);
    await fc.assert(
      fc.asyncProperty(fc.nat(packed.length - 1), fc.integer({ min: 1, max: 255 }), async (at, change) => {
        const bent = Buffer.from(packed);
        bent[at] = (bent[at] ?? 0) ^ change;
        const read = await readBytes(bent);
        // Names and times in gzip's own header may change as they like.
        const summary = read.ok ? { ...read.value, digest: right.digest } : right;
        expect(summary).toEqual(right);
      }),
    );
  });
});

describe("from a store", () => {
  const layer = gzipSync(tarBytes(EVERYTHING));
  const descriptor = { mediaType: `${OCI_LAYER}+gzip`, digest: digestOfBytes(layer), size: layer.length };
  const signal = new AbortController().signal;

  test("an encrypted layer is not even asked for", async () => {
    const encrypted = { ...descriptor, mediaType: `${OCI_LAYER}+gzip+encrypted` };
    const store = storeOf({});
    expect(await readLayer(store, encrypted, { signal })).toMatchObject({ error: { problem: "encrypted" } });
  });

  test("a layer is read", async () => {
    const store = storeOf({ openBlob: () => pieces(layer, 100) });
    expect(await readLayer(store, descriptor, { signal })).toMatchObject({
      ok: true,
      value: { entries: 13 },
    });
  });

  test("a store's failure is a value, and what it says of bytes counts before what they look like", async () => {
    const failure = { kind: "layout-cancelled", path: "/layout" } as const;
    const store = storeOf({
      openBlob: async function* () {
        yield Buffer.from("no layer at all");
        yield randomBytes(1000);
        throw new BlobUnreadable(failure);
      },
    });
    expect(await readLayer(store, descriptor, { signal })).toEqual({ ok: false, error: failure });
  });

  test("a bug stays one", async () => {
    const store = storeOf({
      openBlob: async function* () {
        yield layer.subarray(0, 10);
        throw new TypeError("a bug");
      },
    });
    await expect(readLayer(store, descriptor, { signal })).rejects.toThrow("a bug");
  });
});
