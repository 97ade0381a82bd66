import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { EntryChange } from "../../../core/reproduce/difference.ts";
import {
  changesBetween,
  compared,
  imageOf,
  layerOf,
  partsOf,
  type LayerEntry,
} from "../../support/layers.ts";
import { tarBytes } from "../../support/tar-bytes.ts";

const FILE: LayerEntry = { name: "etc/app", content: "one\ntwo\n", mode: 0o644, mtime: 100, uid: 1, gid: 2 };

describe("one entry", () => {
  test.each<[string, Partial<LayerEntry>, EntryChange]>([
    ["time", { mtime: 101 }, { what: "mtime", values: ["100", "101"] }],
    ["mode", { mode: 0o4755 }, { what: "mode", values: ["0644", "4755"] }],
    ["user", { uid: 7 }, { what: "owner", values: ["1:2", "7:2"] }],
    ["group", { gid: 7 }, { what: "owner", values: ["1:2", "1:7"] }],
    ["name of the user", { user: "me" }, { what: "owner", values: ["1:2", "1:2 me:"] }],
    ["kind", { type: "2", content: "", linkName: "x" }, { what: "kind", values: ["file", "symlink"] }],
    ["attribute", { xattrs: { "user.a": "1" } }, { what: "xattrs", names: ["user.a"] }],
    [
      "content of the same size",
      { content: "one\ntwx\n" },
      {
        what: "content",
        sizes: [8, 8],
        place: { offset: 6, line: { number: 2, texts: ["two", "twx"] } },
      },
    ],
    [
      "content that is longer",
      { content: "one\ntwo\nthree\n" },
      {
        what: "content",
        sizes: [8, 14],
        place: { offset: 8, line: { number: 3, texts: [undefined, "three"] } },
      },
    ],
    [
      "content with a NUL",
      { content: "one\ntw\0\n" },
      { what: "content", sizes: [8, 8], place: { offset: 6 } },
    ],
    [
      "content that is no text",
      { content: Uint8Array.of(0x6f, 0x6e, 0xff, 0) },
      { what: "content", sizes: [8, 4], place: { offset: 2 } },
    ],
  ])("%s", async (_, change, expected) => {
    const changes = await changesBetween([FILE], [{ ...FILE, ...change }]);
    expect(changes).toEqual([["etc/app", [expected], 0]]);
  });

  test("what a link points to, and the number of a device", async () => {
    const link = { name: "a", type: "2", linkName: "b" };
    const changes = await changesBetween([link], [{ ...link, linkName: "c" }]);
    expect(changes).toEqual([["a", [{ what: "link", values: ["b", "c"] }], 0]]);
    const device = { name: "null", type: "3", device: 3 };
    const numbers = await changesBetween([device], [{ ...device, device: 5 }]);
    expect(numbers).toEqual([["null", [{ what: "device", values: ["0,3", "0,5"] }], 0]]);
  });

  test("an attribute with another value", async () => {
    const [one, other] = ["1", "2"].map((value) => ({ ...FILE, xattrs: { "user.a": value, "user.b": "" } }));
    if (one === undefined || other === undefined) throw new Error("two files");
    expect(await changesBetween([one], [other])).toEqual([
      ["etc/app", [{ what: "xattrs", names: ["user.a"] }], 0],
    ]);
  });

  test("all that is different, the most telling first", async () => {
    const [[, changes] = []] = await changesBetween(
      [FILE],
      [{ ...FILE, content: "x", mode: 0o600, mtime: 5 }],
    );
    expect(changes?.map(({ what }) => what)).toEqual(["content", "mode", "mtime"]);
  });

  test("a header that says the same in another way", async () => {
    const [part] = partsOf(FILE);
    if (part === undefined) throw new Error("no part");
    const other = gzipSync(tarBytes([{ ...part, raw: [...(part.raw ?? []), [100, "    644\0"]] }]));
    const difference = await compared(imageOf([layerOf([FILE])]), imageOf([other]));
    expect(difference?.layers).toMatchObject([{ groups: [{ example: { changes: [{ what: "header" }] } }] }]);
  });
});

