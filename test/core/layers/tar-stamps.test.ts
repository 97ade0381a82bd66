import { expect, test } from "vitest";
import { readStamps, type TarStamps } from "../../../core/layers/tar-stamps.ts";
import { TarStream } from "../../../core/layers/tar-stream.ts";
import { partsOf } from "../../support/layers.ts";
import { paxPart, tarBytes, tarPart, type TarPart } from "../../support/tar-bytes.ts";

function stampsOf(parts: readonly TarPart[], pieceSize = 10_000): readonly TarStamps[] {
  const found: TarStamps[] = [];
  const tar = new TarStream((_, raw) => void found.push(readStamps(raw)), { maxEntries: 10 });
  const bytes = tarBytes(parts);
  for (let at = 0; at < bytes.length; at += pieceSize) {
    const piece = Buffer.from(bytes.subarray(at, at + pieceSize));
    tar.take(piece);
    // Whoever hands over bytes may use their place again.
    piece.fill(0xff);
  }
  expect(tar.end().kind).toBe("ended");
  return found;
}

const FILE = {
  name: "a",
  uid: 1000,
  gid: 20,
  user: "user",
  mtime: 1_700_000_000,
  xattrs: { "security.capability": "ä" },
};
const EXPECTED = {
  mtime: "1700000000",
  uid: "1000",
  gid: "20",
  user: "user",
  group: "",
  device: "",
  xattrs: new Map([["security.capability", "Ã¤"]]),
};

test.each([1, 7, 512, 10_000])("what a header says, whatever the pieces: %i bytes", (size) => {
  expect(stampsOf([...partsOf(FILE), ...partsOf(FILE)], size)).toEqual([EXPECTED, EXPECTED]);
});

test("an extended header overrules it, for the next entry only", () => {
  const pax = paxPart([
    ["mtime", "12.345"],
    ["uid", "5000000"],
    ["gid", "5000001"],
    ["uname", "somebody"],
    ["gname", "staff"],
    ["LIBARCHIVE.xattr.user.a", "1"],
  ]);
  const [one, other] = stampsOf([
    pax,
    ...partsOf({ name: "a", mtime: 7 }),
    ...partsOf({ name: "b", mtime: 7 }),
  ]);
  expect(one).toMatchObject({
    mtime: "12.345",
    uid: "5000000",
    gid: "5000001",
    user: "somebody",
    group: "staff",
  });
  expect(one?.xattrs).toEqual(new Map([["user.a", "1"]]));
  expect(other).toMatchObject({ mtime: "7", uid: "0", user: "" });
});

test("numbers of devices belong to devices, and what is no number is not made one", () => {
  expect(stampsOf(partsOf({ name: "null", type: "3", device: 3 }))).toMatchObject([{ device: "0,3" }]);
  expect(stampsOf(partsOf({ name: "a", device: 3 }))).toMatchObject([{ device: "" }]);
  expect(stampsOf([{ name: "a", raw: [[136, "not octal\0"]] }])).toMatchObject([{ mtime: "?" }]);
});

test("the header of a file with holes is kept while its map is read", () => {
  const part = { name: "sparse", type: "S", content: "data", magic: "ustar  \0" };
  const map = "00000000000\0";
  const header = tarPart({
    ...part,
    raw: [
      [136, "00000000007\0"],
      [386, map],
      [398, "00000000004\0"],
      [482, "\u0001"],
      [483, "00000000004\0"],
    ],
  });
  const block = Buffer.alloc(512);
  const bytes = Buffer.concat([header.subarray(0, 512), block, header.subarray(512), Buffer.alloc(1024)]);
  const found: TarStamps[] = [];
  const tar = new TarStream((_, raw) => void found.push(readStamps(raw)), { maxEntries: 10 });
  for (const byte of bytes) tar.take(Uint8Array.of(byte));
  expect(tar.end().kind).toBe("ended");
  expect(found).toMatchObject([{ mtime: "7" }]);
});
