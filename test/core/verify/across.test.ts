import { describe, expect, test } from "vitest";
import type { Finding } from "../../../core/findings/finding.ts";
import { findAcross } from "../../../core/verify/across.ts";
import { elf, library, verify, type ImageSpec, type LayerSpec } from "../../support/verify-images.ts";

async function across(...specs: readonly ImageSpec[]): Promise<readonly Finding[]> {
  return findAcross(await Promise.all(specs.map(async (spec) => await verify(spec))));
}

/** A base of the platform's own. */
function base(platform: string): LayerSpec {
  return {
    files: { "bin/sh": elf(platform), "lib/libc.so.6": library(platform) },
    madeBy: "ADD rootfs.tar / # buildkit",
  };
}

/** Images that differ in their base and share what is above it. */
function over(
  layers: readonly LayerSpec[],
  platforms: readonly string[],
  more: Partial<ImageSpec> = {},
): readonly ImageSpec[] {
  return platforms.map((platform) => ({
    platform,
    layers: [base(platform), ...layers],
    cmd: ["sh"],
    ...more,
  }));
}

const AMD_AND_ARM = ["linux/amd64", "linux/arm64"];
const SERVER: LayerSpec = { files: { server: elf("linux/amd64") }, madeBy: "COPY server /server # buildkit" };

describe("a layer that two architectures share", () => {
  test("with what is started", async () => {
    const found = await across(
      ...over([SERVER], AMD_AND_ARM, { cmd: ["/server"], dockerfile: "FROM x\nCOPY server /server\n" }),
    );
    expect(found).toMatchObject([
      {
        rule: "shared-programs",
        severity: "error",
        message:
          "linux/amd64 and linux/arm64 share a layer with 1 program for linux/amd64: linux/arm64 cannot run it",
        image: {
          platform: { architecture: "arm64" },
          path: "/server",
          madeBy: "COPY server /server # buildkit",
        },
        location: { range: { start: 7 } },
      },
    ]);
    expect(found[0]?.image?.layer).toMatch(/^sha256:/);
  });

  test("the order of platforms does not matter, and more of them are one finding", async () => {
    const found = await across(
      ...over([SERVER], ["linux/s390x", "linux/amd64", "linux/arm64"], { cmd: ["/server"] }),
    );
    expect(found.map(({ message }) => message)).toEqual([
      "linux/s390x, linux/amd64 and linux/arm64 share a layer with 1 program for linux/amd64: linux/s390x cannot run it",
    ]);
  });

  test("of a base with several layers: one mistake", async () => {
    const pinned = [base("linux/amd64"), { files: { "usr/bin/x": elf("linux/amd64") } }];
    const specs = AMD_AND_ARM.map((platform): ImageSpec => ({
      platform,
      layers: [...pinned, { files: { [platform]: "other" }, madeBy: "COPY own /own" }],
      dockerfile: "FROM x\nCOPY own /own\n",
    }));
    const found = await across(...specs);
    expect(found).toMatchObject([
      { rule: "shared-programs", severity: "error", location: { range: { start: 0, end: 6 } } },
    ]);
    expect(found[0]?.message).toContain("share 2 layers with 3 programs");
  });

  test.each<readonly [string, LayerSpec["files"], string | undefined]>([
    ["one that nothing calls", { "opt/x/lib.so": library("linux/amd64") }, "warning"],
    [
      "three of them",
      Object.fromEntries(["a", "b", "c"].map((name) => [`opt/x/${name}.so`, library("linux/amd64")])),
      "error",
    ],
    ["one on PATH", { "usr/local/bin/tool": elf("linux/amd64") }, "error"],
    ["one that says for what it is", { "opt/linux-amd64/tool": elf("linux/amd64") }, undefined],
    ["an emulator of one of them", { "usr/bin/qemu-aarch64-static": elf("linux/amd64") }, undefined],
    ["one for each of them", { "opt/a": elf("linux/amd64"), "opt/b": elf("linux/arm64") }, undefined],
    ["scripts", { "usr/bin/x": "#!/bin/sh" }, undefined],
    [
      "bytecode",
      { "app/x.dll": { format: "pe", type: "library", machine: 0x14c, managed: "any" } },
      undefined,
    ],
  ])("%s", async (_, files, severity) => {
    const found = await across(...over([{ files }], AMD_AND_ARM));
    expect(found.map((finding) => finding.severity)).toEqual(severity === undefined ? [] : [severity]);
  });

  test.each([
    [["linux/arm/v6", "linux/arm/v7"], elf("linux/arm/v6"), 0],
    [["linux/arm/v6", "linux/arm/v7"], elf("linux/arm/v7", { armArchitecture: 10 }), 1],
    [["linux/amd64", "linux/amd64/v3"], elf("linux/amd64"), 0],
    [["linux/386", "linux/amd64"], elf("linux/386"), 0],
    [["linux/386", "linux/amd64"], elf("linux/amd64"), 1],
  ])("%j", async (platforms, program, many) => {
    expect(
      await across(...over([{ files: { server: program } }], platforms, { cmd: ["/server"] })),
    ).toHaveLength(many);
  });

  test("what the plan ignores is no sign, and what it only warns of stops nothing", async () => {
    const ignored = over([SERVER], AMD_AND_ARM, { cmd: ["/server"], settings: { ignore: ["/server"] } });
    expect(await across(...ignored)).toEqual([]);
    const warned = over([SERVER], AMD_AND_ARM, { cmd: ["/server"], settings: { content: "warn" } });
    expect(await across(...warned)).toMatchObject([{ severity: "warning" }]);
  });
});

describe("the very same files", () => {
  const same = (files: LayerSpec["files"], platforms: readonly string[]): readonly ImageSpec[] =>
    platforms.map((platform) => ({ platform, layers: [{ files }] }));

  test("with programs", async () => {
    const found = await across(
      ...same({ server: elf("linux/amd64"), "bin/x": elf("linux/amd64") }, AMD_AND_ARM),
    );
    expect(found).toMatchObject([
      {
        rule: "identical-rootfs",
        severity: "error",
        message:
          "linux/amd64 and linux/arm64 hold the very same files, and the programs in them are for linux/amd64",
        image: { platform: { architecture: "arm64" }, path: "/server" },
      },
    ]);
  });

  test("data and scripts only", async () => {
    expect(await across(...same({ "etc/x": "other", run: "#!/bin/sh" }, AMD_AND_ARM))).toEqual([]);
  });

  test("the programs of each platform in folders of their own", async () => {
    const files = { "linux/amd64/x": elf("linux/amd64"), "linux/arm64/x": elf("linux/arm64") };
    expect(await across(...same(files, AMD_AND_ARM))).toEqual([]);
  });

  test("variants of one architecture", async () => {
    expect(await across(...same({ server: elf("linux/arm/v6") }, ["linux/arm/v6", "linux/arm/v7"]))).toEqual(
      [],
    );
  });

  test("no layers at all, and layers that were not read", async () => {
    expect(
      await across({ platform: "linux/amd64", layers: [] }, { platform: "linux/arm64", layers: [] }),
    ).toEqual([]);
    const off = same({ server: elf("linux/amd64") }, AMD_AND_ARM).map((spec) => ({
      ...spec,
      settings: { content: "off" as const },
    }));
    expect(await across(...off)).toEqual([]);
  });
});

test("one image, and images that share nothing", async () => {
  expect(await across(...over([SERVER], ["linux/arm64"]))).toEqual([]);
  expect(await across(...over([], AMD_AND_ARM))).toEqual([]);
});