describe("large files", () => {
  const size = 3 * 1024 * 1024 + 17;
  test.each([0, 1024 * 1024 - 1, 1024 * 1024, 2 * 1024 * 1024 + 5, size - 1])("byte %i", async (offset) => {
    const content = Buffer.alloc(size, "a");
    const other = Buffer.from(content);
    other[offset] = 0x62;
    expect(await changesBetween([{ name: "a", content }], [{ name: "a", content: other }])).toEqual([
      ["a", [{ what: "content", sizes: [size, size], place: { offset } }], 0],
    ]);
  });

  test("one is the beginning of the other", async () => {
    const content = Buffer.alloc(size, "a");
    const shorter = content.subarray(0, 2 * 1024 * 1024);
    expect(await changesBetween([{ name: "a", content }], [{ name: "a", content: shorter }])).toEqual([
      ["a", [{ what: "content", sizes: [size, shorter.length], place: { offset: shorter.length } }], 0],
    ]);
  });
});

describe("several entries", () => {
  const files = (...names: readonly string[]): readonly LayerEntry[] => names.map((name) => ({ name }));

  test("entries that differ in the same way are told once, with how many there are", async () => {
    const first = files("a", "b", "c", "d").map((entry) => ({ ...entry, mtime: 1 }));
    const second = first.map((entry) => ({ ...entry, mtime: entry.name === "a" ? 1 : 2 }));
    expect(await changesBetween(first, second)).toEqual([["b", [{ what: "mtime", values: ["1", "2"] }], 2]]);
  });

  test("what tells more comes before what only follows", async () => {
    const first = [
      { name: "etc/", type: "5", mtime: 1 },
      { name: "etc/app", content: "1", mtime: 1 },
    ];
    const second = [
      { name: "etc/", type: "5", mtime: 2 },
      { name: "etc/app", content: "2", mtime: 2 },
    ];
    const changes = await changesBetween(first, second);
    expect(changes.map(([path, all]) => [path, all.map(({ what }) => what)])).toEqual([
      ["etc/app", ["content", "mtime"]],
      ["etc/", ["mtime"]],
    ]);
  });

  test("entries that are there once", async () => {
    expect(await changesBetween(files("a", "old", "z"), files("a", "new", "newer", "z"))).toEqual([
      ["old", [{ what: "presence", in: "first" }], 0],
      ["new", [{ what: "presence", in: "second" }], 1],
    ]);
  });

  test("the same ones in another order", async () => {
    expect(await changesBetween(files("a", "b", "c", "d"), files("a", "c", "b", "d"))).toEqual([
      ["b", [{ what: "order", values: ["b", "c"] }], 1],
    ]);
  });

  test("a name that is there twice is compared time by time", async () => {
    const twice = (content: string): readonly LayerEntry[] => [
      { name: "a", content },
      { name: "a", content: "2" },
    ];
    const [[path, changes] = []] = await changesBetween(twice("1"), twice("3"));
    expect([path, changes?.map(({ what }) => what)]).toEqual(["a", ["content"]]);
  });

  test("bytes between the entries only", async () => {
    const tar = tarBytes(partsOf(FILE));
    tar[520] = 0x41;
    const difference = await compared(imageOf([layerOf([FILE])]), imageOf([gzipSync(tar)]));
    expect(difference?.layers).toMatchObject([{ kind: "entries", groups: [] }]);
  });
});

