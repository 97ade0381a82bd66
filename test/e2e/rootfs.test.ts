import { copyFile, mkdir } from "node:fs/promises";
import { join } from "node:path";
import { execa } from "execa";
import { describe, expect, test } from "vitest";
import type { VerifiedImage } from "../../core/verify/verified.ts";
import { fitOf } from "../../platforms/program.ts";
import type { Program } from "../../platforms/program.ts";
import { temporaryFolder } from "../support/registry-rig.ts";
import { fileLayer, rootLayer, verifyLayers, type FileLayer } from "../support/root-files.ts";

const ROOT = join(import.meta.dirname, "../..");

describe("real root file systems raise no false alarm", () => {
  test.each([
    ["amd64", "linux/amd64"],
    ["amd64", "linux/amd64/v3"],
    ["arm64", "linux/arm64"],
    ["armhf", "linux/arm/v7"],
    ["s390x", "linux/s390x"],
  ])("Debian's %s, said to be %s", async (set, declared) => {
    const verified = await verifyLayers([await rootLayer(set)], { declared, cmd: ["bash"] });
    expect(verified.findings).toEqual([]);
    expect(verified.programs).toBeGreaterThan(600);
  });

  test("armhf has libraries with code for v8, which ask the CPU before they use it: they fit v7", async () => {
    const { layers } = await verifyLayers([await rootLayer("armhf")], {
      declared: "linux/arm/v7",
      cmd: ["bash"],
    });
    const programs = programsOf(layers[0]);
    const forV8 = programs.filter((program) => program.format === "elf" && program.armArchitecture === 14);
    expect(forV8.length).toBeGreaterThan(0);
    const fits = programs.map((program) =>
      fitOf(program, { os: "linux", architecture: "arm", variant: "v7" }),
    );
    expect(new Set(fits)).toEqual(new Set(["native"]));
  });

  test("a toolchain for another CPU: programs for this one, libraries for that one", async () => {
    const layers = [await rootLayer("amd64"), await rootLayer("cross-arm64")];
    const command = { declared: "linux/amd64", cmd: ["aarch64-linux-gnu-ld", "--version"] };
    const verified = await verifyLayers(layers, command);
    expect(verified.findings).toEqual([]);
    const foreign = programsOf(verified.layers[1]).filter(
      (program) => program.format === "elf" && program.header.machine === 183,
    );
    expect(foreign.length).toBeGreaterThan(10);
  });

  test("Node, and a library for it that is made with Rust", async () => {
    const architecture = process.arch === "x64" ? "amd64" : process.arch;
    const addon = join(ROOT, `node_modules/@rolldown/binding-linux-${process.arch}-gnu`);
    const own = await layerOf({
      "usr/local/bin/node": process.execPath,
      "app/addon.node": `${addon}/${ADDON}`,
    });
    const layers = [await rootLayer(architecture), own];
    const verified = await verifyLayers(layers, {
      declared: `linux/${architecture}`,
      cmd: ["node", "/app/main.js"],
    });
    expect(verified.findings).toEqual([]);
    expect(verified.layers[1]?.files.map(({ path }) => path)).toEqual([
      "app/addon.node",
      "usr/local/bin/node",
    ]);
  });
});

describe("the root of one platform, said to be another", () => {
  const [ENTRYPOINT, LIBC] = ["error entrypoint-architecture /usr/bin/bash", "error libc-architecture"];

  test.each([
    ["arm64", "linux/amd64", "/usr/lib/aarch64-linux-gnu/ld-linux-aarch64.so.1"],
    ["amd64", "linux/arm64", "/usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2"],
    ["amd64", "linux/386", "/usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2"],
    ["armhf", "linux/amd64", "/usr/lib/arm-linux-gnueabihf/ld-linux-armhf.so.3"],
    ["armhf", "linux/arm/v5", "/usr/lib/arm-linux-gnueabihf/ld-linux-armhf.so.3"],
    ["s390x", "linux/ppc64le", "/usr/lib/s390x-linux-gnu/ld64.so.1"],
    ["s390x", "linux/amd64", "/usr/lib/s390x-linux-gnu/ld64.so.1"],
  ])("%s is not %s", async (set, declared, loader) => {
    const verified = await verifyLayers([await rootLayer(set)], { declared, cmd: ["bash"] });
    expect(said(verified)).toEqual([ENTRYPOINT, `${LIBC} ${loader}`]);
  });

  test("armhf is not for v6, whose programs look the same but for an attribute", async () => {
    const verified = await verifyLayers([await rootLayer("armhf")], {
      declared: "linux/arm/v6",
      cmd: ["bash"],
    });
    expect(said(verified)).toContain(ENTRYPOINT);
  });

  test("armhf on arm64 is worth a warning: many such machines run it", async () => {
    const verified = await verifyLayers([await rootLayer("armhf")], {
      declared: "linux/arm64",
      cmd: ["bash"],
    });
    expect(said(verified)).toEqual([
      "warning entrypoint-architecture /usr/bin/bash",
      "warning libc-architecture /usr/lib/arm-linux-gnueabihf/ld-linux-armhf.so.3",
    ]);
  });

  test("a layer of another platform over the right one", async () => {
    const layers = [await rootLayer("amd64"), await rootLayer("arm64")];
    const verified = await verifyLayers(layers, { declared: "linux/amd64", cmd: ["bash"] });
    expect(said(verified)).toContain(ENTRYPOINT);
  });
});

const ADDON = `rolldown-binding.linux-${process.arch}-gnu.node`;

/** `severity rule path`, without what says the same of single programs. */
function said({ findings }: VerifiedImage): readonly string[] {
  return findings
    .filter(({ rule }) => rule !== "program-architecture")
    .map(({ severity, rule, image }) => `${severity} ${rule} ${image?.path}`);
}

function programsOf(layer: VerifiedImage["layers"][number]): readonly Program[] {
  return (layer?.files ?? []).flatMap(({ content }) => (content.kind === "program" ? [content.program] : []));
}

/** A layer with copies of these files. */
async function layerOf(files: Readonly<Record<string, string>>): Promise<FileLayer> {
  const folder = await temporaryFolder();
  for (const [path, from] of Object.entries(files)) {
    await mkdir(join(folder, "root", path, ".."), { recursive: true });
    await copyFile(from, join(folder, "root", path));
  }
  const layer = join(folder, "layer.tar.gz");
  await execa("tar", ["--sort=name", "-I", "gzip -1", "-cf", layer, "-C", join(folder, "root"), "."]);
  return await fileLayer(layer);
}
