import { describe, expect, test } from "vitest";
import { MAX_CHECKED_BYTES, packChecked, unpackChecked } from "../../../core/staging/checked-layers.ts";
import { findAcross } from "../../../core/verify/across.ts";
import type { VerifiedImage } from "../../../core/verify/verified.ts";
import { elf, library, verify, type ImageSpec, type LayerSpec } from "../../support/verify-images.ts";

const AMD_AND_ARM = ["linux/amd64", "linux/arm64"];

function imagesOf(
  files: LayerSpec["files"],
  platforms: readonly string[] = AMD_AND_ARM,
  more: Partial<ImageSpec> = {},
): readonly ImageSpec[] {
  return platforms.map((platform) => ({
    platform,
    layers: [{ files: { "bin/sh": elf(platform) } }, { files }],
    cmd: ["sh"],
    dockerfile: "FROM x\nCOPY own /own\n",
    ...more,
  }));
}

/** The image as another machine knows it: its documents, and the text of the record. */
function takenOver(verified: VerifiedImage): VerifiedImage {
  const packed = packChecked(verified);
  const image = structuredClone(verified.image);
  const unpacked =
    packed === undefined
      ? undefined
      : unpackChecked(packed, image, verified.settings ?? { content: "error", ignore: [] });
  if (unpacked === undefined) throw new Error("not taken over");
  return unpacked;
}

const SAME: LayerSpec["files"] = { server: elf("linux/amd64"), "opt/x": library("linux/amd64") };

describe("images that were taken over are held against others as if their layers were there", () => {
  test.each<readonly [string, readonly ImageSpec[]]>([
    [
      "a shared program that is started",
      imagesOf({ server: elf("linux/amd64") }, AMD_AND_ARM, { cmd: ["/server"] }),
    ],
    ["one on PATH", imagesOf({ "usr/bin/tool": elf("linux/amd64") })],
    ["one that nothing calls", imagesOf({ "opt/x/lib.so": library("linux/amd64") })],
    [
      "more than are listed, for more CPUs than are named",
      imagesOf(
        Object.fromEntries(
          ["amd64", "s390x", "ppc64le", "riscv64", "386", "amd64"].map((name, at) => [
            `opt/${at}.so`,
            library(`linux/${name}`),
          ]),
        ),
        ["linux/arm64", "linux/arm/v7"],
      ),
    ],
    ["three platforms", imagesOf(SAME, ["linux/s390x", "linux/amd64", "linux/arm64"])],
    ["the very same files", AMD_AND_ARM.map((platform) => ({ platform, layers: [{ files: SAME }] }))],
    ["only warned of", imagesOf(SAME, AMD_AND_ARM, { settings: { content: "warn" } })],
  ])("%s", async (_, specs) => {
    const images = await Promise.all(specs.map((spec) => verify(spec)));
    const found = findAcross(images);
    expect(found).not.toEqual([]);
    expect(findAcross(images.map(takenOver))).toEqual(found);
    for (const at of images.keys())
      expect(findAcross(images.map((each, index) => (index === at ? takenOver(each) : each)))).toEqual(found);
  });

  test.each<readonly [string, readonly ImageSpec[]]>([
    ["what the plan ignores", imagesOf(SAME, AMD_AND_ARM, { settings: { ignore: ["/server", "/opt/**"] } })],
    ["a program for each", imagesOf({ a: elf("linux/amd64"), b: elf("linux/arm64") })],
    ["what was not looked into", imagesOf(SAME, AMD_AND_ARM, { settings: { content: "off" } })],
  ])("nothing is found: %s", async (_, specs) => {
    const images = await Promise.all(specs.map((spec) => verify(spec)));
    expect(findAcross(images.map(takenOver))).toEqual([]);
  });
});

test("an image in order costs a few bytes, however many programs it has", async () => {
  const programs = Array.from({ length: 2_000 }, (_, at) => [`usr/bin/${at}`, elf("linux/amd64")]);
  const [spec] = imagesOf(Object.fromEntries(programs), ["linux/amd64"]);
  if (spec === undefined) throw new Error("no image");
  expect(packChecked(await verify(spec))).toBe('{"format":1,"layers":2,"unread":[],"told":[]}');
});

test("one that would be too long, or has other layers than it says, is not kept", async () => {
  const programs = Array.from({ length: 2_000 }, (_, at) => [
    `opt/a-long-name-of-a-folder/${at}`,
    elf("linux/s390x"),
  ]);
  const [long] = imagesOf(Object.fromEntries(programs), ["linux/amd64"]);
  const [right] = imagesOf(SAME);
  if (long === undefined || right === undefined) throw new Error("no image");
  expect(packChecked(await verify(long))).toBeUndefined();
  const verified = await verify(right);
  const config = { ...verified.image.config, diffIds: verified.image.config.diffIds.toReversed() };
  expect(packChecked(verified)).toBeDefined();
  expect(packChecked({ ...verified, image: { ...verified.image, config } })).toBeUndefined();
});

describe("a text that cannot be about the image is not believed", () => {
  const right = { format: 1, layers: 2, unread: [], told: [] };
  const tale = { layer: 1, reached: false, programs: [["/x", "linux/amd64"]] };
  test.each<readonly [string, string | object]>([
    ["no JSON", "{"],
    ["another version", { ...right, format: 2 }],
    ["another number of layers", { ...right, layers: 3 }],
    ["a layer beyond them", { ...right, unread: [2] }],
    ["a layer twice", { ...right, told: [tale, tale] }],
    ["a layer that was not read and tells something", { ...right, unread: [1], told: [tale] }],
    ["programs of another form", { ...right, told: [{ ...tale, programs: [["/x"]] }] }],
    ["longer than any", { ...right, more: "x".repeat(MAX_CHECKED_BYTES) }],
  ])("%s", async (_, text) => {
    const [spec] = imagesOf(SAME);
    if (spec === undefined) throw new Error("no image");
    const { image } = await verify(spec);
    const packed = typeof text === "string" ? text : JSON.stringify(text);
    expect(unpackChecked(packed, image, { content: "error", ignore: [] })).toBeUndefined();
    const known = JSON.stringify({ ...right, told: [tale], later: "unknown" });
    expect(unpackChecked(known, image, { content: "error", ignore: [] })).toBeDefined();
  });

  test("a config with fewer layers than were looked into", async () => {
    const [spec] = imagesOf(SAME);
    if (spec === undefined) throw new Error("no image");
    const { image } = await verify(spec);
    const config = { ...image.config, diffIds: image.config.diffIds.slice(1) };
    const settings = { content: "error", ignore: [] } as const;
    expect(unpackChecked(JSON.stringify(right), { ...image, config }, settings)).toBeUndefined();
  });
});