describe("layers and documents", () => {
  const layers = (...times: readonly number[]): Buffer[] =>
    times.map((mtime, at) => layerOf([{ name: `f${at}`, mtime }]));

  test("the same image has no difference", async () => {
    expect(await compared(imageOf(layers(1, 2)), imageOf(layers(1, 2)))).toBeUndefined();
  });

  test("the first layer that differs, and how many others do", async () => {
    const difference = await compared(imageOf(layers(1, 2, 3)), imageOf(layers(1, 5, 6)));
    expect(difference?.layers).toMatchObject([{ kind: "entries", layer: 1, more: 1 }]);
    expect(difference).toMatchObject({ config: [], manifest: [] });
  });

  test("beyond layers that differ in times only, the first that differs in more", async () => {
    const [a, b] = [1, 2].map((mtime) => [
      ...layers(mtime, mtime),
      layerOf([{ name: "x", content: String(mtime) }]),
      layerOf([{ name: "y", content: String(mtime) }]),
    ]);
    const difference = await compared(imageOf(a ?? []), imageOf(b ?? []));
    expect(difference?.layers).toMatchObject([
      { layer: 0, more: 3 },
      { layer: 2, more: 1 },
    ]);
  });

  test("the same layers, packed in another way", async () => {
    const entries = [{ name: "a", content: "some text, some text, some text, some text" }];
    const difference = await compared(imageOf([layerOf(entries, 9)]), imageOf([layerOf(entries, 0)]));
    expect(difference?.layers).toMatchObject([{ kind: "compression", layer: 0, more: 0 }]);
  });

  test("more layers in one of them", async () => {
    const difference = await compared(imageOf(layers(1)), imageOf(layers(1, 2)));
    expect(difference?.layers).toEqual([{ kind: "count", counts: [1, 2] }]);
  });

  test("a layer that is no tar file", async () => {
    const difference = await compared(imageOf(layers(1)), imageOf([gzipSync("nonsense".repeat(100))]));
    expect(difference?.layers).toMatchObject([{ kind: "unreadable", layer: 0 }]);
  });

  test("values of the config, without those that follow from layers", async () => {
    const config = (created: string) => ({ created, config: { Env: [`AT=${created}`] } });
    const same = layers(1);
    const difference = await compared(imageOf(same, config("1")), imageOf(same, config("2")));
    expect(difference).toMatchObject({
      config: [{ path: "created" }, { path: "config.Env[0]", first: '"AT=1"', second: '"AT=2"' }],
      layers: [],
      manifest: [],
    });
  });
});

describe("any layer", () => {
  const name = fc.stringMatching(/^[a-z]{1,8}$/);
  const entry = fc.record({
    name,
    content: fc.string({ maxLength: 600 }),
    mode: fc.integer({ min: 0, max: 0o7777 }),
    mtime: fc.integer({ min: 0, max: 2 ** 31 }),
    uid: fc.integer({ min: 0, max: 65_535 }),
    gid: fc.integer({ min: 0, max: 65_535 }),
  });
  const entries = fc.uniqueArray(entry, { selector: (each) => each.name, minLength: 1, maxLength: 8 });

  test("is the same as itself, however it is packed", async () => {
    await fc.assert(
      fc.asyncProperty(entries, async (given) => {
        expect(await compared(imageOf([layerOf(given)]), imageOf([layerOf(given)]))).toBeUndefined();
        expect(await changesBetween(given, given)).toEqual([]);
      }),
      { numRuns: 50 },
    );
  });

  const changes = {
    mtime: (each: LayerEntry) => ({ ...each, mtime: (each.mtime ?? 0) + 1 }),
    mode: (each: LayerEntry) => ({ ...each, mode: (each.mode ?? 0) ^ 0o100 }),
    owner: (each: LayerEntry) => ({ ...each, uid: (each.uid ?? 0) + 1 }),
    content: (each: LayerEntry) => ({ ...each, content: `${String(each.content)}!` }),
    kind: (each: LayerEntry) => ({ ...each, type: "5", content: "" }),
  };

  test.each(Object.entries(changes))(
    "one that differs in one thing is told by exactly that: %s",
    async (what, change) => {
      await fc.assert(
        fc.asyncProperty(entries, fc.nat(), async (given, pick) => {
          const at = pick % given.length;
          const other = given.map((each, place) => (place === at ? change(each) : each));
          const found = await changesBetween(given, other);
          expect(found.map(([path, all, more]) => [path, all.map((each) => each.what), more])).toEqual([
            [given[at]?.name, [what], 0],
          ]);
        }),
        { numRuns: 50 },
      );
    },
  );
});
